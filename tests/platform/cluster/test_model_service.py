"""A model that answers, as the stack makes it: that a live API server takes it by the rules that a team is held to."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR, PUBLISHED
from cluster.guardrails.rollout_analyses import FIRST_SHARE
from cluster.labels import MANAGED
from cluster.mesh import callers
from cluster.node_labels import GPU, GROUP, TOLERATIONS
from cluster.roles import GROUP_PREFIX
from local.kubernetes import control_plane
from local.kubernetes.control_plane import ControlPlane, rollouts
from local.kubernetes.control_plane.api import Api as KubernetesApi
from local.kubernetes.control_plane.api import ApiError
from local.kubernetes.workloads.replicas import VERSION
from local.workspace import Workspace
from mlops import analyses
from mlops.serving.model import Model
from mlops.serving.model_service import ModelService, ModelServiceArgs, proven, steps
from mlops.serving.pod import ANNOTATIONS, CALLER_AUTHORITIES_FILE, CALLER_KEYS_FILE, FILE, PORT, PodArgs
from mlops.serving.tokens import Tokens
from tests.platform.cluster import ledgers, manifests
from tests.platform.cluster.api import Api

MODEL = {"name": "readmission", "version": "7", "digest": f"sha256:{'a' * 64}"}
ENGINEER = ("--as=somebody", f"--as-group={GROUP_PREFIX}ml-engineers")
DRY = ("--server-side", "--dry-run=server", "--filename=-")
KEY = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
KEYS = json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "one"}]})
GIVEN = Tokens(issuer="https://login.example.org", audiences=("models",), keys=KEYS, scopes=("predict",))
ASKED = GIVEN.model_copy(update={"keys": "https://login.example.org/keys", "authorities": "CERTIFICATES"})


def objects(
    tokens: Tokens | None = GIVEN, key: str = KEY, log_seconds: int = 300, **said: Any
) -> dict[str, dict[str, Any]]:
    """What is made of a model, by kind and name."""
    pod = PodArgs(
        stack=manifests.STACK,
        artifacts="parapet-test-artifacts",
        phi="parapet-test-phi",
        phi_key_arn="arn:aws:kms:us-east-1:111122223333:key/phi",
        signing_key=key,
        tokens=tokens,
        log_seconds=log_seconds,
    )
    args = ModelServiceArgs(model=Model.model_validate(MODEL | said), domain=manifests.DOMAIN, pod=pod, after=())
    made = manifests.objects(manifests.record(lambda: ModelService("test-readmission", args)))
    return {f"{each['kind']} {each['metadata']['name']}": each for each in made}


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    return objects(published=True)


@pytest.mark.engine
@pytest.mark.parametrize("who", [(), ENGINEER], ids=["the stack", "an ML engineer"])
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"published": True, "waits": False},
        {"strategy": "blueGreen"},
        {"strategy": "blueGreen", "waits": False},
        {"gpuGroup": "inference"},
    ],
    ids=["as it comes", "published", "blue and green", "blue and green at once", "on a GPU"],
)
def test_the_api_server_and_the_guardrails_take_it(meshed: Api, who: tuple[str, ...], said: dict[str, Any]) -> None:
    """As a team's own hand would have it too, where teams serve: the stack asks for nothing that it refuses others.

    But for the model's account and host, and which of its pods judges are to look at; and for an autoscaler, of which a
    team's has five pods at least: it does not show that the Rollout has routes.
    """
    for name, made in objects(**said).items():
        each = made
        if who and each["kind"] == "HorizontalPodAutoscaler":
            continue
        if who:
            each = _as_a_team_would(made)
        if who and each["kind"] == "Rollout":
            each["spec"]["template"]["spec"]["serviceAccountName"] = ns.SERVING.service_account
        answer = meshed.run("apply", *DRY, *_may(meshed, who), stdin=json.dumps(each))
        assert answer.done, (name, answer.text)
        assert "Warning" not in answer.text, answer.text


def _as_a_team_would(made: Any) -> Any:
    """With a team's name and host, in its namespace, without the stack's label, and judged as a team's is."""
    if isinstance(made, dict):
        return {key: _as_a_team_would(value) for key, value in made.items() if (key, value) not in MANAGED.items()}
    if isinstance(made, list):
        told = analyses.versions() if made == analyses.arguments("readmission") else made
        return [_as_a_team_would(each) for each in told]
    if made == ns.MODELS.name:
        return ns.SERVING.name
    if isinstance(made, str):
        return made.replace("readmission", "team-readmission").replace(f".{ns.MODELS.name}.", f".{ns.SERVING.name}.")
    return made


