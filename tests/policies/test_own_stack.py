"""The platform's own stack meets every rule, but for what its own waivers accept, and has use for each of these."""

import datetime
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import hipaa
from cli import filling
from cluster.images import LOCK
from hipaa import signals, waivers
from local import registry, toolchain
from local.engine.run import WRITTEN_ONCE
from local.kubernetes import provider
from local.kubernetes.provider import charts
from local.kubernetes.provider.configuration import NO_CLUSTER
from local.workspace import ROOT, Workspace
from tests.engine import Engine
from tests.platform.project import copy_project
from tests.policies.harness import PACK, Run, run, warmed
from tests.warm import Warm

pytestmark = [pytest.mark.engine, pytest.mark.pack, pytest.mark.xdist_group("own stack")]

# Nobody is asked: the addresses only have to be this machine's.
ENDPOINT = "http://127.0.0.1:1"
KUBECONFIG = """
clusters: [{name: made-up, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: made-up, context: {cluster: made-up, user: made-up}}]
users: [{name: made-up, user: {}}]
current-context: made-up
"""


# An identity provider in the house, for people and for models' callers, with all that leads to it, a way to break the
# glass, and Kubeflow Pipelines: nobody runs the first and the last beside the local stack, nor has the roles of the
# other there.
SIGN_ON = """\
  parapet:pipelines: "true"
  parapet:clientCidrs: [192.168.8.0/24]
  parapet:transitGatewayId: tgw-0123456789abcdef0
  parapet:mlflowSignOn:
    - issuer: https://login.hospital.example
      clientId: mlflow
      clientSecretArn: arn:aws:secretsmanager:us-east-1:123456789012:secret:mlflow-client-AbCdEf
      cidrs: [192.168.7.0/24]
      hosts: [keys.hospital.example]
      resolvers: [192.168.0.53]
      roles:
        - {group: "Ward 7", role: ward-7}
  parapet:modelTokens:
    - issuer: https://login.hospital.example
      audiences: [models]
      keys: https://tokens.hospital.example/keys
      cidrs: [192.168.7.0/25]
      resolvers: [192.168.0.53]
  parapet:breakGlass:
    - roles: [arn:aws:iam::123456789012:role/responder]
      notify: [on-call@hospital.example]
"""

# A rule over the whole stack whose one answer is "waived", for the charts' workloads that call the API server; the
# local stack's one database, which may be deleted by a waiver; and models, of which it has none.
NEVER_PASSED = {
    "model-has-an-alarm",
    "model-is-watched-for-drift",
    "workload-mounts-no-account-token",
    "rds-instance-is-kept-from-deletion",
    "resource-names-the-own-account-alone",  # the echo's ARNs tell no account
    # No bucket of the stack calls its function.
    "lambda-permission-names-the-buckets-account",
    # No key of the stack is for an enclave.
    "kms-key-for-enclaves-asks-for-attestation",
}

# Advice that the stack does without: CloudWatch's alarms and Performance Insights watch its database, and the local
# stack's, which is small, has no standby. Secrets Manager calls the one function and says itself where that failed; a
# bound to how often would be one to how many secrets there may be. Buckets keep versions, which Object Lock guards.
ADVISED = {
    "lambda-function-bounds-its-concurrency",
    "lambda-function-is-traced",
    "lambda-function-keeps-what-failed",
    "rds-instance-is-monitored",
    "rds-instance-spans-zones",
    "s3-bucket-is-copied-elsewhere",
}

# Advice that charts do without in places, as their makers ship them: accounts of controllers, ports of metrics alone.
# Between nodes, and between the workers of one training, everything is open: who is there is one's own. Layers of
# images and tokens of roles are asked for by who has no account yet. A workload of a chart sees its pod's processes.
ADVISED_IN_PLACES = {
    "network-policy-names-its-ports",
    "security-group-names-its-ports",
    "service-account-mounts-no-token",
    "vpc-endpoint-binds-callers-and-resources",
    "workload-says-when-it-is-ready",
    "workload-shares-no-processes",
}


