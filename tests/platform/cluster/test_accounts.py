"""What the service accounts of charts and add-ons may do: by the roles that come with them, and asked in their name
of a live API server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails import account_names, account_rules
from cluster.guardrails.admission import PREFIX
from cluster.roles import PLATFORM_OPERATOR
from tests.cluster import wait_for
from tests.platform.cluster import cases, charts, manifests
from tests.platform.cluster.api import Answer, Api
from tests.platform.cluster.members import Member, refused
from tests.platform.cluster.test_add_on_contents import CONTENTS
from tests.platform.cluster.test_add_on_contents import manifest as of_an_add_on

pytestmark = pytest.mark.engine

WRITES = {"create", "update", "patch", "*"}
READS = {"get", "list", "watch", "*"}
EXEMPT = {*ns.EKS_OWNED, *(each.name for each in ns.MADE if each.level != ns.RESTRICTED)}
MANAGER = account_names.MANAGER
HELD = {
    MANAGER: "it makes its agent's DaemonSet, and by the rule controllers-start-nothing-else no more",
}
READ_ALL_SECRETS = {
    "istio-system/istiod": "it is ready once it has read them all (pilot/pkg/credentials/kube/secrets.go, `HasSynced`),"
    " but where PILOT_ENABLE_XDS_IDENTITY_CHECK is off, and each proxy could have another's configuration; nothing that"
    " people work with is a Secret",
}
PROXIES = {
    "amazon-cloudwatch/cloudwatch-agent": "AWS's role for it has the right without a value to turn it off; by the API"
    " server the rule accounts-come-by-the-network refuses it, and to a kubelet comes who is on the host's network",
}
Right = tuple[str, str, dict[str, Any]]
"""An account, a namespace (a star is all), and a rule of RBAC."""


def of_charts(helm: charts.Helm) -> list[dict[str, Any]]:
    """The roles and bindings of all charts."""
    found = []
    for chart in charts.every().values():
        for each in helm.render(chart):
            if each["apiVersion"].startswith("rbac."):
                if not each["kind"].startswith("Cluster"):
                    each["metadata"].setdefault("namespace", chart.namespace)
                found.append(each)
    return found


def of_add_ons() -> list[dict[str, Any]]:
    """The same of the add-ons, by what is known of them."""
    found: list[dict[str, Any]] = []
    for contents in CONTENTS.values():
        for account, rights in contents.get("rights", {}).items():
            rules = [
                {
                    "verbs": verbs.split(),
                    "apiGroups": [resource.partition(".")[2]],
                    "resources": [resource.split(".")[0]],
                }
                for verbs, resources in rights.items()
                for resource in resources
            ]
            meta, group = {"name": f"facts-{account}"}, "rbac.authorization.k8s.io"
            found.append({"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules})
            subject = {"kind": "ServiceAccount", "name": account, "namespace": contents["namespace"]}
            reference = {"apiGroup": group, "kind": "ClusterRole", "name": meta["name"]}
            bound = {"metadata": meta, "roleRef": reference, "subjects": [subject]}
            found.append({"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", **bound})
    return found


def of_the_mesh() -> list[dict[str, Any]]:
    """Those that the stack writes in the place of a chart's."""
    return [
        each for each in manifests.objects(manifests.record(manifests.mesh)) if each["apiVersion"].startswith("rbac.")
    ]


@pytest.fixture(scope="module")
def roles(helm: charts.Helm) -> list[dict[str, Any]]:
    return [*of_charts(helm), *of_the_mesh(), *of_add_ons()]


def rights(objects: list[dict[str, Any]]) -> Iterator[Right]:
    def key(kind: str, name: str, namespace: str) -> tuple[str, str, str]:
        return kind, name, "" if kind.startswith("Cluster") else namespace

    rules = {
        key(each["kind"], each["metadata"]["name"], each["metadata"].get("namespace", "")): each.get("rules") or []
        for each in objects
        if each["kind"].endswith("Role")
    }
    for binding in (each for each in objects if each["kind"].endswith("Binding")):
        place = binding["metadata"].get("namespace", "")
        role = binding["roleRef"]
        for subject in binding["subjects"]:
            for rule in rules.get(key(role["kind"], role["name"], place), ()):
                yield f"{subject['namespace']}/{subject['name']}", place or "*", rule


def test_each_account_that_brings_roles_is_seen(roles: list[dict[str, Any]]) -> None:
    known = {account for account, _, _ in rights(roles)}
    assert known >= {"istio-system/istiod", "istio-cni/istio-cni", "karpenter/karpenter", MANAGER}
    assert "ingress/istio-ingress" not in known, "it needs none"


def test_no_account_makes_what_makes_pods_where_pods_are_not_judged(roles: list[dict[str, Any]]) -> None:
    making = {
        account
        for account, where, rule in rights(roles)
        if where in {"*", *EXEMPT} and WRITES & set(rule["verbs"])
        if set(rule.get("resources", ())) & {"*", *account_rules.POD_MAKING}
    }
    assert making == HELD.keys()


def test_no_account_reads_all_secrets(roles: list[dict[str, Any]]) -> None:
    reading = {
        account
        for account, where, rule in rights(roles)
        if where == "*" and READS & set(rule["verbs"]) and "" in rule.get("apiGroups", ())
        if {"*", "secrets"} & set(rule.get("resources", ()))
    }
    assert reading == READ_ALL_SECRETS.keys()


def test_no_account_takes_another_s_place(roles: list[dict[str, Any]]) -> None:
    """By impersonation, by a token of it, by a role that is given, or by a policy that no longer asks."""
    for account, _, rule in rights(roles):
        assert not {"impersonate", "escalate", "bind", "*"} & set(rule["verbs"]) or rule["resources"] == [
            "ingresses/status"
        ], account
        if WRITES & set(rule["verbs"]):
            assert not {"serviceaccounts/token", "roles", "clusterroles"} & set(rule.get("resources", ())), account
            assert not [each for each in rule.get("resources", ()) if each.startswith("validatingadmissionpolic")]