@pytest.mark.engine
@pytest.mark.parametrize(
    ("namespace", "taken"), [(ns.ISTIO_SYSTEM.name, True), (ns.MODELS.name, False)], ids=["the mesh's", "the models'"]
)
def test_the_way_to_the_providers_keys_is_the_stacks_to_open(meshed: Api, namespace: str, taken: bool) -> None:
    meta = {"name": "model-token-keys", "namespace": namespace}
    entry = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": meta}
    entry["spec"] = ASKED.to_provider(ns.MODELS.name)
    answer = meshed.run("apply", *DRY, stdin=json.dumps(entry))
    assert answer.done is taken, answer.text


def _may(api: Api, who: tuple[str, ...]) -> tuple[str, ...]:
    """Whoever it is, with every right: the guardrails alone are asked."""
    return (*who, "--as-group=system:masters") if who else ()


def without_the_toleration(pod: dict[str, Any]) -> None:
    del pod["tolerations"]


def with_all_gpus_for_who_has_none(pod: dict[str, Any]) -> None:
    pod["initContainers"][0]["env"] = []


def with_another_runtime(pod: dict[str, Any]) -> None:
    pod["containers"][0]["env"].append({"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"})


def with_more_than_the_namespace_may_have(pod: dict[str, Any]) -> None:
    pod["containers"][0]["resources"] = {"limits": {"cpu": "1", "memory": "1Gi", GPU: "9"}}


@pytest.mark.engine
@pytest.mark.parametrize(
    ("other", "said"),
    [
        (without_the_toleration, f"does not tolerate {GPU}"),
        (with_all_gpus_for_who_has_none, "fetch has no GPU, beside a container that has one"),
        (with_another_runtime, "would choose GPUs past the device plugin"),
        (with_more_than_the_namespace_may_have, f"exceeded quota: quota, requested: requests.{GPU}=9"),
    ],
)
def test_its_pods_are_on_a_gpu_in_the_one_way_that_is_counted(
    guarded: Api, other: Callable[[dict[str, Any]], None], said: str
) -> None:
    """What `test_its_pods_are_admitted_as_pods_are` sees taken is refused where it is anything else."""
    template = objects(name="admitted", gpuGroup="inference")["Rollout admitted"]["spec"]["template"]
    assert guarded.apply(objects(name="admitted")[f"ServiceAccount {ns.MODEL_ACCOUNTS}admitted"]).done
    other(template["spec"])
    meta = {**template["metadata"], "name": "admitted-x", "namespace": ns.MODELS.name}
    answer = guarded.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}, dry_run=True
    )
    assert not answer.done
    assert said in answer.text


