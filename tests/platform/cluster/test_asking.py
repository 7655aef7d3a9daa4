"""What is asked directly in the place of `kubectl` says what `kubectl` says (`tests/asking.py`)."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from cluster import namespaces as ns
from tests.asking import asked
from tests.platform.cluster import cases
from tests.platform.cluster.api import Api

pytestmark = pytest.mark.engine

WHERE = f"--namespace={ns.TRAINING.name}"
NAMED = ("namespace", ns.TRAINING.name)
UNLABELLED = '--patch={"metadata": {"labels": {"pod-security.kubernetes.io/enforce": null}}}'
QUESTIONS: dict[str, Sequence[str]] = {
    "one": ("get", *NAMED, "--output=json"),
    "one by its kind's name": ("get", f"Namespace/{ns.TRAINING.name}", "-o", "json"),
    "one that is not there": ("get", "pod", "none", WHERE, "--output=json"),
    "all of two kinds": ("get", "netpol,ns", "--all-namespaces", "--output=json"),
    "some": ("get", "ns", f"--selector={ns.NAME_LABEL}={ns.TRAINING.name}", "--output=json"),
    "by a field": ("get", "sa", "--all-namespaces", "--field-selector=metadata.name=default", "--output=json"),
    "by a group": ("get", "validatingadmissionpolicies.admissionregistration.k8s.io", "--output=json"),
    "what is deprecated": ("get", "endpoints", WHERE, "--output=json"),
    "by a path": ("get", "--raw=/api/v1/namespaces/training/limitranges"),
    "as who may not": ("get", "secrets", WHERE, "--output=json", "--as=someone"),
    "as one of a group": ("auth", "can-i", "list", "secrets", WHERE, "--as=someone", "--as-group=system:masters"),
    "as nobody": ("auth", "can-i", "list", "secrets", WHERE, "--as=someone"),
    "to make one by its name": ("create", "namespace", "parapet-case", "--dry-run=server"),
    "to make what is refused": ("create", "--filename=-", "--dry-run=server"),
    "to change": ("patch", *NAMED, "--type=merge", "--dry-run=server", '--patch={"metadata": {"labels": {"a": "b"}}}'),
    "to change what is refused": ("patch", *NAMED, "--dry-run=server", UNLABELLED),
    "to end what is not there": ("delete", "configmap", "none", WHERE),
    "to wait for what is there": ("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_server_says_what_kubectl_says(guarded: Api, question: str) -> None:
    words = QUESTIONS[question]
    pod = cases.changed(cases.compliant_pod(ns.TRAINING.name), {"/spec/containers/0/image": "docker.io/library/x:1"})
    given = json.dumps(pod) if "--filename=-" in words else None
    command = [guarded.kubectl, f"--kubeconfig={guarded.kubeconfig}", *words]
    told = subprocess.run(command, input=given, capture_output=True, text=True)
    found = asked(guarded.kubeconfig, words, given)
    assert found, "it is left to kubectl"
    assert found.returncode == told.returncode, told
    assert ("Warning" in told.stderr) is (question == "what is deprecated")
    assert found.stderr == told.stderr.replace('error when creating "STDIN": ', "")
    if words[0] == "get" and not told.returncode:
        assert _plain(found.stdout) == _plain(told.stdout)
    if words[0] == "auth":
        assert found.stdout == told.stdout


def test_what_it_does_not_know_is_for_kubectl(guarded: Api) -> None:
    for words in (("get", "pods"), ("drain", "a-node"), ("get", "pods", "--watch"), ("get", "nothings", "-o", "json")):
        assert asked(guarded.kubeconfig, words, None) is None, words


def _plain(text: str) -> Any:
    """Without what tells one answer from the next."""
    told = json.loads(text)
    for each in (told, *told.get("items", ())):
        each.get("metadata", {}).pop("resourceVersion", None)
    return told.get("items", told)
