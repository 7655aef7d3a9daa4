"""`./parapet up --live`: the stack's own controllers, by the means of those who work with them."""

import json
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.guardrails.rollout_analyses import FEWEST, FIRST_SHARE
from cluster.roles import GROUP_PREFIX
from local import issuer, processes, registry
from local.kubernetes import live
from local.kubernetes.live import door, istiod, load_balancer, proxies
from local.workspace import Workspace
from mlops import analyses
from mlops.serving.pod import PORT
from tests.cluster import wait_for
from tests.delivery.serving import bundles
from tests.e2e import released
from tests.e2e.user import User
from tests.e2e.work import GPU, TRAINER, Work
from tests.platform.cluster import cases

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("live")]
CLIENT = Path(__file__).parents[1] / "delivery" / "serving" / "outside_client.py"
HOST = "mlflow.parapet.internal"
TRUST = "cluster.local"


@pytest.fixture(scope="module")
def user(live_user: User) -> User:
    return live_user


@pytest.fixture(scope="module")
def said(said_by_live: str) -> str:
    return said_by_live


@pytest.fixture(scope="module")
def workspace(user: User, said: str) -> Workspace:
    return Workspace(home=user.home)


@pytest.fixture(scope="module")
def authority(live_authority: Path) -> Path:
    return live_authority


def _at(workspace: Workspace, last: int) -> str:
    return f"{live.network(workspace)}.{last}"


def _ask(
    address: str, context: ssl.SSLContext, host: str, name: str | None, port: int = 443, path: str = "/health"
) -> int:
    """The status of a GET of `/health`, or of another path, of a host; `name` is what the TLS hello says."""
    connection = HTTPSConnection(address, port, timeout=10, context=context)
    plain = socket.create_connection((address, port), timeout=10)
    connection.sock = context.wrap_socket(plain, server_hostname=name)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_all_of_them_run_and_up_says_so(user: User, said: str) -> None:
    always = {"istiod", "gateway", "mlflow-proxy", "load-balancer", "karpenter", "argo-rollouts"}
    always |= {"prometheus", "alertmanager"}
    told = user.status()["live"]
    assert always <= told.keys()
    assert set(told.values()) == {"running"}
    assert all(each in said.rpartition("Live ")[2] for each in always)


def test_pods_of_the_mesh_have_their_proxy_from_istiods_own_webhook(user: User, said: str) -> None:
    for namespace in ("mlflow", "ingress"):
        pods = user.get("pods", f"--namespace={namespace}", "--selector=!job-name")["items"]
        assert pods
        for pod in pods:
            names = [each["name"] for kind in ("initContainers", "containers") for each in pod["spec"].get(kind, [])]
            assert "istio-proxy" in names, pod["metadata"]["name"]


# A client outside


def test_a_client_outside_comes_by_tls_with_the_platforms_ca(workspace: Workspace, authority: Path) -> None:
    context = ssl.create_default_context(cafile=str(authority))
    address = _at(workspace, load_balancer.ADDRESS)
    assert wait_for(lambda: _ask(address, context, HOST, HOST) == 200)


def test_and_by_nothing_else(workspace: Workspace, authority: Path) -> None:
    address = _at(workspace, load_balancer.ADDRESS)
    with pytest.raises(ssl.SSLCertVerificationError):
        _ask(address, ssl.create_default_context(), HOST, HOST)
    old = ssl.create_default_context(cafile=str(authority))
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        _ask(address, old, HOST, HOST)
    assert _plain(address, 443) == b""


def test_a_host_that_the_mesh_does_not_know_is_not_found(workspace: Workspace, authority: Path) -> None:
    context = ssl.create_default_context(cafile=str(authority))
    address = _at(workspace, load_balancer.ADDRESS)
    assert _ask(address, context, "unknown.parapet.internal", HOST) == 404


