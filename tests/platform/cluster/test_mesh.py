"""The mesh's own resources: against Istio's real CRDs, with the CEL rules in them, on a live API server."""

import json
from functools import partial
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.flows import DASHBOARDS, PUBLISHED, Pods, flows
from cluster.mesh import callers
from tests.platform.cluster import charts, manifests
from tests.platform.cluster.api import Api


@pytest.fixture(scope="module")
def resources() -> list[dict[str, Any]]:
    return manifests.objects(manifests.record(manifests.mesh))


def one(resources: list[dict[str, Any]], kind: str, namespace: str, name: str) -> dict[str, Any]:
    (found,) = [
        each
        for each in resources
        if (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) == (kind, namespace, name)
    ]
    return found


@pytest.mark.engine
def test_the_api_server_takes_every_resource_of_the_mesh(meshed: Api, resources: list[dict[str, Any]]) -> None:
    # Tried only: among them is Istio's own policy, which would then answer other tests in the place of the platform's.
    answer = meshed.apply(*resources, dry_run=True)
    assert answer.done, answer.text
    assert "Warning" not in answer.text


@pytest.mark.engine
@pytest.mark.parametrize(
    ("kind", "namespace", "name", "spoil", "says"),
    [
        ("PeerAuthentication", "istio-system", "default", {"mtls": {"mode": "SOMETIMES"}}, "Unsupported value"),
        ("PeerAuthentication", "istio-system", "default", {"portLevelMtls": {"80": {}}}, "portLevelMtls requires"),
        ("Gateway", "ingress", "ingress", {"servers": [{"hosts": ["*"]}]}, "Required value"),
        ("ServiceEntry", "istio-system", "aws", {"hosts": []}, "hosts"),
        ("Telemetry", "istio-system", "default", {"selector": {}, "targetRef": {"kind": "x", "name": "y"}}, "only one"),
    ],
)
def test_the_crds_rules_speak(
    meshed: Api,
    resources: list[dict[str, Any]],
    kind: str,
    namespace: str,
    name: str,
    spoil: dict[str, Any],
    says: str,
) -> None:
    """So that the test above proves something."""
    resource = json.loads(json.dumps(one(resources, kind, namespace, name)))
    resource["spec"] |= spoil
    assert says.lower() in meshed.apply(resource, dry_run=True).text.lower()


def test_mutual_tls_is_strict_in_the_whole_mesh(resources: list[dict[str, Any]]) -> None:
    (peers,) = [each for each in resources if each["kind"] == "PeerAuthentication"]
    assert peers["metadata"]["namespace"] == "istio-system"
    assert peers["spec"] == {"mtls": {"mode": "STRICT"}}


def test_the_mesh_answers_nobody_unless_a_policy_names_the_caller(resources: list[dict[str, Any]]) -> None:
    deny = one(resources, "AuthorizationPolicy", "istio-system", "deny-all")
    assert deny["spec"] == {"action": "ALLOW"}
    for policy in resources:
        if policy["kind"] != "AuthorizationPolicy" or policy is deny:
            continue
        for rule in policy["spec"]["rules"]:
            if policy["metadata"]["namespace"] == "ingress":
                continue
            principals = [name for source in rule["from"] for name in source["source"]["principals"]]
            assert principals
            assert not [name for name in principals if "*" in name]


def test_whoever_may_call_by_name_may_also_connect() -> None:
    """A principal that the network policies hold back is a mistake in one of the two tables, and the reverse too."""
    marks = (PUBLISHED, DASHBOARDS)
    for caller in callers(manifests.SPACES):
        named = {name.split("/")[2] for name in caller.principals}
        ports = {int(port) for port in caller.ports}
        connecting = {
            source.namespace
            for flow in flows(manifests.SPACES)
            for source in flow.source
            if isinstance(source, Pods)
            and any(
                isinstance(end, Pods)
                and end.namespace == caller.namespace
                and all((m.items() <= end.labels.items()) == (m.items() <= caller.labels.items()) for m in marks)
                for end in flow.target
            )
            and set(flow.ports) == ports
        }
        assert named == connecting, caller.namespace


