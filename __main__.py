"""The composition root of Parapet: settings -> foundation -> cluster -> mlops."""

import sys
from pathlib import Path

import pulumi

# `pulumi install` installs the requirements alone and not this project, so the source root is put on the path here.
sys.path.insert(0, str(Path(__file__).parent / "platform"))

from cluster.cluster import Cluster, ClusterArgs
from cluster.images import locked
from foundation.account import Account
from foundation.foundation import Foundation, FoundationArgs
from mlops.mlops import MLOps, MLOpsArgs
from outputs import export
from provider import aws_provider, gateway_address, kubernetes_provider, model_tokens, webhooks
from settings import Settings

settings = Settings.load()
tokens = model_tokens(settings)
aws = aws_provider(settings)
in_aws = pulumi.ResourceOptions(providers=[aws])
stack = settings.stack(Account.read(settings.zones, pulumi.InvokeOptions(provider=aws)), locked(settings.images))
foundation = Foundation(
    stack.name,
    FoundationArgs(
        stack=stack,
        vpc_cidr=settings.vpc_cidr,
        egress=settings.egress,
        interface_endpoints=settings.interface_endpoints,
        key_administrators=settings.key_administrators,
        secret_readers=settings.secret_readers,
        spot=settings.spot,
        database=settings.database,
        pipelines=settings.pipelines,
        site=settings.site,
        domain=settings.domain,
        certificate_authority_arn=settings.certificate_authority_arn,
        certificate_authority_accounts=settings.certificate_authority_accounts,
    ),
    in_aws,
)
cluster = Cluster(
    stack.name,
    ClusterArgs(
        stack=stack,
        foundation=foundation,
        kubernetes=lambda control_plane, after: kubernetes_provider(settings, control_plane, after),
        version=settings.cluster_version,
        administrators=settings.cluster_administrators,
        public_cidrs=settings.cluster_public_cidrs,
        api_client_cidrs=settings.cluster_client_cidrs,
        api_client_security_groups=settings.cluster_client_security_groups,
        operators_host=settings.operators_host,
        session_preferences=settings.session_preferences,
        vpc_cidr=settings.vpc_cidr,
        egress=settings.egress,
        plain_nodes=settings.plain_nodes,
        gpu_groups=settings.gpu_groups,
        principals=settings.principals,
        break_glass=settings.break_glass,
        workspaces=settings.workspaces,
        client_cidrs=settings.client_cidrs,
        provider_cidrs=settings.provider_cidrs,
        sign_on_cidrs=settings.sign_on.cidrs if settings.sign_on else (),
        token_key_cidrs=settings.tokens.cidrs if settings.tokens else (),
        predictors=settings.predictors,
        pipelines=settings.pipelines,
        webhooks=webhooks(settings),
        pod_identity=not settings.local_aws,
        gateway_address=gateway_address(settings),
    ),
    in_aws,
)
mlops = MLOps(
    stack.name,
    MLOpsArgs(
        stack=stack,
        foundation=foundation,
        cluster=cluster,
        mlflow_users=settings.mlflow_users,
        mlflow_sign_on=settings.sign_on,
        mlflow_kept=settings.mlflow_deleted_days,
        workload_secrets=settings.workload_secrets,
        models=settings.models,
        model_tokens=tokens,
        model_analysis_seconds=settings.model_analysis_seconds,
        model_check_seconds=settings.model_check_seconds,
        model_promoters=settings.model_promoter_roles,
        privacy_officers=settings.privacy_officers,
        loopback=settings.local_aws,
    ),
    in_aws,
)

export(foundation, cluster, mlops)