def _plain(address: str, port: int) -> bytes:
    """What is answered to who speaks no TLS."""
    with socket.create_connection((address, port), timeout=10) as plain:
        plain.sendall(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        try:
            return plain.recv(1000)
        except ConnectionError:
            return b""


def test_the_way_from_the_load_balancer_to_the_gateway_is_tls(workspace: Workspace) -> None:
    assert _plain(_at(workspace, proxies.GATEWAY_ADDRESS), 443) == b""


def test_who_is_no_load_balancer_does_not_pass_the_gateway(workspace: Workspace) -> None:
    """A pod's proxy says a server name, and the load balancer says none."""
    gateway = _at(workspace, proxies.GATEWAY_ADDRESS)
    assert _ask(gateway, _unverified(), HOST, None) == 200
    assert _ask(gateway, _unverified(), HOST, HOST) == 403


# In the mesh


@pytest.fixture(scope="module")
def certificates(user: User, workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> "Certificates":
    return Certificates(user, workspace, tmp_path_factory.mktemp("certificates"))


class Certificates:
    """Workload certificates as a proxy gets them: from istiod, for a service account's token."""

    def __init__(self, user: User, workspace: Workspace, folder: Path) -> None:
        self.user, self.workspace, self.folder = user, workspace, folder
        anchors = user.get("configmap", "istio-ca-root-cert", "--namespace=mlflow")
        self.root = folder / "root.pem"
        self.root.write_text(anchors["data"]["root-cert.pem"])

    def context(self, namespace: str, account: str) -> ssl.SSLContext:
        """What a proxy of this account speaks with."""
        files = self._issue(namespace, account)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the name of a workload is in its URI
        context.load_verify_locations(str(self.root))
        context.load_cert_chain(*map(str, files))
        context.set_alpn_protocols(["istio-http/1.1", "istio", "http/1.1"])
        return context

    def _issue(self, namespace: str, account: str) -> tuple[Path, Path]:
        status, token = self.user.kubectl("create", "token", account, f"--namespace={namespace}", "--audience=istio-ca")
        assert status == 0, token
        key = ec.generate_private_key(ec.SECP256R1())
        identity = x509.UniformResourceIdentifier(f"spiffe://{TRUST}/ns/{namespace}/sa/{account}")
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([identity]), critical=False)
            .sign(key, hashes.SHA256())
        )
        chain = self._sign(request.public_bytes(serialization.Encoding.PEM), token.strip())
        files = self.folder / f"{account}.crt", self.folder / f"{account}.key"
        files[0].write_text("".join(chain))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files

    def _sign(self, request: bytes, token: str) -> list[str]:
        """`IstioCertificateService.CreateCertificate` (istio.io/api, security/v1alpha1/ca.proto): its first field is
        the request, and the answer's first, repeated, the chain."""
        place = f"{_at(self.workspace, istiod.ADDRESS)}:{istiod.XDS}"
        credentials = grpc.ssl_channel_credentials(self.root.read_bytes())
        named = [("grpc.ssl_target_name_override", "istiod.istio-system.svc")]
        with grpc.secure_channel(place, credentials, named) as channel:
            call: Any = channel.unary_unary("/istio.v1.auth.IstioCertificateService/CreateCertificate")
            told: bytes = call(
                b"\x0a" + _length(len(request)) + request,
                metadata=[("authorization", f"Bearer {token}"), ("clusterid", "Kubernetes")],
                timeout=20,
            )
        return list(_strings(told))