def test_the_gateway_is_let_in_to_mlflow_to_dashboards_and_to_pods_that_are_published(
    resources: list[dict[str, Any]],
) -> None:
    gateway = "cluster.local/ns/ingress/sa/istio-ingress"
    letting = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"].get("selector")
        for each in resources
        if each["kind"] == "AuthorizationPolicy"
        for rule in each["spec"].get("rules", [])
        for source in rule.get("from", [])
        if gateway in source["source"]["principals"]
    }
    assert letting == {
        ("mlflow", "callers"): None,
        ("serving", "published"): {"matchLabels": {"parapet.dev/published": "true"}},
        ("models", "published"): {"matchLabels": {"parapet.dev/published": "true"}},
        ("monitoring", "dashboards"): {"matchLabels": {"app.kubernetes.io/name": "grafana"}},
    }


def test_every_principal_is_a_service_account_that_is_made() -> None:
    made = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in manifests.objects(manifests.record(manifests.namespaces))
        if each["kind"] == "ServiceAccount"
    }
    for caller in callers(manifests.SPACES):
        for name in caller.principals:
            _, _, namespace, _, account = name.split("/")
            assert (namespace, account) in made


def test_the_gateway_speaks_tls_1_2_or_newer_and_nothing_in_plain(resources: list[dict[str, Any]]) -> None:
    gateway = one(resources, "Gateway", "ingress", "ingress")
    (server,) = gateway["spec"]["servers"]
    assert server["port"] == {"number": 443, "name": "https", "protocol": "HTTPS"}
    assert server["tls"]["minProtocolVersion"] == "TLSV1_2"
    assert "credentialName" not in server["tls"], "a Secret would hold the key in the cluster, and in the state"
    assert all("GCM" in cipher and cipher.startswith("ECDHE") for cipher in server["tls"]["cipherSuites"])


def test_the_gateway_takes_any_server_name_and_routes_of_the_namespaces_behind_it_alone(
    resources: list[dict[str, Any]],
) -> None:
    """The load balancer says no server name (`test_gateway_tls.py`)."""
    (server,) = one(resources, "Gateway", "ingress", "ingress")["spec"]["servers"]
    assert server["hosts"] == ["mlflow/*", "serving/*", "models/*", "monitoring/*", "kubeflow/*"]


def test_the_gateway_listens_at_one_address_only_where_it_shares_a_network(resources: list[dict[str, Any]]) -> None:
    """On EKS a pod has a network of its own, and an address that nobody knows before."""
    (server,) = one(resources, "Gateway", "ingress", "ingress")["spec"]["servers"]
    assert "bind" not in server
    shared = manifests.objects(manifests.record(lambda: manifests.mesh(gateway_address="127.9.9.2")))
    (bound,) = one(shared, "Gateway", "ingress", "ingress")["spec"]["servers"]
    assert bound == {**server, "bind": "127.9.9.2"}


@pytest.mark.engine
def test_the_api_server_takes_a_gateway_at_one_address(meshed: Api) -> None:
    shared = manifests.objects(manifests.record(lambda: manifests.mesh(gateway_address="127.9.9.2")))
    answer = meshed.apply(one(shared, "Gateway", "ingress", "ingress"), dry_run=True)
    assert answer.done, answer.text


