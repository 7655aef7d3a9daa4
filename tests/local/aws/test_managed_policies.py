"""AWS' own policies are read once for all accounts, and each account has its own of them."""

from types import SimpleNamespace
from typing import Any

import pytest
from moto.iam.models import IAMBackend

from local.aws.api.managed_policies import init_aws_policies

LOADED = "MOTO_IAM_LOAD_MANAGED_POLICIES"


def _backend(account: str, partition: str = "aws") -> Any:
    return SimpleNamespace(account_id=account, partition=partition)


def test_what_one_account_does_with_them_is_nothing_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOADED, "true")
    one, other = (init_aws_policies(_backend(account)) for account in "12")
    assert len(one) > 1000
    assert {policy.account_id for policy in one} == {"1"}
    before = [(policy.arn, policy.id, policy.attachment_count, policy.policy_version_list) for policy in other]
    assert [(policy.arn, policy.id) for policy in one] == [(arn, id_) for arn, id_, *_ in before]
    for policy in one:
        policy.attachment_count += 1
        policy.tags["owner"] = {"Key": "owner", "Value": "team"}
        policy.versions[0].document = "{}"
    after = [(policy.arn, policy.id, policy.attachment_count, policy.policy_version_list) for policy in other]
    assert after == before
    assert not any(policy.tags for policy in other)


def test_there_are_none_where_none_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOADED, "false")
    assert init_aws_policies(_backend("1")) == []


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov"])
def test_they_are_those_that_moto_reads(monkeypatch: pytest.MonkeyPatch, partition: str) -> None:
    def told(policy: Any) -> dict[str, Any]:
        versions = [vars(version) for version in policy.versions]
        return vars(policy) | {"arn": policy.arn, "id": None, "versions": versions}

    monkeypatch.setenv(LOADED, "true")
    found = IAMBackend(partition, "123456789012")
    ours = init_aws_policies(_backend("123456789012", partition))
    assert [told(policy) for policy in ours] == [told(policy) for policy in found.aws_managed_policies]