def _length(number: int) -> bytes:
    """A number as protobuf's varint."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _strings(message: bytes) -> Iterator[str]:
    """The strings of a protobuf message that has nothing else."""
    while message:
        size, at = 0, 1
        while True:
            size |= (message[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if not message[at - 1] & 0x80:
                break
        yield message[at : at + size].decode()
        message = message[at + size :]


def test_plain_text_and_who_shows_no_certificate_are_refused_by_mlflows_proxy(
    workspace: Workspace, certificates: Certificates
) -> None:
    address = _at(workspace, proxies.MLFLOW_ADDRESS)
    assert _plain(address, 5000) == b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(str(certificates.root))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _ask(address, context, HOST, None, 5000)


@pytest.mark.parametrize(
    ("namespace", "account", "status"),
    [
        ("ingress", "istio-ingress", 200),
        ("training", "trainer", 200),
        ("monitoring", "monitor", 403),
        ("istio-system", "istiod", 403),
    ],
)
def test_mlflow_answers_those_who_are_listed(
    workspace: Workspace, certificates: Certificates, namespace: str, account: str, status: int
) -> None:
    context = certificates.context(namespace, account)
    address = _at(workspace, proxies.MLFLOW_ADDRESS)
    assert _ask(address, context, HOST, None, 5000) == status


# People


def _as(*groups: str) -> tuple[str, ...]:
    return ("--as=somebody", *(f"--as-group={GROUP_PREFIX}{each}" for each in groups))


SCIENTIST, ENGINEER = _as("data-scientists", "workspace:notebooks"), _as("ml-engineers")


def test_a_data_scientist_has_a_notebook_in_a_workspace_of_their_own(user: User, work: Work) -> None:
    made = work.manifest(cases.Case("", "", True, kind="StatefulSet", namespace="notebooks"), "notebook")
    status, said = user.kubectl("apply", *SCIENTIST, "--filename=-", given=made)
    assert status == 0, said

    def running() -> list[dict[str, Any]]:
        pods = user.get("pods", "--namespace=notebooks", "--selector=app=case", *SCIENTIST)["items"]
        return [each for each in pods if each["status"].get("phase") == "Running"]

    (pod,) = wait_for(running, seconds=120)
    assert "istio-proxy" in json.dumps(pod["spec"])
    status, said = user.kubectl("delete", *SCIENTIST, "statefulset", "notebook", "--namespace=notebooks")
    assert status == 0, said


def test_a_training_job_of_two_workers_finds_itself_by_name(user: User, work: Work) -> None:
    """Each worker has a name of its own under a headless Service, before any of them is ready."""
    job = work.manifest(cases.Case("", "", True, kind="Job"), "epochs")
    job["spec"] |= {"completions": 2, "parallelism": 2, "completionMode": "Indexed"}
    job["spec"]["template"]["spec"]["subdomain"] = "epochs"
    peers = {"selector": {"job-name": "epochs"}, "clusterIP": "None", "publishNotReadyAddresses": True}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "epochs", "namespace": "training"},
        "spec": peers | {"ports": [{"name": "tcp-rendezvous", "port": 29500}]},
    }
    for made in (service, job):
        status, said = user.kubectl("apply", *SCIENTIST, "--filename=-", given=made)
        assert status == 0, said
    # KWOK ends the pods of a job; what the Service told of them is seen on the way.
    names: set[str] = set()

    def known() -> bool:
        slices = user.get("endpointslices", "--namespace=training", *SCIENTIST)["items"]
        names.update(one.get("hostname", "") for each in slices for one in each["endpoints"] or [])
        ended = user.get("job", "epochs", "--namespace=training", *SCIENTIST)["status"].get("succeeded")
        return {"epochs-0", "epochs-1"} <= names or ended == 2

    assert wait_for(known, seconds=120)
    indices = {
        each["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]: each["spec"]["hostname"]
        for each in user.get("pods", "--namespace=training", "--selector=job-name=epochs", *SCIENTIST)["items"]
    }
    assert indices == {"0": "epochs-0", "1": "epochs-1"}
    for each in ("job/epochs", "service/epochs"):
        status, said = user.kubectl("delete", *SCIENTIST, each, "--namespace=training")
        assert status == 0, said


# Karpenter


@pytest.fixture(scope="module")
def work(user: User, workspace: Workspace) -> Work:
    account = user.client("sts").get_caller_identity()["Account"]
    images = registry.of(workspace)
    assert images
    place = f"{account}.dkr.ecr.us-east-1.amazonaws.com/parapet-local"
    return Work(user, place, images.push_stand_in(TRAINER, "1", "a trainer"))


def _claims(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.get("nodeclaims")["items"]
    return found


def test_a_pending_gpu_pod_gets_an_instance_as_the_stack_allows_it(user: User, work: Work) -> None:
    status, said = work.apply(work.pod("first", **GPU), work.pod("second", **GPU))
    assert status == 0, said
    assert wait_for(lambda: {"first", "second"} <= set(work.running("training")), seconds=180)
    (claim,) = _claims(user)
    identifier = claim["status"]["providerID"].rpartition("/")[2]
    ec2 = user.client("ec2")
    (instance,) = ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"]
    assert instance["InstanceType"] in ("g6.xlarge", "g6.2xlarge")
    assert instance["SubnetId"] in user.outputs()["privateSubnetIds"]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    tags = {each["Key"]: each["Value"] for each in instance["Tags"]}
    assert tags["karpenter.sh/nodepool"] == "inference"
    assert tags[f"kubernetes.io/cluster/{user.outputs()['clusterName']}"] == "owned"
    volumes = [each["Ebs"]["VolumeId"] for each in instance["BlockDeviceMappings"]]
    assert all(each["Encrypted"] for each in ec2.describe_volumes(VolumeIds=volumes)["Volumes"])
    (node,) = (each for each in user.get("nodes")["items"] if each["spec"].get("providerID", "").endswith(identifier))
    assert node["status"]["capacity"]["nvidia.com/gpu"] == "1"
    assert node["metadata"]["labels"]["karpenter.sh/registered"] == "true"


def test_a_pod_over_the_limit_waits_and_is_told_why(user: User, work: Work) -> None:
    # The node that is always there, and three more. The quota of one namespace ends where the group does.
    more = [work.pod(f"more-{each}", **GPU) for each in range(2)]
    status, said = work.apply(*more, work.pod("one-too-many", "serving", **GPU))
    assert status == 0, said

    def told() -> bool:
        """Of one of them, whichever was the last."""
        events = user.get("events", "--all-namespaces", "--field-selector=reason=FailedScheduling")["items"]
        return any("exceed limits for nodepool" in each["message"] for each in events)

    assert wait_for(told, seconds=180)
    assert len(_claims(user)) <= 3


def test_what_must_not_be_disrupted_is_not_and_an_empty_node_goes(user: User, work: Work) -> None:
    for namespace in ("training", "serving"):
        user.kubectl("delete", "pods", f"--namespace={namespace}", "--all", "--wait=true")
    kept = {"/metadata/annotations": {"karpenter.sh/do-not-disrupt": "true"}, **GPU}
    status, said = work.apply(work.pod("kept-1", **kept), work.pod("kept-2", **kept))
    assert status == 0, said
    assert wait_for(lambda: {"kept-1", "kept-2"} <= set(work.running("training")), seconds=180)
    quick = {"spec": {"disruption": {"consolidateAfter": "1s"}}}
    status, said = user.kubectl("patch", "nodepool", "inference", "--type=merge", f"--patch={json.dumps(quick)}")
    assert status == 0, said
    busy = set(work.running("training").values())
    assert wait_for(lambda: {each["status"].get("nodeName") for each in _claims(user)} <= busy, seconds=180)
    assert {"kept-1", "kept-2"} <= set(work.running("training"))
    user.kubectl("delete", "pods", "--namespace=training", "--all", "--wait=true")
    assert wait_for(lambda: not _claims(user), seconds=180)
    ec2 = user.client("ec2")
    running = [
        {"Name": "tag-key", "Values": ["karpenter.sh/nodeclaim"]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    assert not ec2.describe_instances(Filters=running)["Reservations"]


def test_iam_denied_none_of_what_karpenter_asked(workspace: Workspace) -> None:
    told = (workspace.logs / "aws.log").read_text()
    assert not [line for line in told.splitlines() if "IAM:" in line and "karpenter" in line]


# Progressive delivery


def _template(user: User, name: str, condition: str) -> dict[str, Any]:
    """An analysis of what a server of this machine says."""
    asked = {"web": {"url": f"{user.place('aws_endpoint_url')}/moto-api/config", "jsonPath": "{$}"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ClusterAnalysisTemplate",
        "metadata": {"name": name},
        "spec": {"metrics": [{"name": name, "successCondition": condition, "provider": asked}]},
    }


def test_a_canary_waits_for_its_analysis_and_goes_back_where_that_fails(user: User, work: Work) -> None:
    """The one that fails is the stack's own: KWOK's pods answer no calls, of which Prometheus tells it."""
    status, said = work.apply(_template(user, "answers", "true"))
    assert status == 0, said
    rollout = cases.controller("Rollout", work.pod("model", "serving"))
    rollout["spec"]["replicas"] = FEWEST

    def release(version: str, judged_by: str, **told: Any) -> str:
        """What becomes of a version that an ML engineer brings out."""
        analysis = {"templates": [{"templateName": judged_by, "clusterScope": True}], **told}
        rollout["spec"]["strategy"] = {"canary": {"steps": [{"setWeight": FIRST_SHARE}, {"analysis": analysis}]}}
        rollout["spec"]["template"]["metadata"].setdefault("annotations", {})["parapet.dev/version"] = version
        status, said = user.kubectl("apply", *ENGINEER, "--filename=-", given=rollout)
        assert status == 0, said
        generation = user.get("rollout", "case", "--namespace=serving")["metadata"]["generation"]

        def ended() -> str:
            found = user.get("rollout", "case", "--namespace=serving").get("status", {})
            seen = found.get("observedGeneration") == str(generation)
            return found.get("phase", "") if seen and found.get("phase") in ("Healthy", "Degraded") else ""

        return str(wait_for(ended, seconds=120))

    assert release("1", "answers") == "Healthy"
    assert release("2", "answers") == "Healthy"
    assert release("3", analyses.ERRORS, args=analyses.versions()) == "Degraded"
    runs = [
        run
        for run in user.get("analysisruns", "--namespace=serving")["items"]
        if run["metadata"]["ownerReferences"][0]["name"] == "case"
    ]
    (good, bad) = sorted(runs, key=lambda run: run["metadata"]["name"][-3:])
    assert (good["status"]["phase"], bad["status"]["phase"]) == ("Successful", "Failed")
    measured = [each["value"] for metric in bad["status"]["metricResults"] for each in metric["measurements"]]
    assert measured, "Prometheus was not asked"
    assert set(measured) == {"[1]"}

    def versions() -> set[str]:
        """Of the pods that stay."""
        pods = user.get("pods", "--namespace=serving", "--selector=app=case")["items"]
        staying = [each["metadata"] for each in pods if "deletionTimestamp" not in each["metadata"]]
        return {each["annotations"]["parapet.dev/version"] for each in staying}

    assert wait_for(lambda: versions() == {"2"})


# Models


@pytest.fixture(scope="module")
def model(user: User, workspace: Workspace, graph: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A published one that answers, as `./parapet status` tells it."""
    released.settle(user, released.put(user, bundles.Bundle(tmp_path_factory.mktemp("model"), graph), "7"))
    status, said = user.parapet("up", "--live")
    assert status == 0, said

    def healthy() -> Any:
        (found,) = user.status()["models"]
        return found if found["phase"] == "Healthy" else None

    found: dict[str, Any] = wait_for(healthy, seconds=120)
    return found