def test_on_a_gpu_it_is_the_image_with_cuda_on_a_node_of_its_group() -> None:
    pod = objects(gpuGroup="inference")["Rollout readmission"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {GROUP: "inference"}
    assert pod["tolerations"] == TOLERATIONS
    (fetch,), (server,) = pod["initContainers"], pod["containers"]
    assert {fetch["image"], server["image"]} == {manifests.STACK.image(images.SERVING_GPU)}
    assert [server["resources"][each][GPU] for each in ("requests", "limits")] == ["1", "1"]
    assert not [each for each in fetch["resources"].values() if GPU in each]


def test_what_is_computed_by_processors_says_nothing_of_gpus() -> None:
    """Also not that it has none: another word in its template would be another version of every model."""
    template = objects()["Rollout readmission"]["spec"]["template"]
    told = json.dumps(template)
    assert not [word for word in ("nvidia", "NVIDIA", "gpu", "processor", "nodeSelector") if word in told]
    assert manifests.STACK.image(images.SERVING) in told


@pytest.mark.parametrize(("said", "processor"), [({}, None), ({"gpuGroup": "inference"}, "gpu")])
def test_the_server_is_told_to_start_by_a_gpu_or_not_at_all(said: dict[str, str], processor: str | None) -> None:
    annotations = objects(**said)["Rollout readmission"]["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(annotations[ANNOTATIONS[FILE]]).get("processor") == processor


@pytest.mark.parametrize(("seconds", "told"), [(15, 15), (60, None), (300, None)])
def test_predictions_are_written_down_by_each_minute_and_as_soon_as_a_version_is_judged(
    seconds: int, told: int | None
) -> None:
    annotations = objects(log_seconds=seconds)["Rollout readmission"]["spec"]["template"]["metadata"]["annotations"]
    assert json.loads(annotations[ANNOTATIONS[FILE]])["predictionLog"].get("seconds") == told


@pytest.mark.engine
@pytest.mark.parametrize("said", [{}, {"gpuGroup": "inference"}], ids=["as it comes", "on a GPU"])
def test_its_pods_are_admitted_as_pods_are(guarded: Api, said: dict[str, Any]) -> None:
    made = objects(name="admitted", **said)
    template = made["Rollout admitted"]["spec"]["template"]
    assert guarded.apply(made[f"ServiceAccount {ns.MODEL_ACCOUNTS}admitted"]).done  # without it no pod is made
    meta = {**template["metadata"], "name": "admitted-x", "namespace": ns.MODELS.name}
    answer = guarded.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}, dry_run=True
    )
    assert answer.done, answer.text
    assert "Warning" not in answer.text


def test_the_mesh_and_the_server_let_the_same_ones_in(made: dict[str, dict[str, Any]]) -> None:
    """Who may call by the AuthorizationPolicies is who the server answers; the port is theirs."""
    for found, published in ((made, True), (objects(), False)):
        template = found["Rollout readmission"]["spec"]["template"]
        labels = template["metadata"]["labels"]
        admitted = {
            f"spiffe://{principal}"
            for caller in callers()
            if caller.namespace == ns.MODELS.name and caller.labels.items() <= labels.items()
            for principal in caller.principals
        }
        configured = json.loads(template["metadata"]["annotations"][ANNOTATIONS[FILE]])
        mesh = configured["mesh"]
        assert {*mesh["callers"], *mesh.get("gateways", ())} == admitted
        # Whom the gateway brings is nobody without a token.
        assert mesh["callers"] == ["spiffe://cluster.local/ns/pipelines/sa/pipeline"]
        assert ("gateways" in mesh) is ("tokens" in configured) is published
        assert (PUBLISHED.items() <= labels.items()) is published
        assert all(str(PORT) in caller.ports for caller in callers() if caller.namespace == ns.MODELS.name)
        assert PREDICTOR.items() <= labels.items()


