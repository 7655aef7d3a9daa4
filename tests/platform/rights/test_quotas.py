"""Every policy of the largest stack that the settings allow, against AWS's quotas for it."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from tests.platform.extremes import EVERYTHING
from tests.platform.mocked import Made, Recorder, run_program

pytestmark = pytest.mark.plan

QUOTAS = {
    # IAM and AWS STS quotas: white space does not count in a managed policy; in a trust policy it does.
    "aws:iam/policy:Policy": ("policy", 6144),
    "aws:iam/role:Role": ("assumeRolePolicy", 2048),
    # AWS KMS quotas, Key policy document size; Amazon S3 User Guide, Bucket policies.
    "aws:kms/key:Key": ("policy", 32768),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy", 20480),
    # AWS Secrets Manager quotas, Resource-based policy; AWS PrivateLink quotas, VPC endpoint policy.
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("policy", 20480),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("policy", 20480),
    # Amazon ECR service quotas; Amazon SQS quotas, Policy.
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy", 10240),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy", 8192),
    # Amazon SNS API permissions: Actions and resources reference, Policy quotas.
    "aws:sns/topicPolicy:TopicPolicy": ("policy", 30 * 1024),
    # AWS Private CA, PutPolicy.
    "aws:acmpca/policy:Policy": ("policy", 20480),
    # Amazon CloudWatch Logs quotas, Resource policies.
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": ("policyDocument", 5120),
}
MANAGED_POLICIES_A_ROLE = 10


def largest() -> Recorder:
    """As many of everything as the settings allow, each with the longest name."""
    return run_program(**EVERYTHING)


def documents() -> list[tuple[Made, str]]:
    return [(made, element) for kind, (element, _) in QUOTAS.items() for made in largest().made if made.type == kind]


def test_no_policy_of_the_largest_stack_is_too_long() -> None:
    sizes = {}
    for made, element in documents():
        if made.inputs.get(element):
            text = made.inputs[element]
            of_iam = made.type == "aws:iam/policy:Policy"
            sizes[made.type, made.name] = len(re.sub(r"\s", "", text)) if of_iam else len(text.encode())
    assert len(sizes) > 80
    assert {each: size for each, size in sizes.items() if size > QUOTAS[each[0]][1]} == {}


def test_no_role_of_the_largest_stack_has_too_many_policies() -> None:
    attached = Counter(each.inputs["role"] for each in largest().of("iam/rolePolicyAttachment:RolePolicyAttachment"))
    assert {role: count for role, count in attached.items() if count > MANAGED_POLICIES_A_ROLE} == {}


@pytest.mark.parametrize("element", ["policy", "assumeRolePolicy", "policyDocument"])
def test_no_type_with_a_policy_is_left_out(element: str) -> None:
    def is_policy(value: Any) -> bool:
        return isinstance(value, str) and value.startswith("{") and "Statement" in json.loads(value)

    found = {made.type for made in largest().managed() if is_policy(made.inputs.get(element))}
    assert found <= {kind for kind, (own, _) in QUOTAS.items() if own == element}
