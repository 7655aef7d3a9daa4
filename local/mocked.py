"""A program run under Pulumi's mocks: no engine, no provider, only the graph of resources that it asks for."""

import asyncio
import functools
import gc
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from unittest import mock

import pulumi
import pulumi.runtime.resource
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor
from pulumi.runtime.proto import resource_pb2, source_pb2

from local.engine.program import declare, holds_unknown

ACCOUNT_ID = "123456789012"
RANGES = {"s3": "198.51.100.0/24", "dynamodb": "203.0.113.0/24"}
"""The prefix lists of the gateway endpoints, as they are today."""
DEPLOYER = f"arn:aws:iam::{ACCOUNT_ID}:role/deployer"
ZONES = {f"us-east-1{letter}": f"use1-az{number}" for letter, number in zip("abcdef", (1, 2, 4, 6, 3, 5), strict=True)}
"""Ids by name: which is which differs from account to account."""
SUFFIX = "20261128123456789000000001-AbCdEf"
"""The digits that the provider adds to a prefix, and the letters that Secrets Manager adds to a name."""
OURS = f"us-east-1:{ACCOUNT_ID}"
ARNS = {
    "aws:iam/role:Role": f"arn:aws:iam::{ACCOUNT_ID}:role/{{}}",
    "aws:iam/policy:Policy": f"arn:aws:iam::{ACCOUNT_ID}:policy/{{}}",
    "aws:kms/key:Key": f"arn:aws:kms:{OURS}:key/{{}}",
    "aws:sns/topic:Topic": f"arn:aws:sns:{OURS}:{{}}",
    "aws:sqs/queue:Queue": f"arn:aws:sqs:{OURS}:{{}}",
    "aws:ssm/document:Document": f"arn:aws:ssm:{OURS}:document/{{}}",
    "aws:eks/cluster:Cluster": f"arn:aws:eks:{OURS}:cluster/{{}}",
    "aws:lambda/function:Function": f"arn:aws:lambda:{OURS}:function:{{}}",
    "aws:cloudwatch/eventRule:EventRule": f"arn:aws:events:{OURS}:rule/{{}}",
    "aws:cloudwatch/logGroup:LogGroup": f"arn:aws:logs:{OURS}:log-group:{{}}",
}
"""Those that policies are written with."""


