"""The pack in its own environment, asked over gRPC as the engine asks."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

import hipaa
from hipaa import catalogue, signals
from tests.policies.harness import (
    PACK,
    UNKNOWN_ON_THE_WIRE,
    analyze,
    analyze_stack,
    copy_of_pack,
    secret_on_the_wire,
    served,
    waivers,
)

pytestmark = pytest.mark.pack

KEY = "aws:kms/key:Key"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    with served() as stub:
        yield stub


def test_every_rule_is_a_policy_of_its_level_with_its_law(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = pack.GetAnalyzerInfo(Empty())
    assert info.name == "hipaa"
    # Last come those that tell of the configuration, and of the repository's waivers.
    rules, telling = info.policies[: len(hipaa.rules())], info.policies[len(hipaa.rules()) :]
    assert [policy.name for policy in telling] == list(signals.OWN_LEVELS)
    for policy, rule in zip(rules, hipaa.rules(), strict=True):
        assert policy.name == rule.name
        assert policy.description == rule.title
        assert policy.remediation_steps == rule.fix
        assert policy.enforcementLevel == (analyzer_pb2.ADVISORY if rule.advisory else analyzer_pb2.MANDATORY)
        assert policy.severity == getattr(analyzer_pb2, f"POLICY_SEVERITY_{rule.severity.upper()}")
        assert policy.framework.reference.split("; ") == list(catalogue.load().citations(rule.name))
        assert policy.policy_type == getattr(analyzer_pb2, f"POLICY_TYPE_{rule.scope.upper()}")


def test_what_is_good_practice_and_no_more_stops_nothing(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    levels = {policy.name: policy.enforcementLevel for policy in pack.GetAnalyzerInfo(Empty()).policies}
    assert levels["s3-bucket-has-lifecycle"] == levels["vpc-records-dns-queries"] == analyzer_pb2.ADVISORY
    assert levels["s3-bucket-keeps-versions"] == analyzer_pb2.MANDATORY


def said(response: analyzer_pb2.AnalyzeResponse, rule: str) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    return [diagnostic for diagnostic in response.diagnostics if diagnostic.policyName == rule]


def test_violation_is_mandatory_and_says_what_to_change(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    (diagnostic,) = said(analyze(pack, KEY, {"enableKeyRotation": False}), "kms-key-rotates")
    assert diagnostic.enforcementLevel == analyzer_pb2.MANDATORY
    assert "`enable_key_rotation` is false; it must be true" in diagnostic.message
    assert "Outside Python: `enableKeyRotation`, `rotationPeriodInDays`" in diagnostic.message
    assert "component" not in diagnostic.message


def test_what_a_component_made_is_told_with_it(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    cluster, group = "urn:pulumi:dev::under-test::eks:index:Cluster::main", "aws:s3/bucket:Bucket"
    request = analyzer_pb2.AnalyzeRequest(type=KEY, urn="urn:pulumi:dev::under-test::a::b", name="b")
    request.options.parent = cluster
    (diagnostic,) = said(pack.Analyze(request), "kms-key-rotates")
    assert "the component eks:index:Cluster 'main' makes it" in diagnostic.message
    stack = analyzer_pb2.AnalyzeStackRequest()
    bucket = stack.resources.add(type=group, urn="urn:pulumi:dev::under-test::b::c", name="c", parent=cluster)
    bucket.properties.update({"bucket": "c"})
    (diagnostic,) = said(pack.AnalyzeStack(stack), "s3-bucket-keeps-versions")
    assert "the component eks:index:Cluster 'main' makes it" in diagnostic.message


def test_rules_of_other_types_do_not_apply(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    response = analyze(pack, "random:index/randomId:RandomId", {"byteLength": 4})
    skipped = {item.policy_name for item in response.not_applicable}
    assert skipped == {rule.name for rule in hipaa.rules() if rule.scope == "resource"} | {signals.ACCEPTED_RISK}


def test_pods_are_judged_in_a_kind_that_no_list_has(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    for type_ in ("kubernetes:argoproj.io/v1alpha1:Rollout", "kubernetes:nobody-yet.example/v9:Thing"):
        pod = {"containers": [{"name": "app", "image": "app:1"}]}
        (told,) = said(analyze(pack, type_, {"spec": {"template": {"spec": pod}}}), "workload-pins-images-by-digest")
        assert told.enforcementLevel == analyzer_pb2.ADVISORY
        assert "`spec.template.spec.containers.0.image` is 'app:1'" in told.message
        response = analyze(pack, type_, {"spec": {"hosts": ["app"]}})
        assert not said(response, "workload-pins-images-by-digest")
        assert "workload-pins-images-by-digest" in {item.policy_name for item in response.not_applicable}


def test_a_custom_resource_of_a_core_kind_is_judged_as_the_kind(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """A program says `CustomResource(api_version="v1", kind="ConfigMap")`, and the engine `kubernetes:v1:ConfigMap`."""
    for type_ in ("kubernetes:core/v1:ConfigMap", "kubernetes:v1:ConfigMap"):
        response = analyze(pack, type_, {"data": {"DB_PASSWORD": "correct horse battery"}})
        (told,) = said(response, "config-map-holds-no-secrets")
        assert told.enforcementLevel == analyzer_pb2.MANDATORY
    pod = {"spec": {"hostNetwork": True, "containers": [{"name": "app", "image": "app:1"}]}}
    assert said(analyze(pack, "kubernetes:v1:Pod", pod), "workload-stays-off-the-host")


def test_unknown_is_not_yet_decided(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    response = analyze(pack, KEY, {"enableKeyRotation": UNKNOWN_ON_THE_WIRE, "deletionWindowInDays": 7})
    (unknown,) = said(response, "kms-key-rotates")
    assert unknown.enforcementLevel == analyzer_pb2.ADVISORY
    assert signals.undecided_urns(unknown.message) == (f"urn:pulumi:dev::under-test::{KEY}::its-own",)
    (other,) = said(response, "kms-key-waits-thirty-days-before-deletion")
    assert other.enforcementLevel == analyzer_pb2.ADVISORY
    assert "`deletion_window_in_days` is 7" in other.message


def test_violation_beside_an_unknown_survives(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    within = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}]
    response = analyze(pack, DEFAULT_GROUP, {"ingress": within, "egress": UNKNOWN_ON_THE_WIRE})
    levels = [diagnostic.enforcementLevel for diagnostic in said(response, "default-security-group-is-closed")]
    assert levels == [analyzer_pb2.MANDATORY, analyzer_pb2.ADVISORY]


def test_violation_beside_an_unknown_in_a_list_survives(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    ports = {"protocol": "tcp", "fromPort": 22, "toPort": 22}
    ingress = [UNKNOWN_ON_THE_WIRE, ports | {"cidrBlocks": [UNKNOWN_ON_THE_WIRE, "0.0.0.0/0"]}]
    response = analyze(pack, "aws:ec2/securityGroup:SecurityGroup", {"ingress": ingress})
    violation, undecided = said(response, "security-group-opens-only-https-to-internet")
    assert "0.0.0.0/0 (3,702,258,688 public IPv4 addresses" in violation.message
    assert all(path in undecided.message for path in ("`ingress.0`", "`ingress.1.cidr_blocks.0`"))


def test_resources_are_kept_apart_whoever_asks_at_once(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """What is read once for all rules is read anew for the next resource."""
    rotating = [number % 3 == 0 for number in range(60)]
    with ThreadPoolExecutor(4) as engine:
        responses = list(engine.map(lambda rotates: analyze(pack, KEY, {"enableKeyRotation": rotates}), rotating))
    assert [said(response, "kms-key-rotates") == [] for response in responses] == rotating


def test_properties_are_read_once_for_all_rules() -> None:
    """A custom resource's definition has thousands of properties, and no rule is about any."""
    large = {"schema": [{"name": f"property-{number}", "type": "string"} for number in range(2000)]}
    with served() as pack:
        process = max(psutil.Process().children(), key=psutil.Process.create_time)
        before = sum(process.cpu_times()[:2])
        for _ in range(10):
            analyze(pack, "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", large)
        # Read for each rule, it takes three seconds.
        assert sum(process.cpu_times()[:2]) - before < 1