def _infer(url: str, authorities: str, token: str | None, body: Any = None) -> requests.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    record = {"records": [dict(bundles.RECORD)]} if body is None else body
    return requests.post(f"{url}/predict", json=record, headers=headers, verify=authorities, timeout=20)


def test_a_client_that_others_wrote_asks_a_model_by_what_env_exports(
    user: User, model: dict[str, Any], outside: Path
) -> None:
    rows = json.dumps([bundles.row({**bundles.RECORD, "glucose": 110.0})] * 3)
    ask = f'{outside}/bin/python -P {CLIENT} "$PARAPET_INFERENCE_URL" "$PARAPET_INFERENCE_TOKEN" {bundles.NAME}'
    status, said = user.shell(f"{ask} '{rows}' \"$PARAPET_CA_FILE\"", options=("--credentials",))
    assert status == 0, said
    told = json.loads(said)
    assert sorted(told) == ["bytes, all", "bytes, named", "json, all", "json, named"]
    for answers in told.values():
        assert answers == pytest.approx([bundles.expected({**bundles.RECORD, "glucose": 110.0})] * 3, abs=1e-5)


def test_status_tells_a_model_and_where_it_is_asked(workspace: Workspace, model: dict[str, Any]) -> None:
    assert (model["name"], model["version"], model["alias"], model["stable"]) == (bundles.NAME, "7", "serving", "7")
    assert model["url"].startswith(f"https://{live.network(workspace)}.")