@dataclass(frozen=True)
class Made:
    """A resource as the program asked for it."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str

    @property
    def id(self) -> str:
        return f"{self.name}-id"

    def policy(self, key: str = "policy") -> list[dict[str, Any]]:
        """The statements of its policy."""
        return list(json.loads(self.inputs[key])["Statement"])


def arn(kind: str, name: str, inputs: Mapping[str, Any]) -> str:
    """As AWS makes it, of what policies speak of; of anything else, any."""
    if kind == "aws:secretsmanager/secret:Secret":
        return f"arn:aws:secretsmanager:{OURS}:secret:{inputs['namePrefix']}{SUFFIX}"
    other = f"arn:aws:mock:{OURS}:{kind.split(':')[-1]}/{{}}"
    return ARNS.get(kind, other).format(inputs.get("name", name) if kind in ARNS else name)


def computed(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
    """What AWS would tell of a resource, where the program asks for it."""
    match args.typ:
        case "aws:s3/bucket:Bucket":
            return {"bucket": f"{args.name}-id", "arn": f"arn:aws:s3:::{args.name}-id"}
        case "aws:kms/key:Key":
            return {"keyId": f"{args.name}-id"}
        case "aws:ec2/vpcEndpoint:VpcEndpoint":
            return {"prefixListId": f"pl-{args.name}"}
        case "aws:ec2/launchTemplate:LaunchTemplate":
            return {"latestVersion": 1}
        case "aws:eks/cluster:Cluster":
            return {"endpoint": "https://eks.test", "certificateAuthority": {"data": "Q0E="}}
        case "aws:eks/nodeGroup:NodeGroup":
            return {"resources": [{"autoscalingGroups": [{"name": f"{args.name}-scaling"}]}]}
        case "aws:rds/instance:Instance":
            secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:rds!db-{args.name}"
            return {"address": f"{args.name}.rds.test", "masterUserSecrets": [{"secretArn": secret}]}
        case "aws:acmpca/certificateAuthority:CertificateAuthority":
            return {"certificateSigningRequest": "-----BEGIN CERTIFICATE REQUEST-----"}
        case "aws:acmpca/certificate:Certificate":
            return {"certificate": "-----BEGIN CERTIFICATE-----"}
        case "aws:lambda/invocation:Invocation":
            return {"result": "{}"}
        case "aws:route53/zone:Zone":
            return {"zoneId": f"{args.name}-id"}
        case "aws:acmpca/certificate:Certificate":
            return {"certificate": "-----BEGIN CERTIFICATE-----\n"}
        case "aws:route53/resolverEndpoint:ResolverEndpoint":
            given = args.inputs["ipAddresses"]
            return {"ipAddresses": [{**each, "ip": f"10.0.0.{place}"} for place, each in enumerate(given, 10)]}
        case "kubernetes:core/v1:Service" if args.inputs["spec"].get("type") == "LoadBalancer":
            return {"status": {"loadBalancer": {"ingress": [{"hostname": f"{args.name}.elb.test"}]}}}
        case "aws:sns/topic:Topic":
            return {"name": args.name}
        case "aws:sqs/queue:Queue":
            return {"url": f"https://sqs.test/{args.name}", "name": args.name}
        case (
            "aws:iam/role:Role"
            | "aws:iam/instanceProfile:InstanceProfile"
            | "aws:cloudwatch/eventRule:EventRule"
            | "aws:ec2/placementGroup:PlacementGroup"
            | "aws:rds/parameterGroup:ParameterGroup"
            | "aws:rds/subnetGroup:SubnetGroup"
        ):
            return {"name": args.name}
    return {}


Resource: TypeAlias = tuple[str, str]
"""A type and a name."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Answers as a provider that grants every wish, and remembers them."""

    zones: Mapping[str, str] = field(default_factory=lambda: ZONES)
    roles: list[str] = field(default_factory=list)
    """ARNs of the roles that the account has already."""
    made: list[Made] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    registry: Mapping[str, str] = field(default_factory=dict)
    """Digests of the images that the registry holds, by NAME:TAG."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """What the program exports."""
    waits_for: dict[Resource, set[Resource]] = field(default_factory=dict)
    """What each resource waits for, by its inputs, by `depends_on` and by its provider."""
    protected: set[Resource] = field(default_factory=set)
    """Those that the engine refuses to delete."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.made.append(Made(args.typ, args.name, args.inputs, args.provider or ""))
        outputs = {"arn": arn(args.typ, args.name, args.inputs), **args.inputs}
        return f"{args.name}-id", outputs | computed(args)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        self.calls.append((args.token, args.provider or ""))
        match args.token:
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {"accountId": ACCOUNT_ID}
            case "aws:index/getPartition:getPartition":
                return {"partition": "aws"}
            case "aws:index/getRegion:getRegion":
                return {"region": "us-east-1"}
            case "aws:index/getAvailabilityZones:getAvailabilityZones":
                kept = {name: one for name, one in self.zones.items() if one not in args.args.get("excludeZoneIds", [])}
                return {"names": list(kept), "zoneIds": list(kept.values())}
            case "aws:iam/getRoles:getRoles":
                return {"arns": self.roles}
            case "aws:ecr/getImages:getImages":
                return {"imageIds": self._images(args.args["repositoryName"])}
            case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
                return {"userName": "AWS", "password": "opens"}
            case "aws:kms/getPublicKey:getPublicKey":
                return {**args.args, "publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"}
            case "aws:ec2/getPrefixList:getPrefixList":
                return {**args.args, "cidrBlocks": [RANGES[args.args["prefixListId"].rpartition("-")[2]]]}
            case "aws:acmpca/getCertificateAuthority:getCertificateAuthority":
                return {**args.args, "certificate": "SUBORDINATE", "certificateChain": "ROOT"}
        raise AssertionError(f"the program made a call that no test expects: {args.token}")

    def _images(self, repository: str) -> list[dict[str, str]]:
        return [
            {"imageTag": tagged.rpartition(":")[2], "imageDigest": digest}
            for tagged, digest in self.registry.items()
            if repository.endswith(f"/{tagged.rpartition(':')[0]}")
        ]

    def of(self, kind: str) -> list[Made]:
        """The resources of a type, named as in `s3/bucket:Bucket`, `parapet:foundation:Keys` or `kubernetes:...`."""
        wanted = kind if kind.startswith(("parapet:", "kubernetes:")) else f"aws:{kind}"
        return [each for each in self.made if each.type == wanted]

    def one(self, kind: str, name: str) -> Made:
        (only,) = [each for each in self.of(kind) if each.name == name]
        return only

    def managed(self) -> Iterator[Made]:
        """All resources of AWS: neither components nor the provider."""
        return (each for each in self.made if each.type.startswith("aws:"))


