"""What a runbook tells to type at AWS somebody may: who is on call, by the policies for it, or whom
`runbooks/README.md` says to know that night."""

import re

import pytest

from tests.docs.checked import described
from tests.docs.test_runbooks import TEXTS, of
from tests.platform.mocked import Recorder, run_program

PREFIXES = {"s3api": "s3"}
"""IAM's names of services, where they are not the command line's."""
SAID = {"s3:ListObjectsV2": "s3:ListBucket", "cloudtrail:ValidateLogs": "s3:GetObject"}
"""What a call needs, where the action is not called as it is."""
READS = ("describe-", "get-findings", "get-trail", "list-detectors", "list-findings", "lookup-")
"""Calls that whoever is on call makes by their own policies."""


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def allowed(stack: Recorder) -> set[str]:
    policies = (stack.one("iam/policy:Policy", f"parapet-test-incident-{each}") for each in ("on-call", "responders"))
    actions = [statement["Action"] for policy in policies for statement in policy.policy()]
    return {one for each in actions for one in ([each] if isinstance(each, str) else each)}


def action(service: str, call: str) -> str:
    name = "".join(part.capitalize() for part in call.split("-")).replace("Db", "DB")
    own = f"{PREFIXES.get(service, service)}:{name}"
    return SAID.get(own, own)


@pytest.mark.parametrize("words", of("aws"), ids=described)
def test_whoever_is_on_call_may_type_it_or_knows_who_may(stack: Recorder, words: list[str]) -> None:
    service, call = words[1:3]
    known = re.findall(r"`aws ([a-z0-9-]+)`", TEXTS["README"])
    changes = service in known and not call.startswith(READS)
    assert action(service, call) in allowed(stack) or changes
