"""Policies that resources of AWS have of their own: none lets a stranger in.

One question for all of them (`hipaa.iam.questions.public`); what differs is the service. Buckets, keys, secrets and
endpoints ask more, each in a module of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hipaa.iam.judging import not_public
from hipaa.resource import Resource
from hipaa.rule import CRITICAL, HIGH, Rule, Severity, rule
from hipaa.verdict import Verdict, not_applicable, violation

TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
QUEUE, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
BUS_POLICY = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
DOMAIN, OLD_DOMAIN = "aws:opensearch/domain:Domain", "aws:elasticsearch/domain:Domain"
DOMAIN_POLICY, OLD_DOMAIN_POLICY = (
    "aws:opensearch/domainPolicy:DomainPolicy",
    "aws:elasticsearch/domainPolicy:DomainPolicy",
)

_OWN = "111122223333"
_READER = f"arn:aws:iam::{_OWN}:role/reader"
_FIX = "Name the principals, or bound `*` with a condition on aws:PrincipalOrgID, aws:SourceVpce or aws:SourceArn."


def policy(path: str, *statements: dict[str, Any]) -> dict[str, Any]:
    """The properties of an example that has a policy of these statements at a path."""
    properties: Any = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    for name in reversed(path.split(".")):
        properties = {name: properties}
    made: dict[str, Any] = properties
    return made


def allow(action: str, principal: Any = "*", **condition: Any) -> dict[str, Any]:
    """A statement of an example."""
    found = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return found | ({"Condition": condition} if condition else {})


def _is_not_public(
    name: str,
    on: Mapping[str, str],
    action: str,
    doc: str,
    *,
    severity: Severity = CRITICAL,
    takes_unsigned: bool = False,
    advisory: str = "",
) -> Rule:
    """The rule over one service's policies: the types that have one, each with the path of its policy."""
    prefix = action.partition(":")[0]
    first, *others = on

    def check(resource: Resource) -> Verdict:
        if resource.type in (DOMAIN, OLD_DOMAIN) and resource.get("vpcOptions"):
            return not_applicable("the domain is in a VPC, which strangers are not")
        return not_public(resource, prefix, on[resource.type], takes_unsigned=takes_unsigned)

    check.__doc__ = doc
    bounded = {"StringEquals": {"aws:PrincipalOrgID": "o-1a2b3c4d5e"}}
    tagged = {"StringEquals": {"aws:PrincipalTag/team": "research"}}
    return rule(
        name,
        on=tuple(on),
        severity=severity,
        advisory=advisory,
        fix=_FIX,
        sound=[policy(on[first], allow(action, {"AWS": _READER})), policy(on[first], allow(action, **bounded))],
        unsound=[
            policy(on[first], allow(action)),
            policy(on[first], allow(f"{prefix.upper()}:*", {"AWS": "*"}, **tagged)),
            *(Resource(other, policy(on[other], allow(action, **_OTHERS))) for other in others),
        ],
    )(check)


_OTHERS = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/analyst"}}

