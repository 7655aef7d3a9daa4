"""What the policy pack costs: a preview with it over one without, its own time as a stack grows, and beside Checkov.

`python -m bench.policies [--no-peer] [--no-preview]`. The stacks are of a tenth of buckets with three companions each,
keys, log groups, security groups, roles and functions, half of them with a fault. `pulumi policy analyze` runs the pack
over a state alone; what it takes over one resource, the engine's and the pack's start, is not the pack's own time.
Checkov, with the checks of CloudFormation and nothing asked of anybody, reads the same resources as a template.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.pairs import compare
from local import images, toolchain
from local.workspace import ROOT, Workspace
from tests.engine import Engine
from tests.policies.harness import install_echo

PEER: Final = Path(__file__).with_name("peers") / "checkov"
SIZES: Final = (300, 3_000, 10_000)
MOST_OF_A_PREVIEW: Final = 1.3
MOST_GROWTH: Final = 40.0
LEAST_OF_CHECKOV: Final = 10.0
TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
PREVIEW: Final = ["pulumi", "preview", "--stack", "local"]
PROGRAM: Final = """
import json
import pulumi

given = pulumi.ResourceOptions(version={version!r})
for number, (token, properties) in enumerate(json.load(open("resources.json"))):
    pulumi.CustomResource(token, f"r{{number}}", properties, given)
"""


def resources(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Types and properties of a stack of so many resources, ten by ten."""
    made: list[tuple[str, dict[str, Any]]] = []
    for number in range(-(-count // 10)):
        bad = number % 2 == 1
        name = f"records-{number}"
        ports = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0" if bad else "10.0.0.0/8"]}
        made += [
            ("aws:s3/bucket:Bucket", {"bucket": name}),
            (
                "aws:s3/bucketVersioning:BucketVersioning",
                {"bucket": name, "versioningConfiguration": {"status": "Enabled"}},
            ),
            ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {"bucket": name, "blockPublicAcls": not bad}),
            ("aws:s3/bucketLogging:BucketLogging", {"bucket": name, "targetBucket": "logs", "targetPrefix": name}),
            ("aws:kms/key:Key", {"enableKeyRotation": not bad, "description": name}),
            ("aws:cloudwatch/logGroup:LogGroup", {"name": f"/{name}", "retentionInDays": 7 if bad else 365}),
            ("aws:ec2/securityGroup:SecurityGroup", {"description": name, "ingress": [ports]}),
            ("aws:iam/role:Role", {"name": name, "assumeRolePolicy": TRUST}),
            ("aws:sqs/queue:Queue", {"name": name, "sqsManagedSseEnabled": not bad}),
            ("aws:sns/topic:Topic", {"name": name}),
        ]
    return made[:count]


def template(count: int) -> dict[str, Any]:
    """The same as CloudFormation has it: what a companion says there is the bucket's own, and still counts as one."""
    made: dict[str, Any] = {}
    for number, (token, properties) in enumerate(resources(count)):
        name = properties.get("bucket", properties.get("name", properties.get("description", "")))
        bad = number // 10 % 2 == 1
        kind, said = {
            "Bucket": ("S3::Bucket", {"BucketName": name, "VersioningConfiguration": {"Status": "Enabled"}}),
            "BucketVersioning": ("S3::BucketPolicy", {"Bucket": name, "PolicyDocument": json.loads(TRUST)}),
            "BucketPublicAccessBlock": ("EC2::Volume", {"Encrypted": not bad, "Size": 1, "AvailabilityZone": "a"}),
            "BucketLogging": ("SSM::Parameter", {"Type": "String", "Value": name}),
            "Key": ("KMS::Key", {"EnableKeyRotation": not bad, "KeyPolicy": json.loads(TRUST)}),
            "LogGroup": ("Logs::LogGroup", {"LogGroupName": name, "RetentionInDays": 7 if bad else 365}),
            "SecurityGroup": (
                "EC2::SecurityGroup",
                {
                    "GroupDescription": name,
                    "SecurityGroupIngress": [
                        {
                            "IpProtocol": "tcp",
                            "FromPort": 22,
                            "ToPort": 22,
                            "CidrIp": "0.0.0.0/0" if bad else "10.0.0.0/8",
                        }
                    ],
                },
            ),
            "Role": ("IAM::Role", {"RoleName": name, "AssumeRolePolicyDocument": json.loads(TRUST)}),
            "Queue": ("SQS::Queue", {"QueueName": name, "SqsManagedSseEnabled": not bad}),
            "Topic": ("SNS::Topic", {"TopicName": name}),
        }[token.rpartition(":")[2]]
        made[f"R{number}"] = {"Type": f"AWS::{kind}", "Properties": said}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}


def state(count: int) -> dict[str, Any]:
    """A stack's state as the engine exports it."""
    root = "urn:pulumi:dev::bench::pulumi:pulumi:Stack::bench-dev"
    held: list[dict[str, Any]] = [{"urn": root, "type": "pulumi:pulumi:Stack", "custom": False}]
    for number, (token, properties) in enumerate(resources(count)):
        held.append(
            {
                "urn": f"urn:pulumi:dev::bench::{token}::r{number}",
                "custom": True,
                "id": str(properties.get("bucket", f"id-{number}")),
                "type": token,
                "parent": root,
                "inputs": properties,
                "outputs": properties | {"id": str(properties.get("bucket", f"id-{number}"))},
            }
        )
    manifest = {"time": "2026-11-30T00:00:00Z", "magic": "", "version": ""}
    return {"version": 3, "deployment": {"manifest": manifest, "resources": held}}


