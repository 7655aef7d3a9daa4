"""What is waited for, for how long, and what is told when the time is over."""

from __future__ import annotations

from tests.cluster import CLUSTER

from .conftest import Stack
from .programs import SERVICE, WEB

pytestmark = CLUSTER

SOON = '"namespace": NAMESPACE, "annotations": {"pulumi.com/timeoutSeconds": "4"}'
HUGE = WEB.replace('"1000m"', '"9000"').replace('"namespace": NAMESPACE', SOON, 1)
CLAIM = """
lazy = k.storage.v1.StorageClass("lazy", metadata={"name": f"lazy-{NAMESPACE}"}, provisioner="none",
    volume_binding_mode="WaitForFirstConsumer")
claim = k.core.v1.PersistentVolumeClaim("claim", metadata={"name": "claim", "namespace": NAMESPACE}, spec={
    "access_modes": ["ReadWriteOnce"], "storage_class_name": lazy.metadata.name,
    "resources": {"requests": {"storage": "1Gi"}}}, opts=within)
"""
JOB = """
job = k.batch.v1.Job("job", metadata={"name": "job", "namespace": NAMESPACE}, spec={"template": {"spec": {
    "restartPolicy": "Never", "containers": [{"name": "job", "image": "job:1"}]}}}, opts=within)
"""
HELD = """
k.core.v1.ConfigMap("held", metadata={"name": "held", "namespace": NAMESPACE, "finalizers": ["tests.parapet.dev/held"],
    "annotations": {"pulumi.com/timeoutSeconds": "2"}}, opts=within)
"""


def test_what_is_not_ready_in_time_is_kept_and_the_next_update_goes_on_with_it(stack: Stack) -> None:
    stack.program(HUGE + SERVICE.replace('"namespace": NAMESPACE', SOON))
    said = stack.up(ok=False)
    assert f"Deployment {stack.namespace}/web: after 4 s" in said
    assert "0 of 2 replicas are available" in said
    assert "Insufficient cpu" in said, "the scheduler's events are told"
    assert f"Service {stack.namespace}/web: after 4 s its selector finds no" in said
    uid = stack.live("deployment", "web")["metadata"]["uid"]
    assert stack.resources()["web"]["outputs"]["metadata"]["uid"] == uid
    stack.program(HUGE.replace('"9000"', '"1"') + SERVICE)
    stack.up()
    assert stack.live("deployment", "web")["metadata"]["uid"] == uid
    assert "initErrors" not in stack.resources()["web"]


def test_jobs_and_claims_are_ready_in_their_own_way_and_nothing_is_waited_for_on_request(stack: Stack) -> None:
    skipped = WEB.replace('"1000m"', '"9000"').replace(
        '"namespace": NAMESPACE', '"namespace": NAMESPACE, "annotations": {"pulumi.com/skipAwait": "true"}', 1
    )
    stack.program(CLAIM + JOB + skipped)
    stack.up()
    assert stack.live("job", "job")["status"]["succeeded"] == 1
    assert stack.live("persistentvolumeclaim", "claim")["status"]["phase"] == "Pending"


def test_a_deletion_that_something_holds_up_ends_with_its_name(stack: Stack) -> None:
    stack.program(HELD)
    stack.up()
    stack.program("")
    said = stack.up(ok=False)
    assert "is still there 2 s after its deletion" in said
    assert "tests.parapet.dev/held" in said
    freed = '--patch={"metadata":{"finalizers":null}}'
    stack.cluster.kubectl("patch", "configmap", "held", "--type=merge", freed, f"--namespace={stack.namespace}")
    stack.up()
    assert "held" not in stack.resources()