topic = _is_not_public(
    "sns-topic-policy-is-not-public",
    {TOPIC_POLICY: "policy", TOPIC: "policy"},
    "sns:Publish",
    """A topic's policy lets no stranger publish or subscribe.

    Whoever subscribes reads what is published; whoever publishes is believed by those that subscribed.
    """,
    takes_unsigned=True,
)
queue = _is_not_public(
    "sqs-queue-policy-is-not-public",
    {QUEUE_POLICY: "policy", QUEUE: "policy"},
    "sqs:SendMessage",
    "A queue's policy lets no stranger send, read or delete messages.",
    takes_unsigned=True,
)
secret = _is_not_public(
    "secret-policy-is-not-public",
    {
        "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
        "aws:secretsmanager/secret:Secret": "policy",
    },
    "secretsmanager:GetSecretValue",
    "A secret's own policy, where it has one, lets no stranger read or change it.",
)
file_system = _is_not_public(
    "efs-file-system-policy-is-not-public",
    {"aws:efs/fileSystemPolicy:FileSystemPolicy": "policy"},
    "elasticfilesystem:ClientMount",
    """A file system's policy lets no stranger mount it.

    Through a mount target comes only who is in its network; a policy that says so (AccessedViaMountTarget) bounds it.
    """,
    takes_unsigned=True,
)
domain = _is_not_public(
    "opensearch-policy-is-not-public",
    {
        DOMAIN_POLICY: "accessPolicies",
        DOMAIN: "accessPolicies",
        OLD_DOMAIN_POLICY: "accessPolicies",
        OLD_DOMAIN: "accessPolicies",
    },
    "es:ESHttpGet",
    "A search domain's access policy lets no stranger read or write its indexes, unless the domain is in a VPC.",
    takes_unsigned=True,
)
vault = _is_not_public(
    "backup-vault-policy-is-not-public",
    {"aws:backup/vaultPolicy:VaultPolicy": "policy"},
    "backup:CopyIntoBackupVault",
    "A backup vault's policy lets no stranger copy into it, delete from it or restore.",
)
catalog = _is_not_public(
    "glue-policy-is-not-public",
    {"aws:glue/resourcePolicy:ResourcePolicy": "policy"},
    "glue:GetTable",
    "The data catalog's policy lets no stranger read or change what tables there are and where they lie.",
)
api = _is_not_public(
    "api-gateway-policy-is-not-public",
    {"aws:apigateway/restApiPolicy:RestApiPolicy": "policy", "aws:apigateway/restApi:RestApi": "policy"},
    "execute-api:Invoke",
    "An API's policy names who may call it: an organization, a VPC endpoint or addresses.",
    severity=HIGH,
    takes_unsigned=True,
    advisory="an API whose methods authorize each call may be reached by anyone (164.312(a)(1) is met by those)",
)
bus = _is_not_public(
    "event-bus-policy-is-not-public",
    {BUS_POLICY: "policy"},
    "events:PutEvents",
    "An event bus takes events from no stranger, and lets none add rules that pass them on.",
)
artifacts = _is_not_public(
    "codeartifact-policy-is-not-public",
    {
        "aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy": "policyDocument",
        "aws:codeartifact/domainPermissions:DomainPermissions": "policyDocument",
    },
    "codeartifact:ReadFromRepository",
    """A package repository lets no stranger read or publish.

    What is published there runs where it is installed.
    """,
)
images = _is_not_public(
    "ecr-repository-policy-is-not-public",
    {
        "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
        "aws:ecr/registryPolicy:RegistryPolicy": "policy",
        "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": "repositoryPolicy",
    },
    "ecr:BatchGetImage",
    """An image repository lets no stranger pull or push.

    An image may hold a model, and a model what it was trained on.
    """,
)
table = _is_not_public(
    "dynamodb-policy-is-not-public",
    {"aws:dynamodb/resourcePolicy:ResourcePolicy": "policy"},
    "dynamodb:GetItem",
    "A table's or stream's policy lets no stranger read or write its items.",
)
stream = _is_not_public(
    "kinesis-policy-is-not-public",
    {"aws:kinesis/resourcePolicy:ResourcePolicy": "policy"},
    "kinesis:GetRecords",
    "A stream's policy lets no stranger read or put records.",
)
access_point = _is_not_public(
    "s3-access-point-policy-is-not-public",
    {
        "aws:s3control/accessPointPolicy:AccessPointPolicy": "policy",
        "aws:s3/accessPoint:AccessPoint": "policy",
        "aws:s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy": "details.policy",
        "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy": "policy",
        "aws:s3control/bucketPolicy:BucketPolicy": "policy",
        "aws:s3control/accessGrantsInstanceResourcePolicy:AccessGrantsInstanceResourcePolicy": "policy",
    },
    "s3:GetObject",
    "An access point's policy lets no stranger read or write through it.",
    takes_unsigned=True,
)
table_bucket = _is_not_public(
    "s3-tables-policy-is-not-public",
    {
        "aws:s3tables/tableBucketPolicy:TableBucketPolicy": "resourcePolicy",
        "aws:s3tables/tablePolicy:TablePolicy": "resourcePolicy",
    },
    "s3tables:GetTableData",
    "A table bucket's or table's policy lets no stranger read or write tables.",
)
vectors = _is_not_public(
    "s3-vectors-policy-is-not-public",
    {"aws:s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": "policy"},
    "s3vectors:GetVectors",
    """A vector bucket's policy lets no stranger read or write vectors.

    Much of a text can be had back from its vector.
    """,
)
models = _is_not_public(
    "sagemaker-model-policy-is-not-public",
    {"aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": "resourcePolicy"},
    "sagemaker:DescribeModelPackage",
    "A model group's policy lets no stranger read, register or deploy models.",
)
cluster = _is_not_public(
    "msk-cluster-policy-is-not-public",
    {"aws:msk/clusterPolicy:ClusterPolicy": "policy"},
    "kafka:CreateVpcConnection",
    "A Kafka cluster's policy lets no stranger connect to it.",
)
warehouse = _is_not_public(
    "redshift-policy-is-not-public",
    {
        "aws:redshift/resourcePolicy:ResourcePolicy": "policy",
        "aws:redshiftserverless/resourcePolicy:ResourcePolicy": "policy",
    },
    "redshift:AuthorizeInboundIntegration",
    "A warehouse's policy lets no stranger load into it or restore its snapshots.",
)
logs = _is_not_public(
    "logs-policy-is-not-public",
    {
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
        "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": "accessPolicy",
        "aws:cloudwatch/logDeliveryDestinationPolicy:LogDeliveryDestinationPolicy": "deliveryDestinationPolicy",
    },
    "logs:PutLogEvents",
    """The policies of logs and log destinations let no stranger write.

    A record that anyone can write to proves nothing.
    """,
    severity=HIGH,
)
authority = _is_not_public(
    "acm-pca-policy-is-not-public",
    {"aws:acmpca/policy:Policy": "policy"},
    "acm-pca:IssueCertificate",
    "A private certificate authority issues to no stranger: whoever has a certificate of it is believed.",
)
archive = _is_not_public(
    "glacier-vault-policy-is-not-public",
    {"aws:glacier/vault:Vault": "accessPolicy", "aws:glacier/vaultLock:VaultLock": "policy"},
    "glacier:InitiateJob",
    "An archive's policy lets no stranger read or delete what is kept in it.",
)
sender = _is_not_public(
    "ses-identity-policy-is-not-public",
    {
        "aws:ses/identityPolicy:IdentityPolicy": "policy",
        "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy": "policy",
    },
    "ses:SendEmail",
    "A sender identity's policy lets no stranger send mail in its name.",
    severity=HIGH,
)
service_network = _is_not_public(
    "vpc-lattice-policy-is-not-public",
    {
        "aws:vpclattice/authPolicy:AuthPolicy": "policy",
        "aws:vpclattice/resourcePolicy:ResourcePolicy": "policy",
    },
    "vpc-lattice-svcs:Invoke",
    "A service's or service network's policy lets no stranger call it.",
    severity=HIGH,
    takes_unsigned=True,
)
other_stores = _is_not_public(
    "store-policy-is-not-public",
    {
        "aws:dsql/clusterPolicy:ClusterPolicy": "policy",
        "aws:s3/filesFileSystemPolicy:FilesFileSystemPolicy": "policy",
        "aws:mediastore/containerPolicy:ContainerPolicy": "policy",
        "aws:cloudsearch/domainServiceAccessPolicy:DomainServiceAccessPolicy": "accessPolicy",
    },
    "dsql:DbConnect",
    "The policies of Aurora DSQL, S3 Files, MediaStore and CloudSearch let no stranger at what is kept there.",
    takes_unsigned=True,
)
other_services = _is_not_public(
    "service-policy-is-not-public",
    {
        "aws:networkfirewall/resourcePolicy:ResourcePolicy": "policy",
        "aws:schemas/registryPolicy:RegistryPolicy": "policy",
        "aws:codebuild/resourcePolicy:ResourcePolicy": "policy",
        "aws:opensearchingest/resourcePolicy:ResourcePolicy": "policy",
        "aws:xray/resourcePolicy:ResourcePolicy": "policyDocument",
        "aws:bedrock/agentcoreResourcePolicy:AgentcoreResourcePolicy": "policy",
        "aws:pinpoint/smsvoicev2ResourcePolicy:Smsvoicev2ResourcePolicy": "policy",
    },
    "network-firewall:CreateFirewallPolicy",
    "The policies of firewalls, schemas, builds, pipelines, traces and agents let no stranger use what they share.",
    severity=HIGH,
)
functions = _is_not_public(
    "lambda-policy-is-not-public",
    {"aws:lambda/resourcePolicy:ResourcePolicy": "policy"},
    "lambda:InvokeFunction",
    "A function's policy lets no stranger call or change it.",
)
metrics = _is_not_public(
    "monitoring-policy-is-not-public",
    {"aws:amp/resourcePolicy:ResourcePolicy": "policyDocument", "aws:oam/sinkPolicy:SinkPolicy": "policy"},
    "aps:QueryMetrics",
    "The policies of metric workspaces and monitoring sinks let no stranger read or write.",
    severity=HIGH,
)


_SIGNER = "aws:signer/signingProfilePermission:SigningProfilePermission"


@rule(
    "signer-profile-is-shared-with-named-accounts",
    on=_SIGNER,
    severity=HIGH,
    fix="Set principal to an account's id or a role's ARN.",
    sound=[{"profileName": "code", "action": "signer:StartSigningJob", "principal": _OWN}],
    unsound=[{"profileName": "code", "action": "signer:StartSigningJob", "principal": "*"}],
)
def signer_profile_is_shared_with_named_accounts(permission: Resource) -> Verdict:
    """A signing profile signs for accounts that are named: whoever may use it makes code that is believed."""
    if "*" not in str(permission.get("principal", "")):
        return Verdict()
    return violation(f"`{permission.where('principal')}` is every account; it must name one")