def timed(command: list[str], folder: Path, environment: dict[str, str], statuses: tuple[int, ...]) -> float:
    """Seconds by the clock. Raises SystemExit, with what was said, for another exit status."""
    begun = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    took = time.perf_counter() - begun
    if done.returncode not in statuses:
        raise SystemExit(f"{command[:4]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return took


def analyzed(engine: Engine, folder: Path, count: int, runs: int = 3) -> float:
    """Seconds of `pulumi policy analyze` over so many resources: the least of a few, which others disturbed least."""
    file = folder / f"state-{count}.json"
    file.write_text(json.dumps(state(count)))
    command = [str(engine.tools / "pulumi"), "policy", "analyze", "--file", str(file), "--policy-pack"]
    command += [str(ROOT / "policies"), "--json"]
    environment = engine.environment
    return min(timed(command, folder, environment, (0, 1, 255)) for _ in range(runs))


def own_time(engine: Engine, folder: Path) -> dict[int, float]:
    """The pack's own seconds by the size of the stack."""
    start = analyzed(engine, folder, 1)
    own = {count: analyzed(engine, folder, count) - start for count in SIZES}
    for count, seconds in own.items():
        print(f"the pack's own time over {count} resources: {seconds:.2f} s (its start is {start:.2f} s)", flush=True)
    growth = own[SIZES[-1]] / own[SIZES[0]]
    print(f"{SIZES[-1]} resources over {SIZES[0]}: {growth:.1f} times (at most {MOST_GROWTH:g})", flush=True)
    return own | {0: start}


def beside_checkov(engine: Engine, own: dict[int, float], folder: Path) -> None:
    """Resources a second, starts included on both sides."""
    count = SIZES[-1]
    python = images.installed("bench-checkov", PEER / "requirements.txt") / "bin" / "python"
    file = folder / "template.json"
    file.write_text(json.dumps(template(count)))
    command = [str(python), "-m", "checkov.main", "-f", str(file), "--framework", "cloudformation"]
    command += ["--quiet", "--compact", "--skip-download", "-o", "json"]
    before = processor()
    took = timed(command, folder, os.environ | {"LOG_LEVEL": "ERROR"}, (0, 1))
    theirs, before = processor() - before, processor()
    analyzed(engine, folder, count, runs=1)
    ours = count / (own[count] + own[0])
    ratio = ours * took / count
    print(f"pulumi policy analyze: {ours:.0f} resources a second; Checkov: {count / took:.0f} ({took:.0f} s)")
    print(f"ours over Checkov's: {ratio:.1f} times (at least {LEAST_OF_CHECKOV:g})")
    print(f"by the processor's time: {theirs / (processor() - before):.1f} times", flush=True)


def processor() -> float:
    """Seconds of a processor that the processes started here have had."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def previews(engine: Engine, folder: Path) -> None:
    """A preview with the pack over one without, each once, after one that is not counted; for the least, five pairs."""
    from importlib.metadata import version

    install_echo(engine, "aws")
    pack = ["--policy-pack", str(ROOT / "policies")]
    for count in SIZES:
        program = engine.program(folder / f"program-{count}", PROGRAM.format(version=version("pulumi-aws")))
        (program / "resources.json").write_text(json.dumps(resources(count)))
        command = [str(engine.tools / "pulumi"), "preview", "--stack", "dev", "--non-interactive"]
        ratios = []
        timed(command, program, engine.environment, (0,))
        for _ in range(5 if count == SIZES[0] else 1):
            with_pack = timed([*command, *pack], program, engine.environment, (0, 1, 255))
            ratios.append((with_pack / (bare := timed(command, program, engine.environment, (0,))), with_pack, bare))
        ratio, with_pack, bare = sorted(ratios)[len(ratios) // 2]
        most = f" (at most {MOST_OF_A_PREVIEW:g})" if count == SIZES[0] else ""
        print(f"preview of {count} resources: {with_pack:.1f} s with the pack, {bare:.1f} s without: {ratio:.2f}{most}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-peer", action="store_true", help="leave Checkov out")
    parser.add_argument("--no-preview", action="store_true", help="leave the previews out")
    parser.add_argument("--own-stack", action="store_true", help="also previews of Parapet's own stack")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        engine = Engine(toolchain.ensure(Workspace()), folder / "home")
        own = own_time(engine, folder)
        if not asked.no_peer:
            beside_checkov(engine, own, folder)
        if not asked.no_preview:
            previews(engine, folder)
    if asked.own_stack:
        name = "preview of the stack with the pack over preview without"
        compare(name, [*PREVIEW, "--policy-pack", "policies"], PREVIEW, most=MOST_OF_A_PREVIEW)


if __name__ == "__main__":
    main()
