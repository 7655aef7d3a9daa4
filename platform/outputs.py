"""What a stack tells whoever uses it: people, their programs, and other stacks."""

import pulumi

from cluster.cluster import Cluster
from foundation.foundation import Foundation
from mlops.mlops import MLOps


def export(foundation: Foundation, cluster: Cluster, mlops: MLOps) -> None:
    """The stack's outputs. None is a secret: of secrets they say where they are."""
    pulumi.export("vpcId", foundation.network.vpc_id)
    pulumi.export("privateSubnetIds", foundation.network.private_subnet_ids)
    pulumi.export("privateRouteTableIds", foundation.network.private_route_table_ids)
    pulumi.export("vpnGatewayId", foundation.network.vpn_gateway_id)
    pulumi.export("resolverAddresses", foundation.network.resolver_addresses)
    pulumi.export("certificateAuthorityArn", foundation.certificate.authority_arn)
    pulumi.export("certificateAuthorityPem", foundation.certificate.authority_pem)
    pulumi.export("isolatedSubnetIds", foundation.network.isolated_subnet_ids)
    pulumi.export("buckets", foundation.storage.buckets)
    pulumi.export("keyArns", foundation.keys.arns)
    pulumi.export("clusterName", cluster.control_plane.cluster_name)
    pulumi.export("clusterEndpoint", cluster.control_plane.endpoint)
    pulumi.export("operatorsPolicyArn", cluster.operators_policy_arn)
    pulumi.export("breakGlassRoleArn", cluster.break_glass_role_arn)
    pulumi.export("mlflowUrl", mlops.mlflow.url)
    pulumi.export("mlflowUserSecretArns", mlops.mlflow.user_secret_arns)
    pulumi.export("mlflowAuditKeySecretArn", mlops.mlflow.audit_key_secret_arn)
    pulumi.export("alertsTopicArn", mlops.alerts_topic_arn)
    pulumi.export("accountTopicArn", mlops.account_topic_arn)
    pulumi.export("deadmanTopicArn", mlops.deadman_topic_arn)
    pulumi.export("models", mlops.models)
    pulumi.export("modelSigningKeyArn", mlops.model_registry.signing_key_arn)
    pulumi.export("modelPolicyArns", mlops.model_registry.policy_arns)
    pulumi.export("incidentPolicyArns", mlops.incident_records.policy_arns)
    pulumi.export("outcomesPolicyArn", mlops.outcomes.policy_arn)