def test_secret_is_never_told(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    policy = '{"Statement": {"Sid": "hunter2", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt"}}'
    response = analyze(
        pack,
        KEY,
        {"policy": secret_on_the_wire(policy), "enableKeyRotation": secret_on_the_wire("hunter2")},
    )
    assert said(response, "kms-key-policy-names-its-principals")
    assert said(response, "kms-key-rotates")
    assert "hunter2" not in str(response)


def boot(pack: Path) -> subprocess.CompletedProcess[str]:
    """Starts a pack that is expected to give up by itself."""
    python = PACK / ".venv" / "bin" / "python"
    command = [str(python), "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(pack)]
    return subprocess.run(command, cwd=pack, capture_output=True, text=True, timeout=60)


def test_malformed_waivers_end_the_pack_with_words(tmp_path: Path) -> None:
    ended = boot(copy_of_pack(tmp_path / "pack", waivers="- rule: s3-bucket-is-blue\n"))
    assert ended.returncode == 1
    assert "waivers.yaml, waiver 1: rule is 's3-bucket-is-blue': " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("import nothing_of_this_name\n", "hipaa.aws.extra cannot be imported: ModuleNotFoundError"),
        ("def (:\n", "hipaa.aws.extra cannot be imported: SyntaxError"),
        (
            "from dataclasses import replace\nfrom hipaa.aws.kms import key_rotates\n"
            "def check(key): ...\nagain = replace(key_rotates, check=check)\n",
            "two rules are named 'kms-key-rotates'",
        ),
        (
            "from dataclasses import replace\nfrom hipaa.aws.kms import key_rotates\n"
            "def check(key): ...\nuncited = replace(key_rotates, name='is-cited-nowhere', check=check)\n",
            "no specification cites the rules is-cited-nowhere",
        ),
    ],
)
def test_rules_that_cannot_be_used_end_the_pack_with_words(tmp_path: Path, module: str, message: str) -> None:
    ended = boot(copy_of_pack(tmp_path / "pack", module=module))
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_waived_violation_is_told_by_an_advisory(tmp_path: Path) -> None:
    text = waivers({"rule": "kms-key-rotates", "urn": "*::*key:Key::its-*", "reason": "Imported."})
    with served(copy_of_pack(tmp_path / "pack", waivers=text)) as pack:
        response = analyze(pack, KEY, {"enableKeyRotation": False})
        clean = analyze(pack, KEY, {"enableKeyRotation": True})
    assert said(response, "kms-key-rotates") == []
    assert "kms-key-rotates" in {item.policy_name for item in response.not_applicable}
    (told,) = said(response, signals.ACCEPTED_RISK)
    assert told.enforcementLevel == analyzer_pb2.ADVISORY
    assert "by you@x: Imported. In the meantime: Nobody uses it. Owner: me@x; asked for by me@x. (" in told.message
    assert ": `enable_key_rotation` is false" in told.message
    assert said(clean, signals.ACCEPTED_RISK) == []
    assert "kms-key-rotates" not in {item.policy_name for item in clean.not_applicable}


