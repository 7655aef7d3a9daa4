"""A run that is stopped while a resource is half made can ask the API for nothing more; the next one goes on."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.calls import Api
from local.aws.configuration import configure
from local.aws.provider import Provider
from local.plugin.failures import Unfinished
from tests.local.aws.conftest import LocalAws

TOKEN = "aws:rds/parameterGroup:ParameterGroup"
GROUP = {
    "name": "pg",
    "family": "postgres16",
    "description": "d",
    "parameters": [{"name": "log_connections", "value": "1", "applyMethod": "immediate"}],
    "tags": {"team": "ml"},
    "tagsAll": {"team": "ml"},
}


def provider(local_aws: LocalAws) -> Provider:
    return Provider(configure({}, {"AWS_ENDPOINT_URL": local_aws.url}))


@pytest.fixture
def half_made(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    """Id and outputs of a parameter group whose parameters were not reached."""
    stopped, call = provider(local_aws), Api.call

    def stop_once_it_is_made(api: Api, *arguments: Any, **options: Any) -> Any:
        answer = call(api, *arguments, **options)
        if "create_db_parameter_group" in arguments:
            api.stopped.set()
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Api, "call", stop_once_it_is_made)
        with pytest.raises(Unfinished) as raised:
            stopped.create(TOKEN, "urn", GROUP)
    return raised.value.identifier, raised.value.outputs


def test_what_could_not_be_read_is_read_before_the_update_that_goes_on(
    local_aws: LocalAws, half_made: tuple[str, dict[str, Any]]
) -> None:
    identifier, state = half_made
    outputs = provider(local_aws).update(TOKEN, "urn", identifier, state, GROUP, GROUP, [])
    assert outputs["arn"].endswith(":pg:pg")
    assert "unread" not in outputs.get("__meta", "")
    rds = local_aws.client("rds")
    (set_,) = rds.describe_db_parameters(DBParameterGroupName="pg", Source="user")["Parameters"]
    assert (set_["ParameterName"], set_["ParameterValue"]) == ("log_connections", "1")
    assert rds.list_tags_for_resource(ResourceName=outputs["arn"])["TagList"] == [{"Key": "team", "Value": "ml"}]


def test_a_refresh_reads_it_and_it_can_be_deleted(local_aws: LocalAws, half_made: tuple[str, dict[str, Any]]) -> None:
    identifier, state = half_made
    again = provider(local_aws)
    _, refreshed, _ = again.read(TOKEN, identifier, state, GROUP)
    assert refreshed["arn"].endswith(":pg:pg")
    assert "unread" not in refreshed.get("__meta", "")
    again.delete(TOKEN, identifier, state, GROUP)
    assert local_aws.client("rds").describe_db_parameter_groups()["DBParameterGroups"] == []