class Watching(MockMonitor):
    """Sees what the engine would be asked, and not only what a provider would.

    It answers as the SDK's own does. That one translates each answer in an event loop of its own, a fourth of a run.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._waits_for, self._protected = recorder.waits_for, recorder.protected

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        provider = request.provider.rpartition("::")[0]
        urns = [*request.dependencies, *([provider] if provider else [])]
        self._waits_for.setdefault((request.type, request.name), set()).update(map(_named, urns))
        if request.protect:
            self._protected.add((request.type, request.name))
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = rpc.deserialize_properties(request.object)
        args = pulumi.runtime.MockResourceArgs(
            request.type, request.name, inputs, request.provider, request.importId, request.custom
        )
        id_, outputs = self.mocks.new_resource(args)
        answer = resource_pb2.RegisterResourceResponse(urn=urn, id=id_ or "", object=request.object)
        # What it was asked with comes back as it came, assets and secrets included.
        answer.object.update({key: value for key, value in outputs.items() if value is not inputs.get(key)})
        return answer

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        told = self.mocks.call(MockCallArgs(request.tok, rpc.deserialize_properties(request.args), request.provider))
        answer = resource_pb2.ResourceInvokeResponse()
        getattr(answer, "return").update(told)
        return answer


class _Loop(asyncio.SelectorEventLoop):
    """Does at its next turn what others give to a thread: the SDK's requests, which `Watching` answers at once."""

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        done = self.create_future()

        def do() -> None:
            try:
                done.set_result(func(*args))
            except Exception as error:
                done.set_exception(error)

        self.call_soon(do)
        return done


def _named(urn: str) -> Resource:
    _, _, kind, name = urn.split("::", 3)
    return kind.rpartition("$")[2], name


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return _Loop()


def record(
    make: Callable[[], Any], recorder: Recorder, monitor: Callable[[Recorder], MockMonitor] = Watching
) -> Recorder:
    """What is asked for while `make` runs, in a stack of its own."""
    # The SDK asks for the thread's event loop, and a test that used `asyncio.run` has left none.
    asyncio.set_event_loop(_loop())
    pulumi.runtime.set_mocks(recorder, project="parapet", stack="test", monitor=monitor(recorder))
    # Half of the time goes into looking for cycles among millions of objects that are all in use.
    gc.disable()
    try:
        # A third of the rest goes into the place in the program that made each resource, which no mock is told.
        with (
            mock.patch.object(pulumi.runtime.resource, "_get_stack_trace", source_pb2.StackTrace),
            mock.patch.object(rpc, "declare_dependency", declare),
            mock.patch.object(rpc, "contains_unknowns", holds_unknown),
        ):
            pulumi.runtime.test(make)()
    finally:
        gc.enable()
    return recorder