COUNTING = """
from pathlib import Path

from hipaa.resource import Resource
from hipaa.rule import LOW, rule
from hipaa.verdict import Verdict, violation


@rule("counts-its-verdicts", on="aws:kms/key:Key", severity=LOW, fix="Nothing.", sound=[], unsound=[{}])
def counts(key: Resource) -> Verdict:
    \"\"\"Every key is counted.\"\"\"
    with Path(__file__).with_name("verdicts").open("a") as file:
        file.write("one\\n")
    return violation("it is a key")
"""


def test_a_rule_is_asked_once_of_a_resource_though_its_waiver_is_told_elsewhere(tmp_path: Path) -> None:
    text = waivers({"rule": "counts-its-verdicts", "urn": "*::*key:Key::its-*", "reason": "Old one."})
    folder = copy_of_pack(tmp_path / "pack", waivers=text, module=COUNTING)
    cited = folder / "hipaa" / "catalogue.yaml"
    rotates = "    - kms-key-rotates\n"
    cited.write_text(cited.read_text().replace(rotates, f"{rotates}    - counts-its-verdicts\n"))
    with served(folder) as pack:
        responses = [analyze(pack, KEY, {"enableKeyRotation": True}) for _ in range(3)]
    for response in responses:
        (told,) = said(response, signals.ACCEPTED_RISK)
        assert "by you@x: Old one. In the meantime: " in told.message
        assert "(low: it is a key)" in told.message
    assert (folder / "hipaa" / "aws" / "verdicts").read_text() == "one\n" * 3