@pytest.mark.parametrize(
    ("tokens", "file", "annotation", "keys"),
    [
        (GIVEN, CALLER_KEYS_FILE, KEYS, f"/etc/parapet/{CALLER_KEYS_FILE}"),
        (ASKED, CALLER_AUTHORITIES_FILE, "CERTIFICATES", "https://login.example.org/keys"),
    ],
    ids=["keys that are given", "keys that are asked for"],
)
def test_the_server_reads_whose_tokens_it_takes(tokens: Tokens, file: str, annotation: str, keys: str) -> None:
    template = objects(tokens, published=True)["Rollout readmission"]["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    told = json.loads(annotations[ANNOTATIONS[FILE]])["tokens"]
    assert (told["issuer"], told["audiences"], told["scopes"]) == ("https://login.example.org", ["models"], ["predict"])
    assert told["keys"] == keys
    assert told.get("authorities") == (f"/etc/parapet/{file}" if tokens.authorities else None)
    assert annotations[ANNOTATIONS[file]] == annotation
    (volume,) = (each for each in template["spec"]["volumes"] if each["name"] == "configuration")
    fields = {each["path"]: each["fieldRef"]["fieldPath"] for each in volume["downwardAPI"]["items"]}
    # What a pod reads is there: of an annotation that is not, a file would be empty.
    assert {f"metadata.annotations['{name}']" for name in annotations if name.startswith("parapet.dev/")} == set(
        fields.values()
    )
    assert file in fields


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("group", ["", "inference"], ids=["on a processor", "on a GPU"])
def test_its_controller_writes_the_template_back_as_it_is(published: bool, group: str) -> None:
    """Argo Rollouts writes a Rollout whole, and Go leaves out what is empty (`omitempty`): a template that has such a
    word would be another one, which the guardrails take of nobody but the stack."""

    def empty(value: Any, at: str) -> list[str]:
        found = [at] if value in (False, 0, "", None) or value == {} or value == [] else []
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return found + [each for name, part in inner for each in empty(part, f"{at}.{name}")]

    template = objects(published=published, gpuGroup=group)["Rollout readmission"]["spec"]["template"]
    # Pointers in Go: what is false there was said, and stays.
    said = ("automountServiceAccountToken", "enableServiceLinks", "allowPrivilegeEscalation")
    assert [each for each in empty(template, "template") if not each.endswith(said)] == []
    # So with an amount, of which it takes the largest unit that says it whole.
    for container in (*template["spec"]["initContainers"], *template["spec"]["containers"]):
        for said_of in container["resources"].values():
            for name, amount in said_of.items():
                assert (amount, name) == (_written(amount), name)


def _written(amount: str) -> str:
    """As Kubernetes writes an amount (apimachinery, pkg/api/resource, `CanonicalizeBytes`)."""
    for unit, next_one, times in (("m", "", 1000), ("Mi", "Gi", 1024), ("Gi", "Ti", 1024)):
        if (
            amount.endswith(unit)
            and amount.removesuffix(unit).isdigit()
            and int(amount.removesuffix(unit)) % times == 0
        ):
            return _written(f"{int(amount.removesuffix(unit)) // times}{next_one}")
    return amount


def test_a_model_that_is_not_published_reads_nothing_of_tokens() -> None:
    annotations = objects(ASKED)["Rollout readmission"]["spec"]["template"]["metadata"]["annotations"]
    assert not [name for name in annotations if "caller" in name]


def test_nothing_is_published_that_would_know_no_caller() -> None:
    with pytest.raises(ValueError, match="readmission is published, and no provider's tokens are taken"):
        objects(None, published=True)


def test_a_version_has_its_own_configuration_and_what_changes_it_is_a_version(made: dict[str, dict[str, Any]]) -> None:
    """So pods of the version that serves, when they start anew, are still of that version."""
    pod = made["Rollout readmission"]["spec"]["template"]["spec"]
    (volume,) = (each for each in pod["volumes"] if each["name"] == "configuration")
    assert set(volume) == {"name", "downwardAPI"}
    other = objects(version="8", digest=f"sha256:{'b' * 64}")["Rollout readmission"]["spec"]["template"]
    assert (
        other["metadata"]["annotations"] != made["Rollout readmission"]["spec"]["template"]["metadata"]["annotations"]
    )


def test_the_first_calls_are_few_and_judged_by_all_that_judges(made: dict[str, dict[str, Any]]) -> None:
    first, judged, *_ = made["Rollout readmission"]["spec"]["strategy"]["canary"]["steps"]
    assert 0 < first["setWeight"] <= FIRST_SHARE
    named = {each["templateName"] for each in judged["analysis"]["templates"]}
    assert named == set(analyses.templates(60))
    asked = {argument["name"] for argument in judged["analysis"]["args"]}
    assert asked == {analyses.CANARY, analyses.STABLE, analyses.WHERE, analyses.WHOSE}


@pytest.mark.parametrize("published", [True, False], ids=["published", "not published"])
def test_whoever_may_call_it_tries_its_new_version(published: bool) -> None:
    """Else a version that nobody else calls would be judged by no calls, and let go: each caller by the mesh is shown a
    route that the Rollout shifts."""
    made = objects(published=published)
    template = made["Rollout readmission"]["spec"]["template"]
    configured = json.loads(template["metadata"]["annotations"][ANNOTATIONS[FILE]])["mesh"]
    shifted = made["Rollout readmission"]["spec"]["strategy"]["canary"]["trafficRouting"]["istio"]["virtualServices"]
    hosts: dict[str, list[str]] = {}
    for each in shifted:
        spec = made[f"VirtualService {each['name']}"]["spec"]
        (route,) = (route for route in spec["http"] if route["name"] in each["routes"])
        assert {leg["destination"]["host"].split(".")[0] for leg in route["route"]} == {
            "readmission",
            "readmission-canary",
        }
        for namespace in spec["exportTo"]:
            hosts.setdefault(namespace, []).extend(spec["hosts"])
    callers_of_it = [
        each.split("/ns/")[1].split("/")[0] for each in (*configured["callers"], *configured.get("gateways", ()))
    ]
    assert set(callers_of_it) <= hosts.keys()
    assert hosts["pipelines"] == ["readmission.models.svc.cluster.local"]
    assert not published or hosts["ingress"] == ["readmission.example.com"]


def test_a_person_is_waited_for_unless_told_otherwise() -> None:
    def pauses(**said: Any) -> int:
        return sum(each.get("pause") == {} for each in steps(Model.model_validate(MODEL | said)))

    assert (pauses(), pauses(waits=True), pauses(waits=False)) == (1, 1, 0)


def test_another_attempt_is_another_version_and_the_first_is_what_it_was() -> None:
    """Of what was let go: `kubectl argo rollouts retry` is refused."""

    def template(**said: Any) -> dict[str, Any]:
        made: dict[str, Any] = objects(**said)["Rollout readmission"]["spec"]["template"]
        return made

    assert template(attempt=1) == template()
    assert len({json.dumps(template(attempt=number), sort_keys=True) for number in (1, 2, 3)}) == 3


def test_a_version_that_has_all_calls_can_be_undone_at_once_for_as_long_as_was_said() -> None:
    """An abort leads every call back to the version before, whose pods are there until the last step ends."""
    for said, seconds in (({}, 3600), ({"undoSeconds": 120}, 120)):
        *_, everything, reserve = steps(Model.model_validate(MODEL | said))
        assert (everything, reserve) == ({"setWeight": 100}, {"pause": {"duration": f"{seconds}s"}})


@pytest.mark.parametrize("strategy", ["canary", "blueGreen"])
def test_one_that_served_before_is_not_held_against_what_it_takes_the_place_of(strategy: str) -> None:
    """Whose answers, or whose haste, may be what is wrong with it; and nobody is waited for meanwhile."""

    def told(returns_to: dict[str, str] | None, key: str = KEY) -> dict[str, Any]:
        made = objects(key=key, strategy=strategy, returnsTo=returns_to)["Rollout readmission"]["spec"]
        found: dict[str, Any] = made["strategy"][strategy]
        return found

    def judged(strategy: dict[str, Any]) -> list[str]:
        found = [each["analysis"] for each in strategy.get("steps", []) if "analysis" in each]
        found += [strategy["prePromotionAnalysis"]] if "prePromotionAnalysis" in strategy else []
        return [template["templateName"] for each in found for template in each["templates"]]

    signer = ledgers.Signer()
    version, digest = MODEL["version"], MODEL["digest"]
    back = told(signer.rollback("readmission", "prod", version, digest), signer.pem)
    assert judged(back) == [analyses.ERRORS]
    assert back.get("autoPromotionEnabled", True)
    assert {"pause": {}} not in back.get("steps", [])
    others = [
        signer.rollback("readmission", "prod", "6", digest),
        signer.rollback("readmission", "prod", version, f"sha256:{'e' * 64}"),
        signer.rollback("readmission", "staging", version, digest),
        signer.rollback("sepsis", "prod", version, digest),
        signer.promotion("readmission", "prod", version, digest),
        {"entry": "[]", "signature": ""},
        {"entry": '{"release": 7}', "signature": ""},
    ]
    as_ever = told(None)
    assert analyses.DRIFT in judged(as_ever)
    for another in others:
        assert told(another) == as_ever


SPOILT: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "signed by another": lambda told: told | {"signature": ledgers.Signer().sign(told["entry"])},
    "not signed": lambda told: told | {"signature": "AAAA"},
    "no signature": lambda told: told | {"signature": "no base64"},
    "another sequence": lambda told: told | {"entry": told["entry"].replace('"sequence":3', '"sequence":2')},
    "other spaces": lambda told: told | {"entry": told["entry"].replace(",", ", ")},
}


