"""What Kubernetes itself lets into a namespace at the level `restricted`, and what it refuses, our rules do as well.

The pods are those that the module which judges them in the API server is tested with (`pod_security_restricted.jsonl`,
which says of which version; each is a file of the folder that it names). Made again from the module's folder: a line of
JSON with the `metadata` and `spec` of each file below `pass` and `fail` of the newest version there.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import hipaa
from hipaa.kubernetes.pods import WORKLOADS
from hipaa.resource import Resource
from hipaa.stack import Stack
from hipaa.verdict import Outcome
from local.workspace import ROOT
from tests.policies.test_workloads import ROLLOUT

SOURCE, *PODS = (
    json.loads(line) for line in Path(__file__).with_name("pod_security_restricted.jsonl").read_text().splitlines()
)
RULES = {rule.name: rule for rule in hipaa.rules()}

BY_CHECK = {
    "allowprivilegeescalation": "workload-runs-confined",
    "apparmorprofile": "workload-keeps-its-security-modules",
    "capabilities_baseline": "workload-runs-confined",
    "capabilities_restricted": "workload-runs-confined",
    "hostnamespaces": "workload-stays-off-the-host",
    "hostpathvolumes": "workload-stays-off-the-host",
    "hostports": "workload-stays-off-the-host",
    "hostprobesandhostlifecycle": "workload-is-probed-at-its-own-address",
    "privileged": "workload-runs-confined",
    "procmount": "workload-runs-confined",
    "procmount_restricted": "workload-runs-confined",
    "restrictedvolumes": "workload-mounts-safe-volumes-only",
    "runasnonroot": "workload-runs-as-non-root",
    "runasuser": "workload-runs-as-non-root",
    "seccompprofile_baseline": "workload-runs-confined",
    "seccompprofile_restricted": "workload-runs-confined",
    "selinuxoptions": "workload-keeps-its-security-modules",
    "sysctls": "workload-sets-safe-sysctls-only",
    "windowshostprocess": "workload-stays-off-the-host",
}
"""Which of our rules speaks for a check of the module."""
ALSO = {"fail/restrictedvolumes19": "workload-stays-off-the-host"}
"""A hostPath, which the module has in two checks."""


def refusing(type_: str, properties: dict[str, Any]) -> set[str]:
    """Our rules of this level that say no."""
    resource = Resource(type_, properties)
    stack = Stack([resource])
    names = set(BY_CHECK.values())
    return {name for name in names if RULES[name].judge(resource, stack).outcome is Outcome.FAILED}


def test_the_pods_are_of_the_version_that_the_local_cluster_has() -> None:
    pinned = (ROOT / "local/toolchain/go.mod").read_text()
    assert f"{SOURCE['module']} => {SOURCE['module']} {SOURCE['version']}" in pinned
    assert f"{SOURCE['module']} {SOURCE['version']} {SOURCE['sum']}" in (ROOT / "local/toolchain/go.sum").read_text()


def test_each_check_of_the_module_is_among_the_pods() -> None:
    refused = {re.fullmatch(r"fail/(.+?)\d*", pod["name"]) for pod in PODS if pod["name"].startswith("fail/")}
    assert {match[1] for match in refused if match} == set(BY_CHECK)


@pytest.mark.parametrize("given", PODS, ids=lambda given: given["name"])
def test_pod_is_judged_as_the_api_server_does(given: dict[str, Any]) -> None:
    kind, _, name = given["name"].partition("/")
    expected = set() if kind == "pass" else {ALSO.get(given["name"], BY_CHECK.get(name.rstrip("0123456789"), ""))}
    pod = given["pod"]
    template = {"metadata": pod["metadata"], "spec": pod["spec"]}
    for type_, properties in (
        (WORKLOADS[0], pod),
        ("kubernetes:apps/v1:Deployment", {"spec": {"template": template}}),
        (ROLLOUT, {"spec": {"template": template}}),
    ):
        found = refusing(type_, properties)
        assert found >= expected, type_
        assert bool(found) == bool(expected), type_
