"""A rule that only a cluster on EKS has, put onto this API server for some tests alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.cluster import wait_for
from tests.platform.cluster import cases, manifests
from tests.platform.cluster.api import Api


@contextmanager
def at_work(guarded: Api, policy: str, **guardrails: bool) -> Iterator[Api]:
    """The server with this policy, which is made where the guardrails are asked for so; it refuses every pod."""
    made = manifests.objects(manifests.record(partial(manifests.guardrails, **guardrails)))
    own = [each for each in made if each["metadata"]["name"] == policy]
    assert [each["kind"] for each in own] == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    answer = guarded.apply(*own)
    assert answer.done, answer.text
    try:
        wait_for(lambda: policy in guarded.apply(cases.compliant_pod("training"), dry_run=True).text)
        yield guarded
    finally:
        for each in reversed(own):
            guarded.run("delete", each["kind"], policy)  # from a server that may have ended with its last test
        pod = json.dumps(cases.compliant_pod("training"))
        wait_for(lambda: policy not in guarded.run("create", "--filename=-", "--dry-run=server", stdin=pod).text)