@pytest.mark.parametrize("what", SPOILT)
def test_that_a_version_served_before_is_no_settings_own_word(what: str) -> None:
    """With it two judges and a person are left out."""
    signer = ledgers.Signer()
    told = SPOILT[what](signer.rollback("readmission", "prod", MODEL["version"], MODEL["digest"]))
    model = Model.model_validate(MODEL | {"returnsTo": told})
    assert model.returning
    with pytest.raises(ValueError, match=r"returnsTo of readmission is an entry .* did not sign"):
        proven(model, signer.pem)


def test_the_stack_makes_none_of_it() -> None:
    signer = ledgers.Signer()
    told = signer.rollback("readmission", "prod", MODEL["version"], MODEL["digest"])
    with pytest.raises(Exception, match=r"returnsTo of readmission is an entry .* did not sign"):
        objects(key=ledgers.Signer().pem, returnsTo=told)


def test_a_version_by_its_name_alone_returns_to_nothing() -> None:
    with pytest.raises(ValidationError, match="returnsTo"):
        Model.model_validate(MODEL | {"returnsTo": MODEL["version"]})


@pytest.mark.parametrize("waits", [True, False])
def test_all_calls_at_once_are_had_by_what_the_same_judges_found_good(waits: bool) -> None:
    made = objects(strategy="blueGreen", waits=waits)
    strategy = made["Rollout readmission"]["spec"]["strategy"]
    assert strategy.keys() == {"blueGreen"}
    told = strategy["blueGreen"]
    assert (told["activeService"], told["previewService"]) == ("readmission", "readmission-canary")
    assert {f"Service {told[each]}" for each in ("activeService", "previewService")} <= made.keys()
    canary = objects()["Rollout readmission"]["spec"]["strategy"]["canary"]["steps"]
    assert told["prePromotionAnalysis"] == canary[1]["analysis"]
    assert told["autoPromotionEnabled"] is not waits
    assert told["scaleDownDelayRevisionLimit"] == told["abortScaleDownDelaySeconds"] == 0, "nothing comes back unjudged"