def test_waivers_that_are_broad_or_that_nothing_needs_are_violations(tmp_path: Path) -> None:
    here = f"urn:pulumi:dev::under-test::{KEY}::"
    text = waivers(
        *(
            {"rule": "kms-key-rotates", "urn": urn}
            for urn in (f"{here}old", f"{here}gone", "*", f"urn:pulumi:*::under-test::{KEY}::elsewhere", "*::sound")
        ),
        {"rule": "kms-key-rotates", "urn": f"{here}many-*"},
        {"rule": "kms-key-rotates", "urn": f"{here}later"},
    )
    keys = {"old": False, "sound": True, "later": UNKNOWN_ON_THE_WIRE} | {f"many-{n}": False for n in range(11)}
    with served(copy_of_pack(tmp_path / "pack", waivers=text)) as pack:
        for name, rotates in keys.items():
            response = analyze(pack, KEY, {"enableKeyRotation": rotates}, name)
            assert bool(said(response, signals.ACCEPTED_RISK)) == (rotates is False)
        stack = analyze_stack(pack, *((KEY, name, {"enableKeyRotation": on}) for name, on in keys.items()))
    narrow = [diagnostic.message for diagnostic in said(stack, signals.WAIVERS_ARE_NARROW)]
    used = [diagnostic.message for diagnostic in said(stack, signals.WAIVERS_ARE_USED)]
    assert len(narrow) == len(used) == 2
    assert "for * names no resource, and waives nothing" in narrow[0]
    assert "many-* is for 11 resources of this stack, more than 10" in narrow[1]
    assert "::gone is not needed: no resource of this stack is named so" in used[0]
    assert f"*::sound is not needed: {here}sound does not break the rule" in used[1]
    assert all(
        one.enforcementLevel == analyzer_pb2.MANDATORY for one in stack.diagnostics if "waiver of" in one.message
    )


def test_waiver_of_a_rule_that_the_stack_disabled_is_neither_needed_nor_not(tmp_path: Path) -> None:
    text = waivers({"rule": "kms-key-rotates", "urn": f"urn:pulumi:dev::under-test::{KEY}::old"})
    with served(copy_of_pack(tmp_path / "pack", waivers=text)) as pack:
        for level, told in ((analyzer_pb2.DISABLED, 0), (analyzer_pb2.MANDATORY, 1)):
            request = analyzer_pb2.ConfigureAnalyzerRequest()
            request.policyConfig["kms-key-rotates"].enforcementLevel = level
            pack.Configure(request)
            analyze(pack, KEY, {"enableKeyRotation": True}, "old")
            stack = analyze_stack(pack, (KEY, "old", {"enableKeyRotation": True}))
            assert len(said(stack, signals.WAIVERS_ARE_USED)) == told


LEVELS = {"disabled": analyzer_pb2.DISABLED, "advisory": analyzer_pb2.ADVISORY, "mandatory": analyzer_pb2.MANDATORY}


def configure(pack: analyzer_pb2_grpc.AnalyzerStub, levels: dict[str, str]) -> str:
    """Configures the pack; what it refuses, or nothing."""
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for name, level in levels.items():
        request.policyConfig[name].enforcementLevel = LEVELS[level]
    try:
        pack.Configure(request)
    except grpc.RpcError as refused:
        return str(refused.details())
    return ""