def test_no_account_writes_whom_the_api_server_asks(roles: list[dict[str, Any]]) -> None:
    """A webhook changes any pod, also where no guardrail judges; and no policy is asked of a change to webhooks."""
    asked = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "apiservices", "*"}
    writing = {
        account
        for account, _, rule in rights(roles)
        if {*WRITES, "delete"} & set(rule["verbs"]) and asked & set(rule.get("resources", ()))
        if {"*", "admissionregistration.k8s.io", "apiregistration.k8s.io"} & set(rule.get("apiGroups", ()))
    }
    assert writing == set()


def test_the_rights_of_every_account_of_an_add_on_are_known() -> None:
    for name, contents in CONTENTS.items():
        accounts = {pod["account"] for pod in contents["pods"].values() if "account" in pod}
        assert accounts == contents.get("rights", {}).keys(), name


def test_an_account_of_an_add_on_comes_to_kubelets_where_it_is_known_to() -> None:
    """By `nodes/proxy` a kubelet lets one into every pod of its node, past the API server: so who has it is listed."""
    have = {
        f"{contents['namespace']}/{account}"
        for contents in CONTENTS.values()
        for account, rights in contents.get("rights", {}).items()
        if any("nodes/proxy" in resources for resources in rights.values())
    }
    assert have == PROXIES.keys()


def test_every_account_of_an_add_on_in_kube_system_is_held() -> None:
    accounts = {
        pod["account"]
        for contents in CONTENTS.values()
        if contents["namespace"] == ns.KUBE_SYSTEM
        for pod in contents["pods"].values()
        if "account" in pod
    }
    assert accounts == set(account_rules.KUBE_SYSTEM_ADD_ONS)


def create(api: Api, account: str, manifest: dict[str, Any], *, verb: str = "create") -> Answer:
    who = f"--as={account_names.PREFIX}{account.replace('/', ':')}"
    return api.run(verb, "-f", "-", who, "--dry-run=server", stdin=json.dumps(manifest))