def test_the_other_way_of_a_version_is_the_same_model_otherwise() -> None:
    """So a model may change from one to the other: the same Services, route and pods."""
    one, other = objects(), objects(strategy="blueGreen")
    for each in (one, other):
        del each["Rollout readmission"]["spec"]["strategy"]
    assert one == other


def test_nothing_of_a_secret_is_in_it(made: dict[str, dict[str, Any]]) -> None:
    told = json.dumps(made)
    assert "PRIVATE KEY" not in told
    pod = made["Rollout readmission"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert {key for each in pod["volumes"] for key in each} == {"name", "downwardAPI", "emptyDir", "csi"}


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_the_server_is_told_for_which_environment_its_model_must_be(environment: str) -> None:
    template = objects(environment=environment)["Rollout readmission"]["spec"]["template"]
    told = json.loads(template["metadata"]["annotations"][ANNOTATIONS[FILE]])["model"]
    assert told["stage"] == environment
    assert told["source"].endswith(f"/{environment}/7")


def test_it_runs_as_itself_and_has_its_own_secrets(made: dict[str, dict[str, Any]]) -> None:
    pod = made["Rollout readmission"]["spec"]["template"]["spec"]
    account = made[f"ServiceAccount {pod['serviceAccountName']}"]
    assert account["automountServiceAccountToken"] is False
    (classes,) = (each["csi"]["volumeAttributes"] for each in pod["volumes"] if "csi" in each)
    assert classes == {"secretProviderClass": pod["serviceAccountName"]}


# The way back


@pytest.fixture
def plane(meshed: Api, workspace: Workspace) -> Iterator[ControlPlane]:
    """Version 8 is on its way, and 7 serves."""
    running = control_plane.running(workspace)
    assert running
    rollout = objects(version="8")["Rollout readmission"]
    rollout["spec"]["replicas"] = 0
    template = objects(version="7")["Rollout readmission"]["spec"]["template"]
    labels = {**template["metadata"]["labels"], VERSION: "seven"}
    template["metadata"]["labels"] = labels
    meta = {"name": "readmission-seven", "namespace": ns.MODELS.name, "labels": labels}
    spec = {"replicas": 0, "selector": {"matchLabels": {VERSION: "seven"}}, "template": template}
    kept = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}
    answer = meshed.apply(rollout, kept)
    assert answer.done, answer.text
    status = json.dumps({"status": {"stableRS": "seven", "phase": "Progressing"}})
    told = ("rollout", "readmission", "--subresource=status", "--type=merge", f"--patch={status}")
    patched = meshed.run("patch", f"--namespace={ns.MODELS.name}", *told)
    assert patched.done, patched.text
    yield running
    for named in ("rollout/readmission", "replicaset/readmission-seven"):
        meshed.run("delete", named, f"--namespace={ns.MODELS.name}")