def test_configuration_that_weakens_is_told_whatever_it_says(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    told = signals.CONFIGURATION_WEAKENS_NO_RULE
    sound = (KEY, "sound", {"enableKeyRotation": True})
    assert configure(pack, {"kms-key-rotates": "advisory", "s3-bucket-keeps-versions": "disabled"}) == ""
    messages = [one.message for one in said(analyze_stack(pack, sound), told)]
    assert "makes 1 mandatory rules disabled: s3-bucket-keeps-versions" in messages[0]
    assert "makes 1 mandatory rules advisory: kms-key-rotates" in messages[1]

    all_off = dict.fromkeys((*(rule.name for rule in hipaa.rules()), *signals.OWN_LEVELS), "disabled")
    assert configure(pack, all_off) == "", "what is waived of a rule that is off needs no watch"
    (one,) = said(analyze_stack(pack, sound), told)
    assert one.enforcementLevel == analyzer_pb2.ADVISORY
    assert re.search(r"makes [0-9]{3} mandatory rules disabled: .* and [0-9]+ more", one.message)

    request = analyzer_pb2.ConfigureAnalyzerRequest()
    request.policyConfig["log-group-is-kept-a-year"].enforcementLevel = analyzer_pb2.MANDATORY
    request.policyConfig["log-group-is-kept-a-year"].properties.update({"days": 1})
    pack.Configure(request)
    (one,) = said(analyze_stack(pack, sound), told)
    assert "sets days of log-group-is-kept-a-year to 1; it is 365 by itself" in one.message
    assert configure(pack, {"s3-bucket-has-lifecycle": "mandatory"}) == ""
    assert said(analyze_stack(pack, sound), told) == []


@pytest.mark.parametrize("level", ["disabled", "advisory"])
@pytest.mark.parametrize(
    "policy", [signals.WAIVERS_ARE_NARROW, signals.WAIVERS_ARE_CURRENT, signals.WAIVERS_ARE_USED, signals.ACCEPTED_RISK]
)
def test_what_holds_waivers_to_their_terms_is_not_switched_off(
    pack: analyzer_pb2_grpc.AnalyzerStub, policy: str, level: str
) -> None:
    refused = configure(pack, {policy: level})
    if (policy, level) == (signals.ACCEPTED_RISK, "advisory"):
        assert refused == ""
    else:
        assert f"{policy} is {level}, while there are waivers of " in refused
        assert f"it must be {signals.OWN_LEVELS[policy]}" in refused


def test_name_that_nothing_has_is_refused_with_those_near_it(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    refused = configure(pack, {"kms-key-rotatez": "disabled", "waivers-are-narow": "mandatory"})
    assert "'kms-key-rotatez' is no rule of this pack" in refused
    assert "near it: kms-key-rotates" in refused
    assert "near it: waivers-are-narrow" in refused


def test_what_no_rule_looks_at_is_told_by_type(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    configure(pack, {})
    odd = "kubernetes:nobody-yet.example/v9:Thing"
    resources = [
        ("pulumi:pulumi:Stack", "it", {}),
        ("pulumi:providers:aws", "it", {"region": "us-east-1"}),
        ("eks:index:Cluster", "component", {}),
        (KEY, "key", {"enableKeyRotation": True}),
        ("aws-native:s3:Bucket", "one", {"accessControl": "PublicRead"}),
        ("aws-native:s3:Bucket", "two", {}),
        ("aws:chime/voiceConnector:VoiceConnector", "line", {}),
        ("aws:cloudcontrol/resource:Resource", "cc", {"desiredState": "{}"}),
        ("aws:cloudformation/stack:Stack", "cf", {"templateBody": "{}"}),
        ("kubernetes:helm.sh/v3:Release", "chart", {"chart": "it"}),
        (odd, "silent", {"spec": {"hosts": ["app"]}}),
        ("kubernetes:other.example/v9:Thing", "pods", {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}),
    ]
    for type_, name, properties in resources:
        analyze(pack, type_, properties, name)
    told = said(analyze_stack(pack, *resources), signals.EVERY_TYPE_IS_JUDGED)
    assert {one.enforcementLevel for one in told} == {analyzer_pb2.ADVISORY}
    assert (
        f"is no pass: aws-native:s3:Bucket (2), aws:chime/voiceConnector:VoiceConnector (1), {odd} (1)"
        in told[0].message
    )
    assert [one.message.partition("\n")[2] for one in told[1:]] == [
        "aws:cloudcontrol/resource:Resource (1): no rule sees the resource of its `desired_state`",
        "aws:cloudformation/stack:Stack (1): no rule sees the resources of its template",
        "kubernetes:helm.sh/v3:Release (1): no rule sees the objects of its chart",
    ]
    assert said(analyze_stack(pack, resources[3]), signals.EVERY_TYPE_IS_JUDGED) == []


BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"


def test_what_a_run_leaves_out_is_not_known(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """The engine sends what `--target` leaves out of a first run without any property."""
    request = analyzer_pb2.AnalyzeStackRequest()
    for type_, name, properties in (
        (BUCKET, "made", {"bucket": "data-9"}),
        (BUCKET, "left-out", {}),
        (BLOCK, "it", {}),
    ):
        sent = request.resources.add(type=type_, urn=f"urn:pulumi:dev::under-test::{type_}::{name}", name=name)
        sent.properties.update(properties)
        sent.provider.type, sent.provider.urn = "pulumi:providers:aws", "urn:pulumi:dev::p::pulumi:providers:aws::it"
    sent.propertyDependencies["bucket"].urns.append(request.resources[0].urn)
    told = said(pack.AnalyzeStack(request), "s3-bucket-blocks-public-access")
    assert {one.enforcementLevel for one in told} == {analyzer_pb2.ADVISORY}
    made, left_out = (resource.urn for resource in request.resources[:2])
    assert set(signals.undecided_urns(told[0].message)) == {made, left_out}


def test_region_of_a_provider_and_of_a_resource_is_where_a_companion_counts(
    pack: analyzer_pb2_grpc.AnalyzerStub,
) -> None:
    def asked(far: str, own: str) -> bool:
        request = analyzer_pb2.AnalyzeStackRequest()
        for type_, region, properties in (
            (
                "aws:ebs/encryptionByDefault:EncryptionByDefault",
                far,
                {"enabled": True} | ({"region": own} if own else {}),
            ),
            ("aws:ebs/volume:Volume", "us-east-1", {"availabilityZone": "us-east-1a", "size": 8}),
        ):
            sent = request.resources.add(type=type_, urn=f"urn:pulumi:dev::under-test::{type_}::it", name="it")
            sent.properties.update(properties)
            sent.provider.type, sent.provider.urn = (
                "pulumi:providers:aws",
                f"urn:pulumi:dev::p::pulumi:providers:aws::{region}",
            )
            sent.provider.properties.update({"region": region})
        return bool(said(pack.AnalyzeStack(request), "volume-is-encrypted"))

    assert [asked("us-east-1", ""), asked("eu-west-1", ""), asked("us-east-1", "eu-west-1")] == [False, True, True]
    assert not asked("eu-west-1", "us-east-1")


def test_version_is_that_of_the_project_file(tmp_path: Path) -> None:
    folder = copy_of_pack(tmp_path / "pack")
    file = folder / "PulumiPolicy.yaml"
    file.write_text(re.sub("version: .*", "version: 7.8.9", file.read_text()))
    with served(folder) as pack:
        assert pack.GetAnalyzerInfo(Empty()).version == "7.8.9"
        response = analyze(pack, KEY, {"enableKeyRotation": UNKNOWN_ON_THE_WIRE, "deletionWindowInDays": 7})
    assert {diagnostic.policyPackVersion for diagnostic in response.diagnostics} == {"7.8.9"}
    assert "hipaa@v7.8.9" in said(response, "kms-key-rotates")[0].message
