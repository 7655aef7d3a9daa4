"""The settings of a stack, read once and checked all at once.

Names, types, defaults and meanings are declared in Pulumi.yaml, which the engine reads too; here is what the values
must be.
"""

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

import setting_errors
from cluster.images import PIPELINE, PIPELINES, SERVING_GPU
from cluster.plain_nodes import PlainNodes
from cluster.roles import AUDITOR, DATA_SCIENTIST, ML_ENGINEER, PLATFORM_OPERATOR
from foundation import retention
from foundation.account import Account
from foundation.database import DatabaseSize
from foundation.network.site import Site
from foundation.stack import Stack
from mlops.mlflow_server.sign_on import SignOn
from mlops.serving.tokens import Tokens
from setting_types import NAMESPACE, common, machines, network, people, services


class Settings(BaseModel):
    """What a stack's configuration says. A field's description is what is allowed, as an error message says it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    environment: str = Field(
        pattern=r"^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$",
        description="1 to 16 lower-case letters, digits and hyphens, from a letter to a letter or digit",
    )
    owner: common.TagValue
    cost_center: common.TagValue
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="the code of an AWS Region, such as us-east-1")
    allowed_account_id: str = Field(
        pattern=r"^(\d{12})?$", description="the twelve digits of an AWS account, or empty for any account"
    )
    local_aws: bool = Field(description="true or false")
    protect: bool = Field(description="true or false")
    key_administrators: people.Administrators
    audit_retention_years: int = Field(
        ge=retention.AUDIT_YEARS,
        le=100,
        description=f"a whole number of years from {retention.AUDIT_YEARS} (45 CFR 164.316(b)(2)(i)) to 100",
    )
    log_retention_days: common.LogRetention
    vpc_cidr: network.VpcRange
    zones: network.Zones
    egress: bool = Field(description="true or false")
    interface_endpoints: network.EndpointServices
    cluster_version: machines.ClusterVersion
    cluster_administrators: people.ClusterAdministrators
    cluster_public_cidrs: network.PublicRanges
    cluster_client_cidrs: network.ClientRanges
    cluster_client_security_groups: network.SecurityGroups
    operators_host: network.OperatorsHost
    session_preferences: bool = Field(description="true or false")
    pipelines: bool = Field(description="true or false")
    system_instance_types: machines.SystemInstanceTypes
    system_nodes_min: machines.SystemNodes
    system_nodes_max: machines.MostSystemNodes
    workload_instance_types: machines.WorkloadInstanceTypes
    workload_nodes_min: machines.SystemNodes
    workload_nodes_max: machines.MostWorkloadNodes
    gpu_groups: machines.GpuGroups
    data_scientist_roles: people.Roles
    ml_engineer_roles: people.Roles
    platform_operator_roles: people.Roles
    auditor_roles: people.Roles
    break_glass: people.BreakGlassGrants
    workspaces: people.Workspaces
    workload_secrets: services.WorkloadSecrets
    database_instance_class: services.DatabaseInstanceClass
    database_multi_az: bool = Field(description="true or false")
    domain: network.Domain
    certificate_authority_arn: network.CertificateAuthorityArn
    certificate_authority_accounts: network.AuthorityAccounts
    allowed_domains: network.AllowedDomains
    client_cidrs: network.ClientRanges
    transit_gateway_id: network.TransitGatewayId
    vpn_gateway: network.VpnGateway
    resolver_endpoint: network.ResolverEndpoint
    mlflow_users: services.MlflowUsers
    mlflow_sign_on: services.MlflowSignOn
    mlflow_deleted_days: services.MlflowDeletedDays
    model_tokens: services.ModelTokens
    models: services.Models
    model_analysis_seconds: int = Field(ge=10, le=3600, description="a whole number of seconds from 10 to 3600")
    model_check_seconds: services.ModelCheckSeconds
    model_promoter_roles: people.ModelPromoters
    privacy_officers: people.PrivacyOfficers

    @property
    def name(self) -> str:
        """What every resource's name begins with."""
        return f"{NAMESPACE}-{self.environment}"

    @property
    def tags(self) -> dict[str, str]:
        """What every resource and every node is tagged with."""
        return {"Owner": self.owner, "Environment": self.environment, "CostCenter": self.cost_center}

    @property
    def predictors(self) -> int:
        """How many pods its models have, at most."""
        return sum(each.most_pods for each in self.models)

    @property
    def images(self) -> tuple[str, ...]:
        """Which of the images that not every stack has this one has."""
        gpu = (SERVING_GPU,) if any(each.gpu_group for each in self.models) else ()
        # Checks run in it where no step does.
        checks = (PIPELINE,) if any(each.checked for each in self.models) else ()
        return (*gpu, *(PIPELINES if self.pipelines else checks))

    def stack(self, account: Account, images: Mapping[str, str]) -> Stack:
        """What every component stands on, in this account, with these images (digests by NAME:TAG).

        Raises `pulumi.RunError` for an administrator of another one, where the settings name no account that would have
        told.
        """
        for index, arn in enumerate(self.cluster_administrators):
            if arn.split(":")[4] != account.id:
                raise pulumi.RunError(
                    f'{NAMESPACE}:clusterAdministrators[{index}] is "{arn}"; it must be one of the account '
                    f"{account.id}, whose the credentials are."
                )
        return Stack(
            name=self.name,
            owner=self.owner,
            account=account,
            images=images,
            tags=self.tags,
            audit_retention_years=self.audit_retention_years,
            log_retention_days=self.log_retention_days,
            protect=self.protect,
            listed_images=frozenset(self.images),
        )

    @property
    def site(self) -> Site:
        """The hospital's own network."""
        return Site(
            ranges=(*self.client_cidrs, *self.cluster_client_cidrs),
            transit_gateway_id=self.transit_gateway_id,
            vpn_gateway=self.vpn_gateway,
            resolver=self.resolver_endpoint,
            services=self._asked_there,
            resolvers=tuple(dict.fromkeys(each for provider in self._providers for each in provider.resolvers)),
            names=tuple(sorted({host for provider in self._providers for host in provider.all_hosts})),
            domains=self.allowed_domains,
        )

    @property
    def _providers(self) -> tuple[SignOn | Tokens, ...]:
        """The identity providers: MLflow's people's, and that of models' callers."""
        return (*self.mlflow_sign_on, *self.model_tokens)

    @property
    def provider_cidrs(self) -> tuple[IPv4Network, ...]:
        """Where they are."""
        return tuple(dict.fromkeys(each for provider in self._providers for each in provider.cidrs))

    @property
    def _asked_there(self) -> tuple[IPv4Network, ...]:
        """Where identity providers and what knows their names are, if not in the VPC, and not on the internet that the
        VPC has a way to."""
        resolvers = dict.fromkeys(IPv4Network(each) for provider in self._providers for each in provider.resolvers)
        asked = [*self.provider_cidrs, *resolvers]
        outside = [each for each in asked if not each.subnet_of(self.vpc_cidr)]
        private = [each for each in outside if any(each.subnet_of(own) for own in network.PRIVATE_RANGES)]
        return tuple(private if self.egress else outside)

    @property
    def secret_readers(self) -> tuple[str, ...]:
        """The roles of people that read a secret of MLflow; not those who administer keys, who never use one."""
        of_users = {reader for user in self.mlflow_users for reader in user.readers}
        people = {*of_users, *self.cluster_administrators, *self.privacy_officers}
        return tuple(sorted(people - set(self.key_administrators)))

    @property
    def sign_on(self) -> SignOn | None:
        """The identity provider of MLflow's people."""
        return self.mlflow_sign_on[0] if self.mlflow_sign_on else None

    @property
    def tokens(self) -> Tokens | None:
        """Whose tokens callers of models bring."""
        return self.model_tokens[0] if self.model_tokens else None

    @property
    def plain_nodes(self) -> dict[str, PlainNodes]:
        """Those without GPU, by what runs there."""
        return {
            "system": PlainNodes(
                instance_types=self.system_instance_types, min=self.system_nodes_min, max=self.system_nodes_max
            ),
            "workload": PlainNodes(
                instance_types=self.workload_instance_types, min=self.workload_nodes_min, max=self.workload_nodes_max
            ),
        }

    @property
    def principals(self) -> dict[str, tuple[str, ...]]:
        """The IAM roles that come into the cluster, by the name of their role there."""
        return {
            DATA_SCIENTIST.name: self.data_scientist_roles,
            ML_ENGINEER.name: self.ml_engineer_roles,
            PLATFORM_OPERATOR.name: self.platform_operator_roles,
            AUDITOR.name: self.auditor_roles,
        }

    @property
    def database(self) -> DatabaseSize:
        return DatabaseSize(instance_class=self.database_instance_class, multi_az=self.database_multi_az)

    @property
    def spot(self) -> bool:
        """Whether any GPU group runs on Spot Instances."""
        return any(group.spot for group in self.gpu_groups)

    @classmethod
    def load(cls) -> "Settings":
        """The settings of the stack that is running. Raises `pulumi.RunError` with one line a bad setting."""
        values, secrets = _configuration()
        return cls.parse(values, secrets)

    @classmethod
    def parse(cls, values: Mapping[str, Any], secrets: frozenset[str] = frozenset()) -> "Settings":
        """The settings from their names (without namespace) and values; the values of `secrets` are never shown."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            schema = _schema()
            problems = error.errors(include_url=False)
            lines = [setting_errors.line(problem, NAMESPACE, schema, secrets) for problem in problems]
            raise pulumi.RunError("\n".join(lines)) from None


@cache
def _schema() -> dict[str, Any]:
    """What a message about a bad setting is told from; a command that looks at several stacks makes it once."""
    return Settings.model_json_schema()


def _configuration() -> tuple[dict[str, Any], frozenset[str]]:
    """All of the namespace's settings, known or not, which `pulumi.Config` cannot list, and the names of secrets."""
    prefix = f"{NAMESPACE}:"
    everything = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    values = {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}
    hidden = set(runtime_config.get_config_secret_keys_env())
    secrets = {name for name in values if prefix + name in hidden or runtime_config.is_config_secret(prefix + name)}
    return values, frozenset(secrets)