def _aborted(api: Api) -> bool:
    (found,) = api.items("rollouts", f"--namespace={ns.MODELS.name}", "--field-selector=metadata.name=readmission")
    return bool(found["status"].get("abort"))


@pytest.mark.engine
def test_calls_go_back_to_the_version_that_serves(meshed: Api, workspace: Workspace, plane: ControlPlane) -> None:
    assert rollouts.go_back(workspace, plane, "readmission", "7").led
    assert _aborted(meshed)
    again = rollouts.go_back(workspace, plane, "readmission", "7")
    assert again == (True, ""), "asked for again, it is so already"


@pytest.mark.engine
@pytest.mark.parametrize(
    ("model", "version", "why"),
    [
        (
            "readmission",
            "6",
            "most calls go to 7, and the pods of 6 are not kept: it comes by the steps of each version",
        ),
        ("readmission", "8", "8 is on its way there already"),
        ("sepsis", "7", "no version of sepsis runs there"),
    ],
)
def test_and_to_no_other_and_it_says_why(
    meshed: Api, workspace: Workspace, plane: ControlPlane, model: str, version: str, why: str
) -> None:
    """One whose pods are gone comes by the steps that each version takes; one that is on its way stays so."""
    assert rollouts.go_back(workspace, plane, model, version) == (False, why)
    assert not _aborted(meshed)


@pytest.mark.engine
def test_one_that_nobody_takes_the_place_of_has_the_calls(
    meshed: Api, workspace: Workspace, plane: ControlPlane
) -> None:
    rollout = objects(version="7")["Rollout readmission"]
    rollout["spec"]["replicas"] = 0
    assert meshed.apply(rollout).done
    assert rollouts.go_back(workspace, plane, "readmission", "7") == (
        False,
        "7 has the calls, and no other is on its way",
    )


@pytest.mark.engine
def test_the_api_server_is_asked_twice_and_what_it_says_is_told(
    workspace: Workspace, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one Rollout and of the ReplicaSet of what serves, and of nobody else's."""
    asked: list[str] = []
    refused: list[str] = []

    def call(api: KubernetesApi, method: str, path: str, *more: Any) -> Any:
        asked.append(f"{method} {path}")
        if any(each in path for each in refused):
            raise ApiError(503, f"{method} {path}: 503 not now")
        return plain(api, method, path, *more)

    plain = KubernetesApi.call
    monkeypatch.setattr(KubernetesApi, "call", call)
    assert rollouts.go_back(workspace, plane, "readmission", "7").led
    assert [each.split()[0] for each in asked] == ["GET", "GET", "PATCH"]
    assert "labelSelector" in asked[1]
    for each in ("/rollouts/", "/replicasets"):
        refused[:] = [each]
        with pytest.raises(ApiError, match="503 not now"):
            rollouts.go_back(workspace, plane, "readmission", "7")
