"""The whole foundation, made of the parts beside this file.

A module of its own: who wants a name or a list of a part does not wait for all that provisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

import pulumi

from foundation import service_linked_roles
from foundation.certificate import Certificate, CertificateArgs
from foundation.data_class import DataClass
from foundation.database import Database, DatabaseArgs, DatabaseSize
from foundation.keys import Keys, KeysArgs
from foundation.network import Network, NetworkArgs
from foundation.network.site import Site
from foundation.pipelines_database import PIPELINES
from foundation.registry import Registry, RegistryArgs
from foundation.secrets import Rotator, RotatorArgs
from foundation.service_linked_roles import ServiceLinkedRoles, ServiceLinkedRolesArgs
from foundation.stack import Stack
from foundation.storage import Storage, StorageArgs


@dataclass(frozen=True, kw_only=True)
class FoundationArgs:
    stack: Stack
    vpc_cidr: IPv4Network
    egress: bool
    interface_endpoints: Sequence[str]
    key_administrators: Sequence[str]
    secret_readers: Sequence[str]
    """ARNs of the IAM roles of people that read a secret."""
    spot: bool
    """Whether Spot Instances are launched, with volumes under the cluster's key."""
    database: DatabaseSize
    pipelines: bool
    """Whether there is a database of Kubeflow Pipelines, of the same size."""
    site: Site
    """The hospital's own network."""
    domain: str
    """Whose hosts the gateway's certificate is for."""
    certificate_authority_arn: str
    """The hospital's AWS Private CA; empty for one of the stack's own."""
    certificate_authority_accounts: Sequence[str]
    """Other accounts whose stacks the stack's own authority serves."""


class Foundation(pulumi.ComponentResource):
    """An account fit for PHI: a key a class of data, guarded buckets, and a network closed to the internet.

    In it are MLflow's database, the registry of what runs, the rotator of secrets and the gateway's certificate.

    `name` begins the name of every resource.
    """

    keys: Keys
    storage: Storage
    network: Network
    database: Database
    """MLflow's."""
    pipelines_database: Database | None
    """Kubeflow Pipelines', where it is asked for."""
    registry: Registry
    rotator: Rotator
    certificate: Certificate
    domain: str
    """Whose host names are the platform's."""

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Foundation", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        linked = service_linked_roles.launchers(spot=args.spot)
        roles = ServiceLinkedRoles(name, ServiceLinkedRolesArgs(stack=args.stack, roles=linked), own)
        self.keys = Keys(
            name,
            KeysArgs(
                stack=args.stack,
                administrators=args.key_administrators,
                spot=args.spot,
                secret_readers=args.secret_readers,
                named=roles.made,
            ),
            own,
        )
        self.network = Network(
            name,
            NetworkArgs(
                stack=args.stack,
                cidr=args.vpc_cidr,
                egress=args.egress,
                interface_endpoints=args.interface_endpoints,
                domain=args.domain,
                site=args.site,
                logs_key_arn=self.keys.arns[DataClass.LOGS],
            ),
            own,
        )
        self.storage = Storage(
            name,
            StorageArgs(stack=args.stack, key_arns=self.keys.arns, vpc_id=self.network.vpc_id),
            own,
        )
        self._services(name, args, own)
        self.register_outputs({})

    def _services(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions) -> None:
        """What stands on keys and network."""
        key_arns, network = self.keys.arns, self.network
        database = DatabaseArgs(
            stack=args.stack,
            vpc_id=network.vpc_id,
            subnet_ids=network.isolated_subnet_ids,
            size=args.database,
            key_arns=key_arns,
        )
        self.database = Database(name, database, opts)
        self.pipelines_database = Database(name, replace(database, engine=PIPELINES), opts) if args.pipelines else None
        self.registry = Registry(
            name,
            RegistryArgs(stack=args.stack, key_arn=key_arns[DataClass.ARTIFACTS]),
            opts,
        )
        self.rotator = Rotator(
            name,
            RotatorArgs(
                stack=args.stack,
                vpc_id=network.vpc_id,
                vpc_cidr=str(args.vpc_cidr),
                subnet_ids=network.private_subnet_ids,
                key_arn=key_arns[DataClass.SECRETS],
                logs_key_arn=key_arns[DataClass.LOGS],
                after=[network],
            ),
            opts,
        )
        self.domain = args.domain
        self.certificate = Certificate(
            name,
            CertificateArgs(
                stack=args.stack,
                domain=args.domain,
                authority_arn=args.certificate_authority_arn,
                shared_with=args.certificate_authority_accounts,
            ),
            opts,
        )