def test_who_comes_through_the_gateway_without_a_token_that_is_meant_for_models_gets_no_answer(
    workspace: Workspace, model: dict[str, Any]
) -> None:
    url, authorities = model["url"], str(workspace.live / door.DOOR / f"{door.AUTHORITY}.crt")
    assert _infer(url, authorities, issuer.token(workspace, "a-nurse")).status_code == 200
    for token, status in {
        None: 401,
        issuer.token(workspace, "a-nurse", aud="mlflow"): 401,
        issuer.token(workspace, "a-nurse", exp=1): 401,
        issuer.token(workspace, "a-nurse", scope="other"): 403,
        "eyJhbGciOiJub25lIn0." + issuer.token(workspace, "a-nurse").split(".")[1] + ".": 401,
    }.items():
        assert _infer(url, authorities, token).status_code == status, token


@pytest.mark.parametrize(
    ("namespace", "account", "status"),
    [("pipelines", "pipeline", 200), ("ingress", "istio-ingress", 401), ("training", "trainer", 403)],
)
def test_who_is_in_the_mesh_is_known_by_it_and_the_gateway_is_nobody(
    workspace: Workspace, certificates: Certificates, model: dict[str, Any], namespace: str, account: str, status: int
) -> None:
    (file,) = workspace.live.glob(f"{model['name']}-*/address")
    address, host = _at(workspace, int(file.read_text())), f"{model['name']}.models"
    assert _ask(address, certificates.context(namespace, account), host, None, PORT, "/v2") == status


# What goes and comes


def test_a_killed_controller_comes_back(workspace: Workspace) -> None:
    record = processes.read(workspace.run, f"{live.PREFIX}istiod")
    assert record
    psutil.Process(record.pid).kill()
    assert wait_for(
        lambda: (again := processes.read(workspace.run, f"{live.PREFIX}istiod")) and again.pid != record.pid
    )


def test_they_listen_on_loopback_addresses_only(workspace: Workspace) -> None:
    listening = {
        (process.name(), connection.laddr.ip)
        for record in live.processes_of(workspace)
        for process in [psutil.Process(record.pid), *psutil.Process(record.pid).children(recursive=True)]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    elsewhere = {name for name, address in listening if not address.startswith("127.")}
    assert elsewhere == set(), json.dumps(sorted(elsewhere))


def test_a_down_leaves_nothing_of_them(user: User, workspace: Workspace) -> None:
    """Karpenter ends its instances and takes its finalizers off, and istiod judges what goes, while the stack goes."""
    status, said = user.parapet("down")
    assert status == 0, said
    assert not live.processes_of(workspace)
    assert not user.processes()
    assert not workspace.live.exists()
