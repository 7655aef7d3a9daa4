"""What a preview tells: the API server's own validation and admission, before anything is made."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import CLUSTER

from .conftest import Stack
from .programs import WEB

pytestmark = CLUSTER

SECRETIVE = """
hidden = k.core.v1.Secret("hidden", metadata={"name": "hidden", "namespace": NAMESPACE},
    string_data={"password": "correct-horse"}, data={"blob": "Y29ycmVjdC1ob3JzZQ=="}, opts=within)
given = pulumi.Output.secret("battery-staple")
k.core.v1.ConfigMap("open", metadata={"name": "open", "namespace": NAMESPACE}, data={"a": given}, opts=within)
"""
UNKNOWN = """
import json
told = k.core.v1.ConfigMap("told", metadata={"name": "told"}, data={"a": "1"})
elsewhere = k.Provider("elsewhere", kubeconfig=pulumi.Output.all(told.metadata.uid, open(KUBECONFIG).read())
    .apply(lambda both: both[1]))
k.core.v1.ConfigMap("later", metadata={"name": "later"}, data={"a": "1"},
    opts=pulumi.ResourceOptions(provider=elsewhere))
"""


def test_misspelt_fields_and_what_admission_refuses_are_errors_of_the_preview(stack: Stack) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stack.namespace, "labels": labels}}
    stack.cluster.apply(manifest)
    pod = 'k.core.v1.Pod("bare", metadata={"name": "bare", "namespace": NAMESPACE}, spec=%s)'
    misspelt = WEB.replace('"replicas"', '"replicaz"').replace(", opts=within", "")
    insecure = pod % '{"containers": [{"name": "bare", "image": "bare:1"}]}'
    # One after the other: the engine may end a preview with the first, before it has asked for the second.
    for program, told in ((misspelt, "replicaz"), (insecure, 'violates PodSecurity "restricted')):
        stack.program(program, namespace=False)
        said = stack.run("preview", ok=False)
        assert told in said, said
    assert stack.gone("pod", "bare")


def test_what_is_secret_is_shown_nowhere(stack: Stack) -> None:
    stack.program(SECRETIVE)
    events = stack.folder / "events"
    said = [stack.run("preview", "--diff"), stack.run("up", "--yes", "--event-log", str(events))]
    stack.program(
        SECRETIVE.replace("correct-horse", "wrong-cow").replace('"a": given', '"a": given, "bad name!": given')
    )
    said += [stack.run("preview", "--diff", ok=False), stack.run("stack", "export"), events.read_text()]
    for text in said:
        for word in ("correct-horse", "wrong-cow", "Y29ycmVjdC1ob3JzZQ", "d3JvbmctY293", "battery-staple"):
            assert word not in text
    assert stack.live("secret", "hidden")["data"]["password"] == "Y29ycmVjdC1ob3JzZQ=="
    stack.program(SECRETIVE)
    stack.unchanged()


def test_a_cluster_that_is_not_known_yet_is_not_called(stack: Stack) -> None:
    kubeconfig = stack.variables["KUBECONFIG"]
    names = UNKNOWN.replace('"told"}', 'f"told-{NAMESPACE}"}').replace('"later"}', 'f"later-{NAMESPACE}"}')
    stack.program(f"KUBECONFIG = {kubeconfig!r}\n" + names, namespace=False)
    assert "later create" in stack.run("preview")
    stack.up()
    stack.run("preview", "--expect-no-changes")
    stack.destroy()


def test_a_cluster_on_another_machine_is_not_called(stack: Stack) -> None:
    elsewhere = stack.folder / "elsewhere"
    elsewhere.write_text(Path(stack.variables["KUBECONFIG"]).read_text().replace("127.0.0.1", "192.0.2.1"))
    stack.program('k.core.v1.Namespace("space", metadata={"name": NAMESPACE})', namespace=False)
    said = stack.run("preview", ok=False, KUBECONFIG=str(elsewhere))
    assert "192.0.2.1" in said
    assert "not on this machine" in said