@pytest.fixture(scope="module")
def held(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What leads to a registry that has the stack's charts, and its lock."""
    workspace = Workspace(home=tmp_path_factory.mktemp("registry"))
    toolchain.ensure(workspace)
    try:
        running = registry.at(workspace, registry.ensure(workspace)[0])
        filling.ensure_planned(workspace, running, "parapet-local")
        yield {LOCK: str(workspace.images_lock), charts.REGISTRY: running.address}
    finally:
        registry.forget(workspace)


@pytest.fixture(scope="module")
def engine(warm: Warm, tools: Path, held: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    kubeconfig = tmp_path_factory.mktemp("cluster") / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    here = {"AWS_ENDPOINT_URL": ENDPOINT, "KUBECONFIG": str(kubeconfig), "PARAPET_KUBECONFIG": "", NO_CLUSTER: "1"}
    here["PATH"] = f"{warm.bin}:{tools}:{os.environ['PATH']}"  # Helm is beside the tools
    return replace(warmed(warm, tmp_path_factory.mktemp("home")), variables=here | held)


@pytest.fixture(scope="module")
def own(engine: Engine, warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The platform's program in a folder of its own, so that no file of the repository is touched, with sign-on."""
    folder = copy_project(tmp_path_factory.mktemp("own") / "project", warm)
    settings = folder / "Pulumi.local.yaml"
    settings.write_text((ROOT / settings.name).read_text().replace("encryptionsalt:", f"{SIGN_ON}encryptionsalt:"))
    (engine.home / "state").mkdir(parents=True)
    engine.init(folder, "local")
    return folder


@pytest.fixture(scope="module")
def update(engine: Engine, own: Path) -> Run:
    """Everything provisioned by the echo: all that is known only afterwards is known, and no chart is rendered."""
    at_its_end = replace(engine, variables={**engine.variables, **WRITTEN_ONCE})
    return run(at_its_end, own, "up", "--yes", "--skip-preview", stack="local")


def rendered(engine: Engine, own: Path) -> Run:
    """A preview with the charts rendered, which needs no cluster."""
    provider.install(Path(engine.environment["PULUMI_HOME"]), engine.python)
    return run(engine, own, "preview", stack="local", echoed=("aws",))


def test_own_stack_breaks_no_rule_before_it_is_there(engine: Engine, own: Path) -> None:
    preview = rendered(engine, own)
    assert preview.status == 0, preview.text
    for rule in hipaa.rules():
        told = preview.violations(rule.name)
        assert rule.name in ADVISED | ADVISED_IN_PLACES or all(
            signals.undecided_urns(event["message"]) for event in told
        )


def test_own_stack_meets_every_rule_and_needs_each_of_its_waivers(engine: Engine, own: Path, update: Run) -> None:
    assert update.status == 0, update.text
    preview = rendered(engine, own)
    assert preview.status == 0, preview.text
    names = {rule.name for rule in hipaa.rules()}
    assert {
        name for name in names if update.violations(name) or preview.violations(name)
    } == ADVISED | ADVISED_IN_PLACES
    # A preview shows the charts' objects, and what was provisioned as well: a rule over what is there that it does not
    # pass met nothing. Rules over services that the stack has no part of have nothing to meet.
    steps = [event["resourcePreEvent"]["metadata"] for event in preview.events if "resourcePreEvent" in event]
    there = {step["type"] for step in steps}
    met = {rule.name for rule in hipaa.rules() if rule.besides or not there.isdisjoint(rule.on)}
    assert {name for name in met if not preview.passed(name)} == NEVER_PASSED | ADVISED
    assert unused(preview) == []


def test_people_sign_on_in_the_stack_that_is_judged(update: Run) -> None:
    steps = [event["resourcePreEvent"]["metadata"] for event in update.events if "resourcePreEvent" in event]
    names = {step["urn"].rpartition("::")[2] for step in steps if step["op"] == "create"}
    made = {name.partition("parapet-local-")[2] for name in names}
    assert {
        "mlflow-sign-on",
        "mlflow-sign-on-out",
        "site-names-login.hospital.example",
        "site-names-tokens.hospital.example",
        "models-token-keys-out",
    } <= made, sorted(name for name in names if "sign" in name or "names" in name)


def unused(preview: Run) -> list[str]:
    """The repository's waivers that the pack reported of nowhere."""
    declared = waivers.load(PACK / "waivers.yaml")
    today = datetime.datetime.now(datetime.UTC).date()
    used = set()
    for event in preview.violations(signals.ACCEPTED_RISK) + preview.violations(signals.ACCEPTED_RISK_IN_STACK):
        # The policy's description comes first, then the rule's name and the waiver.
        rule = event["message"].strip().partition("\n")[2].partition(":")[0]
        used.add(waivers.waiver_of(declared, rule, event["resourceUrn"], today))
    return [f"{waiver.rule} for {waiver.urn}" for waiver in declared if waiver not in used]