def test_nothing_leaves_the_mesh_but_for_aws_services_of_the_region(resources: list[dict[str, Any]]) -> None:
    values = charts.charts(manifests.record(manifests.mesh))["istiod"].values
    assert values["meshConfig"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    entry = one(resources, "ServiceEntry", "istio-system", "aws")
    assert entry["spec"]["hosts"] == ["*.us-east-1.amazonaws.com", "s3.amazonaws.com", "*.s3.amazonaws.com"]
    assert [port["number"] for port in entry["spec"]["ports"]] == [443]
    (other,) = [each for each in resources if each["kind"] == "ServiceEntry" and each is not entry]
    assert other["spec"]["exportTo"] == ["monitoring", "judging"]
    assert other["spec"]["addresses"] == [manifests.VPC_CIDR]
    ports = {port["number"] for port in other["spec"]["ports"]}
    assert ports == {8080, 9400, 10250, 15014, 15020, 15090}, (
        "what `monitoring` scrapes, and 8080 is Karpenter's: models ask for mutual TLS"
    )


def test_the_gateways_load_balancer_is_internal_and_for_the_listed_networks(resources: list[dict[str, Any]]) -> None:
    service = one(resources, "Service", "ingress", "istio-ingress")
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    annotations = service["metadata"]["annotations"]
    assert (annotations[f"{prefix}-type"], annotations[f"{prefix}-internal"]) == ("nlb", "true")
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["loadBalancerSourceRanges"] == [manifests.VPC_CIDR, *manifests.CLIENT_CIDRS]
    assert [port["port"] for port in service["spec"]["ports"]] == [443], "each is a listener: the status port is none"
    # By which the health check is kube-proxy's, and needs no port of the gateway.
    assert service["spec"]["externalTrafficPolicy"] == "Local"


def test_the_load_balancer_shows_the_certificate_of_acm_and_speaks_tls_to_the_gateway(
    resources: list[dict[str, Any]],
) -> None:
    service = one(resources, "Service", "ingress", "istio-ingress")
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    said = {name.removeprefix(prefix): value for name, value in service["metadata"]["annotations"].items()}
    assert said["ssl-cert"] == manifests.CERTIFICATE_ARN
    assert said["ssl-ports"] == "443"
    assert said["ssl-negotiation-policy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert said["backend-protocol"] == "ssl"


@pytest.mark.engine
def test_the_load_balancer_leads_to_the_charts_pods_and_is_not_the_charts(
    resources: list[dict[str, Any]], helm: charts.Helm
) -> None:
    objects = helm.render(charts.charts(manifests.record(manifests.mesh))["gateway"])
    assert not [each for each in objects if each["kind"] == "Service"]
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    selector = one(resources, "Service", "ingress", "istio-ingress")["spec"]["selector"]
    assert selector == deployment["spec"]["selector"]["matchLabels"]


def test_every_host_of_the_domain_leads_to_the_load_balancer() -> None:
    (record,) = [each for each in manifests.record(manifests.mesh) if each.type == "aws:route53/record:Record"]
    assert (record.inputs["name"], record.inputs["type"]) == ("*.example.com", "CNAME")
    assert record.inputs["zoneId"] == manifests.ZONE_ID
    assert record.inputs["records"] == ["test-gateway.elb.test"]


@pytest.mark.engine
def test_the_gateway_shows_the_certificate_that_its_agent_writes_into_memory(
    resources: list[dict[str, Any]], helm: charts.Helm
) -> None:
    objects = helm.render(charts.charts(manifests.record(manifests.mesh))["gateway"])
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (folder,) = [each["value"] for each in container["env"] if each["name"] == "OUTPUT_CERTS"]
    (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == folder]
    (volume,) = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    assert volume["emptyDir"]["medium"] == "Memory"
    (server,) = one(resources, "Gateway", "ingress", "ingress")["spec"]["servers"]
    assert server["tls"]["serverCertificate"] == f"{folder}/cert-chain.pem"
    assert server["tls"]["privateKey"] == f"{folder}/key.pem"


@pytest.mark.engine
def test_the_gateway_runs_as_an_account_that_the_chart_does_not_make(helm: charts.Helm) -> None:
    """The chart's own has its token mounted, with which the Secrets of the namespace can be read."""
    objects = helm.render(charts.charts(manifests.record(manifests.mesh))["gateway"])
    assert not [each for each in objects if each["kind"] == "ServiceAccount"]
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == ns.INGRESS.service_account


@pytest.mark.engine
def test_istiod_may_make_nothing_for_a_gateway_api_that_nobody_uses(helm: charts.Helm) -> None:
    objects = helm.render(charts.charts(manifests.record(manifests.mesh))["istiod"])
    assert not [each["metadata"]["name"] for each in objects if "gateway-controller" in each["metadata"]["name"]]
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    said = {each["name"]: each.get("value") for each in container["env"]}
    assert {value for name, value in said.items() if name.startswith("PILOT_ENABLE_GATEWAY_API")} == {"false"}


def test_no_pod_is_shown_the_way_in_nor_let_in_by_it(resources: list[dict[str, Any]]) -> None:
    """A load balancer says no server name; a proxy lets out none but AWS's, and no hello without one."""
    service = one(resources, "Service", "ingress", "istio-ingress")
    assert service["metadata"]["annotations"]["networking.istio.io/exportTo"] == "~"
    (rule,) = one(resources, "AuthorizationPolicy", "ingress", "users")["spec"]["rules"]
    assert rule["when"] == [{"key": "connection.sni", "notValues": ["*"]}]


@pytest.mark.engine
def test_nobody_in_another_cluster_reads_this_one(helm: charts.Helm) -> None:
    made = charts.charts(manifests.record(manifests.mesh))
    objects = [each for name in ("base", "istiod") for each in helm.render(made[name])]
    assert not [each["metadata"]["name"] for each in objects if "reader" in each["metadata"]["name"]]


@pytest.mark.engine
def test_where_the_api_server_cannot_call_istiod_there_is_no_webhook_to_wait_for(helm: charts.Helm) -> None:
    made = charts.charts(manifests.record(lambda: manifests.mesh(reachable=False)))
    objects = [each for name in ("base", "istiod", "gateway") for each in helm.render(made[name])]
    assert not [each for each in objects if "WebhookConfiguration" in each["kind"]]
    gateway = {each["kind"]: each for each in objects if each["metadata"]["name"] == "istio-ingress"}
    assert gateway["Deployment"]["spec"]["replicas"] == 0
    unreachable = manifests.record(lambda: manifests.mesh(reachable=False))
    service = one(manifests.objects(unreachable), "Service", "ingress", "istio-ingress")
    assert service["spec"]["type"] == "ClusterIP"
    assert service["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"
    assert not [each for each in unreachable if each.type == "aws:route53/record:Record"]


def test_the_mesh_is_where_workloads_are() -> None:
    # And where the one that judges models asks Prometheus, which answers in the mesh alone; and what runs pipelines.
    assert set(ns.MESH) == {each.name for each in (*ns.WORKLOADS, ns.ROLLOUTS, ns.JUDGING, ns.KUBEFLOW)}
    assert all(each.mesh for each in manifests.SPACES)


def test_istiod_is_asked_of_pods_of_the_meshs_namespaces_by_name_and_of_no_other(
    resources: list[dict[str, Any]],
) -> None:
    """Where it may be asked, a pod of kube-system's is what EKS made of it."""
    asked = [one for each in resources if "webhooks" in each for one in each["webhooks"]]
    assert {each["failurePolicy"] for each in asked} == {"Fail"}
    (proxies,) = [each for each in asked if each["rules"][0]["resources"] == ["pods"]]
    ((name, values),) = [(e["key"], e["values"]) for e in proxies["namespaceSelector"]["matchExpressions"]]
    assert name == ns.NAME_LABEL
    assert set(values) == {*ns.MESH, *(each.name for each in manifests.SPACES if each.mesh)}
    away = manifests.objects(manifests.record(partial(manifests.mesh, reachable=False)))
    assert not [each for each in away if "webhooks" in each], "no istiod would answer"