def config_map(namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


AGENT_IMAGE = "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/observability/cloudwatch-agent:1"


def workload(kind: str, namespace: str, name: str, **container: Any) -> dict[str, Any]:
    """The agent as the manager makes it, of these kinds, places and names, with more in its container."""
    made = of_an_add_on("amazon-cloudwatch-observability", "cloudwatch-agent", namespace)
    template = made["spec"]["template"]
    template["spec"]["containers"][0] |= {"image": AGENT_IMAGE, **container}
    return {**made, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


@pytest.fixture(scope="module")
def installed(guarded: Api, roles: list[dict[str, Any]], helm: charts.Helm) -> Iterator[Api]:
    """With the roles of charts and add-ons in it, so that RBAC says yes and the rules are what is asked."""
    answer = guarded.apply(*roles, *helm.render(charts.every()["karpenter-crd"]))
    assert answer.done, answer.text
    assert guarded.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s").done
    wait_for(lambda: "controllers-start-nothing-else" in refused_for(guarded, "istio-system/istiod", "training", "x"))
    yield guarded
    # Others ask the same server what these accounts may do.
    for each in roles:
        place = [f"--namespace={each['metadata']['namespace']}"] if "namespace" in each["metadata"] else []
        guarded.run("delete", each["kind"], each["metadata"]["name"], *place, "--wait=false")


def refused_for(api: Api, account: str, namespace: str, name: str) -> str:
    return create(api, account, config_map(namespace, name)).text


def _with(**of_the_pod: Any) -> dict[str, Any]:
    """The agent, with more in its pod."""
    made = workload("DaemonSet", "amazon-cloudwatch", "cloudwatch-agent")
    made["spec"]["template"]["spec"] |= of_the_pod
    return made


def _mounting(volume: dict[str, Any] | None = None, mount: dict[str, Any] | None = None) -> dict[str, Any]:
    """The agent, with one more volume, and one mount more or other than it has."""
    made = workload("DaemonSet", "amazon-cloudwatch", "cloudwatch-agent")
    spec = made["spec"]["template"]["spec"]
    spec["volumes"] += [volume] if volume else []
    others = [each for each in spec["containers"][0]["volumeMounts"] if mount and each["name"] != mount["name"]]
    spec["containers"][0]["volumeMounts"] = [*others, *([mount] if mount else [])]
    return made


def _container(**more: Any) -> dict[str, Any]:
    return workload("DaemonSet", "amazon-cloudwatch", "cloudwatch-agent", **more)


def _windows(name: str, **of_the_pod: Any) -> dict[str, Any]:
    container = {"name": "otc-container", "image": AGENT_IMAGE, "workingDir": "%CONTAINER_SANDBOX_MOUNT_POINT%"}
    made = workload("DaemonSet", "amazon-cloudwatch", name)
    options = {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\System"}}
    made["spec"]["template"]["spec"] = {
        **{"containers": [container], "serviceAccountName": "cloudwatch-agent", "hostNetwork": True},
        **{"nodeSelector": {"kubernetes.io/os": "windows"}, "securityContext": options},
        **of_the_pod,
    }
    return made


AGENT = workload("DaemonSet", "amazon-cloudwatch", "cloudwatch-agent")
AGENTS_RULE = "cloudwatchs-manager-makes-its-agent"
ANOTHERS = {
    "as another account": _with(serviceAccountName="default"),
    "with privilege": _container(securityContext={"privileged": True}),
    "as root by its own word": _container(securityContext={"runAsUser": 0}),
    "as root by the pod's": _with(securityContext={"runAsUser": 0}),
    "from elsewhere": _container(image="docker.io/library/x:1"),
    "from a stranger's registry of the same kind": _container(
        image="444455556666.dkr.ecr.us-east-1.amazonaws.com/eks/observability/cloudwatch-agent:1"
    ),
    "from one that is called like a registry": _container(
        image="602401143452.dkr.ecr.us-east-1.example.org/eks/observability/cloudwatch-agent:1"
    ),
    "with a capability": _container(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
    "after another container": _with(
        initContainers=[{"name": "before", "image": AGENT_IMAGE, "securityContext": {"privileged": True}}]
    ),
    "beside another container": _with(
        containers=[*AGENT["spec"]["template"]["spec"]["containers"], {"name": "beside", "image": AGENT_IMAGE}]
    ),
    "among the node's processes": _with(hostPID=True),
    "with another path of the node's": _mounting({"name": "etc", "hostPath": {"path": "/etc/kubernetes"}}),
    "with the node's files to write": _mounting(mount={"name": "rootfs", "mountPath": "/rootfs"}),
    "with the node's files elsewhere": _mounting(mount={"name": "rootfs", "mountPath": "/opt", "readOnly": True}),
    "with a part of a path": _mounting(mount={"name": "sys", "mountPath": "/sys", "readOnly": True, "subPath": "x"}),
    "with another's configuration": _mounting({"name": "other", "configMap": {"name": "fluent-bit-config"}}),
    "with another's secret": _mounting({"name": "other", "secret": {"secretName": "another"}}),
    "with an image for a volume": _mounting({"name": "other", "image": {"reference": AGENT_IMAGE}}),
    "with a claim": _mounting({"name": "other", "persistentVolumeClaim": {"claimName": "another"}}),
    "with a command": _container(command=["/bin/sh", "-c", "id"]),
    "with arguments": _container(args=["-config", "/rootfs/tmp/x"]),
    "with a command at its start": _container(lifecycle={"postStart": {"exec": {"command": ["id"]}}}),
    "with a command that asks how it is": _container(livenessProbe={"exec": {"command": ["id"]}}),
    "with a variable for its loader": _container(env=[{"name": "LD_PRELOAD", "value": "/rootfs/tmp/x"}]),
    "with a variable from a secret": _container(
        env=[{"name": "HOST_NAME", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]
    ),
    "with all variables of a secret": _container(envFrom=[{"secretRef": {"name": "x"}}]),
    "with a port of the node": _container(ports=[{"containerPort": 4311}]),
    "called for Windows and for Linux": workload("DaemonSet", "amazon-cloudwatch", "cloudwatch-agent-windows"),
    "for Windows from elsewhere": _windows(
        "cloudwatch-agent-windows", containers=[{"name": "c", "image": "docker.io/library/x:1"}]
    ),
    "for Windows as another account": _windows("cloudwatch-agent-windows", serviceAccountName="default"),
}
REFUSED = {
    "a node agent in kube-system": (MANAGER, workload("DaemonSet", "kube-system", "cloudwatch-agent")),
    "a workload in its own namespace": (MANAGER, workload("Deployment", "amazon-cloudwatch", "cloudwatch-agent")),
    "one of another kind": (MANAGER, workload("StatefulSet", "amazon-cloudwatch", "cloudwatch-agent")),
    "another agent in its own namespace": (MANAGER, workload("DaemonSet", "amazon-cloudwatch", "other")),
    "a Service among workloads": (
        MANAGER,
        {
            **{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "case", "namespace": "serving"}},
            "spec": {"ports": [{"port": 80}]},
        },
    ),
    "a team's configuration": ("istio-system/istiod", config_map("training", "case")),
    "what Fluent Bit reads and where to it sends": (MANAGER, config_map("amazon-cloudwatch", "fluent-bit-config")),
    "an account in its own namespace": (
        MANAGER,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "case", "namespace": "amazon-cloudwatch"}},
    ),
    "a budget of its own that no pod goes": (
        MANAGER,
        {
            **{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"},
            **{"metadata": {"name": "case", "namespace": "serving"}},
            "spec": {"selector": {"matchLabels": {"app": "case"}}, "minAvailable": 1},
        },
    ),
}


BY_OTHERS_TOO = {
    *("a node agent in kube-system", "a workload in its own namespace", "one of another kind"),
    "another agent in its own namespace",
}
"""Of rules that step back there for what an account is meant to make; the server names one."""


@pytest.mark.parametrize("how", ANOTHERS)
def test_the_manager_makes_its_agent_as_it_is(installed: Api, how: str) -> None:
    answer = create(installed, MANAGER, ANOTHERS[how])
    # What an image for a volume is, the other rules ask too.
    assert f"ValidatingAdmissionPolicy '{PREFIX}{AGENTS_RULE}'" in answer.text, answer.text


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_account_has_no_business_with_is_refused_whatever_its_role_says(installed: Api, case: str) -> None:
    answer = create(installed, *REFUSED[case])
    rule = "" if case in BY_OTHERS_TOO else "controllers-start-nothing-else'"
    assert f"ValidatingAdmissionPolicy '{PREFIX}{rule}" in answer.text, answer.text


@pytest.mark.parametrize(
    ("account", "manifest"),
    [
        (MANAGER, AGENT),
        (MANAGER, _windows("cloudwatch-agent-windows")),
        (MANAGER, _windows("cloudwatch-agent-windows-container-insights")),
        (MANAGER, config_map("amazon-cloudwatch", "cloudwatch-agent")),
        (MANAGER, config_map("amazon-cloudwatch", "cloudwatch-agent-windows-container-insights")),
        ("istio-system/istiod", config_map("istio-system", "case")),
    ],
    ids=[
        "the agent",
        "one for Windows",
        "another for Windows",
        "its configuration",
        "that for Windows",
        "the mesh's own",
    ],
)
def test_what_an_account_is_there_for_is_admitted(installed: Api, account: str, manifest: dict[str, Any]) -> None:
    answer = create(installed, account, manifest)
    assert answer.done, answer.text


def test_the_agents_say_who_leads_and_do_not_configure_each_other(guarded: Api) -> None:
    agent = Member.allowed(f"{account_names.PREFIX}amazon-cloudwatch:cloudwatch-agent", guarded)
    at = "/api/v1/namespaces/amazon-cloudwatch/configmaps"
    answer = agent.create(at, config_map("amazon-cloudwatch", "cwagent-clusterleader"))
    assert answer.done, answer.text
    for other in ("cloudwatch-agent", "fluent-bit-config"):
        assert refused(agent.create(at, config_map("amazon-cloudwatch", other)), "controllers-start-nothing-else")


def test_a_namespace_is_what_the_stack_says_and_no_account_changes_it(installed: Api) -> None:
    """Pod Security, the mesh, and what CloudWatch's manager would put into pods are words there."""
    for said in (
        {"labels": {"pod-security.kubernetes.io/audit": "privileged"}},
        {"labels": {"istio-injection": None}},
        {"annotations": {"instrumentation.opentelemetry.io/inject-python": "true"}},
    ):
        change = ("--type=merge", "--dry-run=server", f"--patch={json.dumps({'metadata': said})}")
        who = f"--as={account_names.PREFIX}{MANAGER.replace('/', ':')}"
        answer = installed.run("patch", "namespace", "training", *change, who)
        assert f"ValidatingAdmissionPolicy '{PREFIX}namespaces-are-the-stacks'" in answer.text, answer.text
        answer = installed.run("patch", "namespace", "training", *change)
        assert answer.done, answer.text


@pytest.mark.parametrize("account", [MANAGER, "istio-system/istiod", "karpenter/karpenter", "kube-system/aws-node"])
def test_no_account_ends_a_namespace_nor_says_how_it_is(installed: Api, account: str) -> None:
    whole, rule = "/api/v1/namespaces/training", "namespaces-are-the-stacks"
    whose = Member.allowed(account_names.PREFIX + account.replace("/", ":"), installed)
    assert refused(whose.delete(whole), rule, "would end the namespace training")
    read = json.loads(installed.run("get", "namespace", "training", "--output=json").text)
    for part in ("finalize", "status"):
        path = f"{whole}/{part}"
        assert refused(whose.replace(path, read), rule, "would change the namespace training")
    for who in ("someone", "system:serviceaccount:kube-system:namespace-controller"):
        keeper = Member.allowed(who, installed)
        for answer in (keeper.delete(whole), keeper.replace(f"{whole}/status", read)):
            assert answer.done, answer.text


@pytest.fixture(scope="module")
def kept(installed: Api) -> Iterator[Api]:
    """With what an account might end."""
    objects = [
        config_map("serving", "kept"),
        config_map("amazon-cloudwatch", "cloudwatch-agent"),
        config_map("amazon-cloudwatch", "fluent-bit-config"),
        {
            **{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"},
            **{"metadata": {"name": "kept", "namespace": "serving"}},
            "spec": {"selector": {"matchLabels": {"app": "kept"}}, "minAvailable": 1},
        },
        cases.compliant_pod("serving") | {"metadata": _named(cases.compliant_pod("serving"), "kept")},
    ]
    answer = installed.apply(*objects)
    assert answer.done, answer.text
    yield installed
    for each in objects:
        where = f"--namespace={each['metadata']['namespace']}"
        installed.run("delete", each["kind"], each["metadata"]["name"], where, "--wait=false", "--grace-period=0")


def _named(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return {**manifest["metadata"], "name": name}


@pytest.mark.parametrize(
    ("account", "path", "done"),
    [
        (MANAGER, "/api/v1/namespaces/serving/configmaps/kept", False),
        (MANAGER, "/api/v1/namespaces/serving/configmaps", False),
        (MANAGER, "/api/v1/namespaces/amazon-cloudwatch/configmaps/fluent-bit-config", False),
        (MANAGER, "/api/v1/namespaces/serving/serviceaccounts/predictor", False),
        (MANAGER, "/apis/policy/v1/namespaces/serving/poddisruptionbudgets/kept", False),
        (MANAGER, "/api/v1/namespaces/serving/pods/kept", False),
        (MANAGER, "/api/v1/namespaces/amazon-cloudwatch/configmaps/cloudwatch-agent", True),
        ("istio-system/istiod", "/api/v1/namespaces/serving/configmaps/kept", False),
        ("karpenter/karpenter", "/api/v1/namespaces/serving/configmaps/kept", False),
        ("karpenter/karpenter", "/api/v1/namespaces/serving/pods/kept", True),
    ],
)
def test_an_account_ends_what_it_makes(kept: Api, account: str, path: str, done: bool) -> None:
    answer = Member.allowed(account_names.PREFIX + account.replace("/", ":"), kept).delete(path)
    assert answer.done if done else refused(answer, "controllers-start-nothing-else", "is not to end"), answer.text


@pytest.mark.parametrize(
    ("account", "where", "name", "done"),
    [
        (MANAGER, "kube-system", "kube-scheduler", False),
        (MANAGER, "kube-system", "kube-controller-manager", False),
        (MANAGER, "karpenter", "karpenter-leader-election", False),
        (MANAGER, "argo-rollouts", "argo-rollouts-controller-lock", False),
        (MANAGER, "kube-node-lease", "a-node", False),
        (MANAGER, "amazon-cloudwatch", "leads", True),
        (
            "amazon-cloudwatch/cloudwatch-agent",
            "amazon-cloudwatch",
            "cwagent-node-metadata-ip-10-0-0-1.ec2.internal",
            True,
        ),
        ("amazon-cloudwatch/cloudwatch-agent", "amazon-cloudwatch", "amazon-cloudwatch-agent-operator", False),
        ("istio-system/istiod", "kube-system", "kube-scheduler", False),
        ("istio-system/istiod", "istio-system", "istio-leader", True),
        ("karpenter/karpenter", "kube-system", "kube-scheduler", False),
        ("karpenter/karpenter", "karpenter", "karpenter-leader-election", True),
        (account_names.ROLLOUTS_CONTROLLER, "argo-rollouts", "argo-rollouts-controller-lock", True),
        ("kube-system/ebs-csi-controller-sa", "kube-system", "kube-controller-manager", False),
        ("kube-system/ebs-csi-controller-sa", "kube-system", "ebs-csi-aws-com", True),
        ("kube-system/ebs-csi-controller-sa", "kube-system", "external-attacher-leader-ebs-csi-aws-com", True),
        ("kube-system/coredns", "kube-system", "kube-scheduler", False),
        ("kube-system/replicaset-controller", "kube-system", "kube-scheduler", True),
    ],
)
def test_an_account_leads_at_home_and_nowhere_else(
    guarded: Api, account: str, where: str, name: str, done: bool
) -> None:
    """Who writes the Lease of Kubernetes' scheduler or controllers stops them."""
    lease = {
        **{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"},
        **{"metadata": {"name": f"{name}-x" if name.startswith("kube-") else name, "namespace": where}},
        "spec": {"holderIdentity": "x", "leaseDurationSeconds": 3600},
    }
    member = Member.allowed(account_names.PREFIX + account.replace("/", ":"), guarded)
    answer = member.create(f"/apis/coordination.k8s.io/v1/namespaces/{where}/leases", lease)
    assert answer.done if done else refused(answer, "controllers-start-nothing-else", "is not to write"), answer.text


def test_what_an_account_of_a_chart_may_end_by_its_role_is_known(roles: list[dict[str, Any]]) -> None:
    ending = {
        account
        for account, where, rule in rights(roles)
        if where == "*" and {"delete", "deletecollection", "*"} & set(rule["verbs"])
        if {"*", *account_rules.POD_MAKING, *account_rules.BESIDE} & set(rule.get("resources", ()))
    }
    assert ending == {MANAGER, "karpenter/karpenter"}


# Tokens

LASTING = {
    "a token of an account": {
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    },
    "a token by which nodes join": {
        "metadata": {},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {"token-id": "abcdef", "token-secret": "0123456789abcdef"},
    },
}


def _secret(namespace: str, name: str, of: dict[str, Any]) -> dict[str, Any]:
    meta = {**of["metadata"], "name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", **of, "metadata": meta}


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.parametrize(
    "who",
    [
        *("system:serviceaccount:istio-system:istiod", "system:serviceaccount:serving:predictor"),
        *("system:serviceaccount:kube-system:coredns", "system:serviceaccount:kube-system:replicaset-controller"),
        "system:node:a-node",
    ],
)
def test_no_account_makes_a_token_without_an_end(guarded: Api, who: str, kind: str) -> None:
    rule = "no-lasting-tokens"
    for namespace in (ns.ISTIO_SYSTEM.name, ns.KUBE_SYSTEM):
        made = _secret(namespace, "bootstrap-token-abcdef", LASTING[kind])
        at = f"/api/v1/namespaces/{namespace}/secrets"
        # istiod has the place, and no other in this list: of two rules that refuse, the server tells one.
        answer = Member.allowed(who, guarded).create(at, made)
        assert refused(answer, rule, or_by="controllers-start-nothing-else"), answer.text
    plain = _secret(ns.ISTIO_SYSTEM.name, "istio-ca-secret", {"metadata": {}, "type": "istio.io/ca-root"})
    istiod = Member.allowed("system:serviceaccount:istio-system:istiod", guarded)
    answer = istiod.create(f"/api/v1/namespaces/{ns.ISTIO_SYSTEM.name}/secrets", plain)
    assert answer.done, answer.text


def test_a_person_makes_none_and_an_administrator_may_and_kubernetes_fills_it(guarded: Api) -> None:
    at, name = f"/api/v1/namespaces/{ns.ISTIO_SYSTEM.name}/secrets", "by-an-administrator"
    made = _secret(ns.ISTIO_SYSTEM.name, name, LASTING["a token of an account"])
    who = ("--as=someone", f"--as-group={PLATFORM_OPERATOR.group}", "--as-group=system:masters", "--dry-run=server")
    answer = guarded.run("create", "--filename=-", *who, stdin=json.dumps(made))
    assert refused(answer, "no-lasting-tokens", "is a token without an end")
    try:
        assert guarded.apply(made).done
        read = ("get", "secret", name, f"--namespace={ns.ISTIO_SYSTEM.name}", "--output=json")
        wait_for(lambda: "token" in json.loads(guarded.run(*read).text).get("data", {}))
        note: dict[str, Any] = {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}}}
        for keeper in account_rules.TOKENS_KEEPERS:
            member = Member.allowed(f"{account_names.PREFIX}{ns.KUBE_SYSTEM}:{keeper}", guarded)
            answer = member.patch(f"{at}/{name}", note)
            assert answer.done, answer.text
            other = {**made, "metadata": {**made["metadata"], "name": "another"}}
            assert refused(member.create(at, other), "no-lasting-tokens")
        istiod = Member.allowed("system:serviceaccount:istio-system:istiod", guarded)
        assert refused(istiod.patch(f"{at}/{name}", note), "no-lasting-tokens")
    finally:
        guarded.run("delete", "secret", name, f"--namespace={ns.ISTIO_SYSTEM.name}")


def test_an_address_in_a_service_s_status_is_not_istiods(installed: Api) -> None:
    who = f"--as={account_names.PREFIX}istio-system:istiod"
    service = {
        **{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "status-case", "namespace": "serving"}},
        "spec": {"ports": [{"port": 80}]},
    }
    assert installed.apply(service).done
    # An address is refused by the API server itself, of a Service that has no load balancer.
    condition = {
        "type": "x",
        "status": "True",
        "reason": "x",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    patch = json.dumps({"status": {"conditions": [condition]}})
    answer = installed.run(
        *("patch", "service", "status-case", "--namespace=serving", "--subresource=status", "--type=merge"),
        *(who, "--dry-run=server", f"--patch={patch}"),
    )
    assert f"ValidatingAdmissionPolicy '{PREFIX}addresses-of-services-are-the-clouds'" in answer.text, answer.text


def test_karpenter_says_how_a_pool_is_and_not_what_it_is(installed: Api) -> None:
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "case"}
    pool = {
        **{"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "case"}},
        "spec": {"template": {"spec": {"nodeClassRef": reference, "requirements": []}}},
    }
    answer = installed.apply(pool)
    assert answer.done, answer.text

    def patched(change: dict[str, Any]) -> Answer:
        return installed.run(
            *("patch", "nodepool", "case", "--type=merge", "--dry-run=server", f"--patch={json.dumps(change)}"),
            f"--as={account_rules.KARPENTER}",
        )

    wider = patched({"spec": {"limits": {"cpu": "1000"}}})
    assert f"ValidatingAdmissionPolicy '{PREFIX}node-classes-are-the-stacks'" in wider.text, wider.text
    noted = patched({"metadata": {"annotations": {"karpenter.sh/nodepool-hash": "1"}}})
    assert noted.done, noted.text


def test_an_agent_of_a_node_says_that_it_is_there_and_not_what_the_node_is(installed: Api) -> None:
    taints = [{"key": key, "effect": "NoSchedule"} for key in (account_rules.STARTUP_TAINT, "nvidia.com/gpu")]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "for-its-agent"}, "spec": {"taints": taints}}
    assert installed.apply(node).done
    who = f"--as={account_names.PREFIX}kube-system:ebs-csi-node-sa"

    def patched(change: dict[str, Any]) -> Answer:
        how = ("--type=merge", "--dry-run=server", f"--patch={json.dumps(change)}")
        return installed.run("patch", "node", "for-its-agent", who, *how)

    def there() -> list[dict[str, Any]]:
        """The cluster's own beside them, which come and go: the node is not ready."""
        found: list[dict[str, Any]] = json.loads(installed.run("get", "node", "for-its-agent", "--output=json").text)[
            "spec"
        ]["taints"]
        return found

    try:
        wait_for(lambda: patched({"spec": {"taints": [each for each in there() if each != taints[0]]}}).done)
        for change in (
            {"spec": {"taints": [each for each in there() if each != taints[1]]}},
            {"spec": {"taints": [*there(), {"key": "mine", "effect": "NoExecute"}]}},
            {"spec": {"unschedulable": True}},
            {"metadata": {"labels": {"node.kubernetes.io/instance-type": "p5.48xlarge"}}},
        ):
            answer = patched(change)
            assert f"ValidatingAdmissionPolicy '{PREFIX}nodes-are-not-their-agents'" in answer.text, answer.text
    finally:
        installed.run("delete", "node/for-its-agent")


def test_a_service_account_asks_for_tokens_that_aws_alone_takes(installed: Api) -> None:
    """None has the right; whoever gets it is not thereby every account."""
    who = (f"--as={account_names.PREFIX}aws-secrets-manager:provider", "--as-group=system:masters")
    asked = ("create", "token", "default", "--namespace=training", *who)
    for audience in ([], ["--audience=https://kubernetes.default.svc"], ["--audience=istio-ca"]):
        answer = installed.run(*asked, *audience)
        assert f"ValidatingAdmissionPolicy '{PREFIX}tokens-are-for-aws'" in answer.text, answer.text
    assert installed.run(*asked, "--audience=sts.amazonaws.com").done


@pytest.mark.parametrize(
    "door",
    [
        "nodes/a-node/proxy/pods",
        "namespaces/training/pods/case/proxy/",
        "namespaces/training/services/case/proxy/",
        "namespaces/training/pods/case/exec?command=id&stdout=true",
        "namespaces/training/pods/case/attach?stdout=true",
        "namespaces/training/pods/case/portforward?ports=8080",
    ],
)
def test_no_account_comes_through_the_api_server(guarded: Api, door: str) -> None:
    """Whatever its role says; a person's role is asked before."""
    who = f"--as={account_names.PREFIX}{account_names.MANAGER.partition('/')[0]}:{account_names.AGENT}"
    answer = guarded.run("get", f"--raw=/api/v1/{door}", who, "--as-group=system:masters")
    assert f"ValidatingAdmissionPolicy '{PREFIX}accounts-come-by-the-network'" in answer.text, answer.text
    answer = guarded.run("get", f"--raw=/api/v1/{door}", "--as=someone", "--as-group=system:masters")
    assert "ValidatingAdmissionPolicy" not in answer.text, answer.text


# Nodes, and Karpenter

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
UNREGISTERED = {"key": "karpenter.sh/unregistered", "effect": "NoExecute"}
DISRUPTED = {"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}
POOLS = {"karpenter.sh/nodepool": "l4", "parapet.dev/node-role": "gpu"}
NODES = {
    # As kubelets register them, and one that Karpenter has taken on.
    "joining": (POOLS, [UNREGISTERED]),
    "registered": (POOLS | {"karpenter.sh/registered": "true"}, [GPU_TAINT]),
    "going": (POOLS | {"karpenter.sh/registered": "true"}, [GPU_TAINT, DISRUPTED]),
    "reserved": (
        POOLS
        | {
            "karpenter.sh/registered": "true",
            "karpenter.sh/capacity-type": "reserved",
            "karpenter.k8s.aws/capacity-reservation-id": "cr-1",
        },
        [GPU_TAINT],
    ),
    "system": (
        {"eks.amazonaws.com/nodegroup": "system", "parapet.dev/node-role": "system"},
        [{"key": "parapet.dev/system", "value": "true", "effect": "NoSchedule"}],
    ),
    "posing": (
        {"eks.amazonaws.com/nodegroup": "system", "parapet.dev/node-role": "system", "karpenter.sh/nodepool": "l4"},
        [{"key": "parapet.dev/system", "value": "true", "effect": "NoSchedule"}],
    ),
    "workload": ({"eks.amazonaws.com/nodegroup": "workload", "parapet.dev/node-role": "workload"}, []),
}
REGISTERS: dict[str, Any] = {
    "metadata": {
        "labels": {
            "karpenter.sh/registered": "true",
            "karpenter.sh/capacity-type": "on-demand",
            "karpenter.k8s.aws/instance-family": "g6",
            "topology.kubernetes.io/zone": "us-east-1a",
            "parapet.dev/gpu-group": "l4",
        },
        "annotations": {"karpenter.k8s.aws/ec2nodeclass-hash": "1", "karpenter.sh/nodepool-hash": "1"},
        "finalizers": ["karpenter.sh/termination"],
        "ownerReferences": [
            {
                "apiVersion": "karpenter.sh/v1",
                "kind": "NodeClaim",
                "name": "l4-x",
                "uid": "0b6e2f5c-0000-4000-8000-000000000000",
                "blockOwnerDeletion": True,
            }
        ],
    },
    "spec": {"taints": [GPU_TAINT]},
}
"""What registration patches (kubernetes-sigs/karpenter, nodeclaim/lifecycle/registration.go)."""
KARPENTERS_RULE = "karpenter-keeps-to-its-nodes"


@pytest.fixture(scope="module")
def noded(installed: Api) -> Iterator[Api]:
    for name, (labels, taints) in NODES.items():
        meta = {"name": f"karpenter-{name}", "labels": labels}
        # Not ready would be told by taints that come and go; who is cordoned gets one more, and keeps it.
        node = {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": taints}}
        answer = installed.apply(node)
        assert answer.done, answer.text
    karpenter = Member.allowed(account_rules.KARPENTER, installed)
    wait_for(lambda: not karpenter.delete("/api/v1/nodes/karpenter-system").done)
    yield installed
    installed.run("delete", "nodes", *(f"karpenter-{name}" for name in NODES), "--wait=false")


def _patched(api: Api, name: str, patch: dict[str, Any]) -> Answer:
    """With the taints that the cluster has put there meanwhile beside those that are told."""
    if "taints" in patch.get("spec", {}):
        there = json.loads(api.run("get", "node", f"karpenter-{name}", "--output=json").text)["spec"].get("taints", [])
        own = [each for each in there if each["key"].startswith("node.kubernetes.io/")]
        patch = {**patch, "spec": {**patch["spec"], "taints": [*patch["spec"]["taints"], *own]}}
    return Member.allowed(account_rules.KARPENTER, api).patch(f"/api/v1/nodes/karpenter-{name}", patch)


@pytest.mark.parametrize("name", ["system", "workload", "posing"])
def test_karpenter_leaves_the_nodes_of_groups_alone(noded: Api, name: str) -> None:
    for patch in (
        {"metadata": {"labels": {"parapet.dev/node-role": "gpu"}}},
        {"metadata": {"labels": {"karpenter.sh/nodepool": "l4"}}},
        {"spec": {"taints": []}},
        {"spec": {"taints": [DISRUPTED]}},
    ):
        assert refused(_patched(noded, name, patch), KARPENTERS_RULE, "none of its pools")
    karpenter = Member.allowed(account_rules.KARPENTER, noded)
    assert refused(karpenter.delete(f"/api/v1/nodes/karpenter-{name}"), KARPENTERS_RULE, "none of its pools")


@pytest.mark.parametrize(
    ("name", "patch", "says"),
    [
        ("joining", {"metadata": {"labels": {"parapet.dev/node-role": "system"}}}, "parapet.dev/node-role"),
        ("joining", {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}}, "node-restriction"),
        ("joining", {"metadata": {"labels": {"eks.amazonaws.com/nodegroup": "system"}}}, "eks.amazonaws.com/nodegroup"),
        ("joining", {"metadata": {"labels": {"karpenter.sh/nodepool": "h100"}}}, "karpenter.sh/nodepool"),
        ("registered", {"metadata": {"labels": {"karpenter.sh/registered": None}}}, "karpenter.sh/registered"),
        ("registered", {"metadata": {"labels": {"karpenter.sh/registered": "false"}}}, "karpenter.sh/registered"),
        ("registered", {"metadata": {"labels": {"karpenter.sh/nodepool": None}}}, "karpenter.sh/nodepool"),
        ("registered", {"metadata": {"labels": {"karpenter.k8s.aws/instance-gpu-name": "h100"}}}, "instance-gpu-name"),
        ("registered", {"metadata": {"labels": {"karpenter.k8s.aws/capacity-reservation-id": "cr-1"}}}, "reservation"),
        ("registered", {"metadata": {"labels": {"not.there.before/x": "y"}}}, "not.there.before/x"),
        ("registered", {"metadata": {"labels": {"parapet.dev/node-role": None}}}, "parapet.dev/node-role"),
        ("registered", {"metadata": {"labels": {"parapet.dev/gpu-group": "h100"}}}, "parapet.dev/gpu-group"),
        ("registered", {"metadata": {"annotations": {"csi.volume.kubernetes.io/nodeid": "{}"}}}, "nodeid"),
        ("registered", {"metadata": {"finalizers": ["example.com/held"]}}, "what a node is"),
        ("registered", {"spec": {"unschedulable": True}}, "unschedulable"),
        ("registered", {"spec": {"taints": []}}, "the taint nvidia.com/gpu:NoSchedule would come or go"),
        *(
            ("registered", {"spec": {"taints": [GPU_TAINT, {"key": key, "effect": effect}]}}, f"{key}:{effect} would")
            for key, effect in (
                ("mine", "NoExecute"),
                ("karpenter.sh/mine", "NoExecute"),
                ("karpenter.sh/mine", "NoSchedule"),
                ("karpenter.k8s.aws/mine", "NoExecute"),
                ("karpenter.sh/disrupted", "NoExecute"),
                ("karpenter.sh/unregistered", "NoExecute"),
            )
        ),
        # Before it has joined nothing runs there, and so it is to stay.
        ("joining", {"spec": {"taints": [GPU_TAINT]}}, "the taint karpenter.sh/unregistered:NoExecute would"),
    ],
)
def test_karpenter_does_not_make_a_node_of_its_own_another(
    noded: Api, name: str, patch: dict[str, Any], says: str
) -> None:
    assert refused(_patched(noded, name, patch), KARPENTERS_RULE, says)


@pytest.mark.parametrize(
    ("name", "patch"),
    [
        ("joining", REGISTERS),
        (
            "joining",
            {
                "metadata": {**REGISTERS["metadata"], "labels": {"parapet.dev/gpu-group": "l4"}},
                "spec": {"taints": [UNREGISTERED, GPU_TAINT]},
            },
        ),
        ("registered", {"metadata": {"labels": {"karpenter.k8s.aws/ec2nodeclass": "l4"}}}),
        ("registered", {"metadata": {"labels": {"karpenter.sh/initialized": "true"}}}),
        (
            "reserved",
            {
                "metadata": {
                    "labels": {
                        "karpenter.sh/capacity-type": "on-demand",
                        "karpenter.k8s.aws/capacity-reservation-id": None,
                    }
                }
            },
        ),
        (
            "registered",
            {
                "metadata": {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": "karpenter"}},
                "spec": {"taints": [GPU_TAINT, DISRUPTED]},
            },
        ),
        ("going", {"spec": {"taints": [GPU_TAINT]}}),
        ("registered", {"metadata": {"finalizers": None}}),
    ],
    ids=[
        *("it joins", "it will join", "its class", "it is ready", "its reservation is over"),
        *("it is to go", "it may stay", "it has gone"),
    ],
)
def test_karpenter_takes_on_and_gives_up_its_nodes(noded: Api, name: str, patch: dict[str, Any]) -> None:
    answer = _patched(noded, name, patch)
    assert answer.done, answer.text
    assert Member.allowed(account_rules.KARPENTER, noded).delete(f"/api/v1/nodes/karpenter-{name}").done


@pytest.mark.parametrize("part", ["", "/status"])
def test_a_kubelet_does_not_make_its_node_another(noded: Api, part: str) -> None:
    """Pods of the platform go where a node says that it is the platform's; NodeRestriction asks of other labels."""
    rule = "a-node-stays-what-it-registered-as"
    at = f"/api/v1/nodes/karpenter-workload{part}"
    kubelet = Member.allowed(f"{account_names.NODES}karpenter-workload", noded)
    for key, value in (
        ("parapet.dev/node-role", "system"),
        ("parapet.dev/node-role", None),
        ("parapet.dev/gpu-group", "h100"),
        ("karpenter.sh/nodepool", "l4"),
        ("eks.amazonaws.com/nodegroup", "system"),
        ("nvidia.com/device-plugin.config", "whole"),
        ("kubernetes.io.example.com/x", "y"),
        ("x", "y"),
    ):
        answer = kubelet.patch(at, {"metadata": {"labels": {key: value}}})
        assert refused(answer, rule, f"call itself another: {key}"), answer.text
    for key in ("kubernetes.io/os", "beta.kubernetes.io/arch", "topology.ebs.csi.aws.com/zone"):
        answer = kubelet.patch(at, {"metadata": {"labels": {key: "z"}}})
        assert answer.done, answer.text
    for who in ("someone", "system:serviceaccount:kube-system:node-controller"):
        answer = Member.allowed(who, noded).patch(at, {"metadata": {"labels": {"parapet.dev/gpu-group": "h100"}}})
        assert answer.done, answer.text


def test_a_kubelet_takes_no_taint_away_and_registers_with_what_its_group_says(noded: Api) -> None:
    whose = Member.allowed(f"{account_names.NODES}karpenter-system", noded)
    answer = whose.patch("/api/v1/nodes/karpenter-system", {"spec": {"taints": None}})
    assert refused(answer, "a-node-stays-what-it-registered-as", "would lose the taint parapet.dev/system")
    labels, taints = NODES["system"]
    meta = {"name": "karpenter-new", "labels": {**labels, "kubernetes.io/hostname": "karpenter-new"}}
    new = {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": taints}}
    answer = Member.allowed(f"{account_names.NODES}karpenter-new", noded).create("/api/v1/nodes", new)
    assert answer.done, answer.text


def test_who_else_keeps_nodes_is_not_asked(noded: Api) -> None:
    for who in ("system:serviceaccount:kube-system:node-controller", "someone"):
        answer = Member.allowed(who, noded).patch(
            "/api/v1/nodes/karpenter-system", {"metadata": {"labels": {"x": "y"}}}
        )
        assert answer.done, answer.text
