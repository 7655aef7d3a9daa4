"""What is in another Region, account or cluster completes nothing; what names another by its ARN does."""

from typing import Any

import pytest

import hipaa
from hipaa import place
from hipaa.aws.ebs import ENCRYPTION_BY_DEFAULT, VOLUME
from hipaa.place import Place
from hipaa.resource import UNKNOWN, Resource, Secret, UnknownValue
from hipaa.stack import Stack
from hipaa.verdict import Outcome

RULES = {rule.name: rule for rule in hipaa.rules()}
INSTANCE = "aws:ec2/instance:Instance"
NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def aws(**inputs: Any) -> Place:
    found = place.of_provider("pulumi:providers:aws", {"region": "us-east-1"} | inputs, {})
    assert found is not None
    return found


def cluster(kubeconfig: Any, *origins: str) -> Place:
    found = place.of_provider("pulumi:providers:kubernetes", {"kubeconfig": kubeconfig}, {"kubeconfig": origins})
    assert found is not None
    return found


def at(where: Place, type_: str, properties: dict[str, Any] | None = None, **more: Any) -> Resource:
    resource = Resource(type_, properties, **more)
    resource.place = where.of(type_, resource.known("region"))
    return resource


HERE = aws()
FAR = aws(region="eu-west-1")
ROLE = [{"roleArn": "arn:aws:iam::222222222222:role/deploy"}]
OTHERS = aws(assumeRoles=ROLE)
DENIES = {"metadata": {"namespace": "prod"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
SCANNED = {
    "scanType": "BASIC",
    "rules": [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}],
}
TLS = {"name": "tls", "family": "postgres14", "parameters": [{"name": "rds.force_ssl", "value": "1"}]}


@pytest.mark.parametrize("elsewhere", [FAR, OTHERS])
@pytest.mark.parametrize(
    ("rule", "judged", "beside"),
    [
        ("volume-is-encrypted", (VOLUME, {}), (ENCRYPTION_BY_DEFAULT, {"enabled": True})),
        ("instance-encrypts-its-volumes", (INSTANCE, {}), (ENCRYPTION_BY_DEFAULT, {"enabled": True})),
        (
            "instance-requires-imdsv2",
            (INSTANCE, {}),
            ("aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults", {"httpTokens": "required"}),
        ),
        (
            "ecr-repository-scans-on-push",
            ("aws:ecr/repository:Repository", {"name": "models"}),
            ("aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration", SCANNED),
        ),
        (
            "rds-instance-requires-tls",
            ("aws:rds/instance:Instance", {"engine": "postgres", "engineVersion": "14", "parameterGroupName": "tls"}),
            ("aws:rds/parameterGroup:ParameterGroup", TLS),
        ),
    ],
)
def test_companion_of_another_region_or_account_is_none(
    rule: str, judged: tuple[str, dict[str, Any]], beside: tuple[str, dict[str, Any]], elsewhere: Place
) -> None:
    def outcome(where: Place, **own: Any) -> Outcome:
        resource = at(HERE, *judged)
        return RULES[rule].judge(resource, Stack([resource, at(where, beside[0], beside[1] | own)])).outcome

    assert outcome(HERE) is Outcome.PASSED
    assert outcome(elsewhere) is not Outcome.PASSED
    assert outcome(HERE, region="ap-south-1") is not Outcome.PASSED


def test_policy_of_another_cluster_denies_nothing_here() -> None:
    rule = RULES["namespace-denies-traffic-by-default"]
    for one, other in ((cluster("one"), cluster("two")), (cluster(UNKNOWN, "urn:one"), cluster(UNKNOWN, "urn:two"))):
        guarded, open_ = (at(where, NAMESPACE, {"metadata": {"name": "prod"}}) for where in (one, other))
        stack = Stack([guarded, open_, at(one, POLICY, DENIES)])
        assert rule.judge(guarded, stack).outcome is Outcome.PASSED
        assert rule.judge(open_, stack).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (HERE, FAR, False),
        (HERE, OTHERS, False),
        (HERE, aws(allowedAccountIds=["111111111111"]), True),
        (OTHERS, aws(assumeRole={"roleArn": "arn:aws:iam::222222222222:role/network"}), True),
        (OTHERS, aws(assumeRoles='[{"roleArn": "arn:aws:iam::333333333333:role/deploy"}]'), False),
        (aws(profile="records"), aws(profile="training"), False),
        (aws(accessKey=Secret("one")), aws(accessKey=Secret("two")), False),
        (HERE, aws(region=UNKNOWN), True),
        (HERE, aws(assumeRoles=UNKNOWN), True),
        (cluster("one"), cluster(Secret("one")), True),
        (cluster(UNKNOWN, "urn:one"), cluster(UNKNOWN, "urn:one", "urn:nodes"), True),
        (cluster(UNKNOWN), cluster("two"), True),
        (cluster("one"), HERE, True),
    ],
)
def test_places_are_told_apart_by_what_their_providers_were_given(one: Place, other: Place, same: bool) -> None:
    assert one.may_be(other) is other.may_be(one) is same
    assert "hunter2" not in str(aws(accessKey=Secret("hunter2")))


def test_what_has_no_region_is_everywhere_in_its_account() -> None:
    trail, role = "aws:cloudtrail/trail:Trail", "aws:iam/role:Role"
    for type_ in (trail, role, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"):
        assert HERE.of(INSTANCE, None).may_be(FAR.of(type_, None))
        assert not HERE.of(INSTANCE, None).may_be(OTHERS.of(type_, None))
    assert not HERE.of(INSTANCE, None).may_be(FAR.of("aws:s3control/accessGrant:AccessGrant", None))


KEY, REPLICA = "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"


def test_what_is_named_by_its_arn_is_found_wherever_it_is() -> None:
    arn = "arn:aws:kms:us-east-1:111111111111:key/1"
    key = at(HERE, KEY, {"arn": arn, "id": "1"})

    def found(named: Any, *origins: str) -> list[Resource]:
        replica = at(FAR, REPLICA, {"primaryKeyArn": named}, sources={"primaryKeyArn": origins})
        stack = Stack([key, replica])
        there = stack.seen_from(key).companions(key, REPLICA, by="primaryKeyArn")
        back = stack.seen_from(replica).named_by(replica, "primaryKeyArn", KEY)
        assert [bool(there), bool(back)] in ([True, True], [False, False])
        return back

    assert found(arn) == [key]
    assert found("1") == []
    assert found("arn:aws:kms:us-east-1:111111111111:key/2") == []


def test_what_may_be_named_by_its_arn_is_not_decided_yet() -> None:
    key = at(HERE, KEY, {"arn": UNKNOWN, "id": UNKNOWN})
    replica = at(FAR, REPLICA, {"primaryKeyArn": UNKNOWN}, sources={"primaryKeyArn": [key.urn]})
    stack = Stack([key, replica])
    with pytest.raises(UnknownValue, match="primaryKeyArn of example"):
        stack.seen_from(key).companions(key, REPLICA, by="primaryKeyArn")
    with pytest.raises(UnknownValue, match="primaryKeyArn"):
        stack.seen_from(replica).named_by(replica, "primaryKeyArn", KEY)
