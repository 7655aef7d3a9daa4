"""Which resource is charged for what, and how much of it, idle and under load."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cluster.gpu_instances import GPU_INSTANCES
from operations.cost.prices import HOME, NotPriced, Price, Prices
from operations.cost.resource import Resource

LAUNCH_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_CLASS: Final = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
SERVICE: Final = "kubernetes:core/v1:Service"
RUNS_ON_NODES: Final = ("kubernetes:", "parapet:", "pulumi:")
"""Kubernetes' objects cost nothing beside the nodes they run on, but for what `_RULES` says of some; ours and the
engine's own are none of AWS's."""
GPU: Final = "nvidia.com/gpu"


@dataclass(frozen=True)
class Charge:
    """Some of one thing: while nobody works, and with all nodes there that the settings allow."""

    price: Price
    idle: float
    load: float


@dataclass(frozen=True)
class _Plan:
    prices: Prices
    by_type: Mapping[str, Mapping[str, Resource]]

    def named(self, kind: str, name: str) -> Resource:
        """The resource that belongs to another by its name, as a group's template does."""
        try:
            return self.by_type[kind][name]
        except KeyError:
            raise NotPriced(f"The plan has no {kind} named {name!r}, so that its volumes are not known.") from None


_Rule = Callable[[Resource, _Plan], Iterator[Charge]]


def charges(resources: Sequence[Resource], prices: Prices) -> Iterator[Charge]:
    """Every charge of these resources. Raises NotPriced at the first that neither has a price nor is free."""
    by_type: dict[str, dict[str, Resource]] = {}
    for each in resources:
        by_type.setdefault(each.type, {})[each.name] = each
    plan = _Plan(prices, by_type)
    for each in resources:
        if rule := _RULES.get(each.type):
            yield from rule(each, plan)
        elif each.type not in prices.free and not each.type.startswith(RUNS_ON_NODES):
            raise NotPriced(
                f"The resource {each.name!r} is of a type that has no price, {each.type}: give it a rule in "
                f"{HOME}/charges.py, or list it as free in {HOME}/prices.yaml."
            )


def _always(key: str, count: Callable[[Mapping[str, Any]], float] = lambda _: 1) -> _Rule:
    """As much under load as idle."""

    def rule(resource: Resource, plan: _Plan) -> Iterator[Charge]:
        number = count(resource.inputs)
        yield Charge(plan.prices.of_thing(key), number, number)

    return rule


def _assumed(key: str, resource_key: str) -> _Rule:
    def rule(resource: Resource, plan: _Plan) -> Iterator[Charge]:
        price = replace(plan.prices.of_thing(key), assumed=True)
        yield Charge(price, *plan.prices.assumed(resource_key))

    return rule


def _authority(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    short = resource.inputs.get("usageMode") == "SHORT_LIVED_CERTIFICATE"
    yield Charge(plan.prices.of_thing("short-lived-ca" if short else "private-ca"), 1, 1)


def _endpoint(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    if resource.inputs.get("vpcEndpointType") == "Interface":
        zones = len(resource.inputs["subnetIds"])
        yield Charge(plan.prices.of_thing("interface-endpoint"), zones, zones)


def _database(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    inputs, zones = resource.inputs, 2 if resource.inputs.get("multiAz") else 1
    yield Charge(plan.prices.of_database(inputs["instanceClass"]), zones, zones)
    least = int(inputs["allocatedStorage"])
    most = int(inputs.get("maxAllocatedStorage") or least)
    yield Charge(plan.prices.of_thing("database-gp3"), zones * least, zones * most)
    if inputs.get("manageMasterUserPassword"):
        yield Charge(plan.prices.of_thing("secret"), 1, 1)


def _instances(
    plan: _Plan, types: Sequence[str], volume: float, idle: float, load: float, monitored: bool
) -> Iterator[Charge]:
    """The least number are of the first type, which EKS prefers; what is added may be of the dearest."""
    yield Charge(plan.prices.of_instance(types[0]), idle, idle)
    dearest = max(map(plan.prices.of_instance, types), key=lambda price: price.usd)
    yield Charge(dearest, 0, load - idle)
    yield Charge(plan.prices.of_thing("ebs-gp3"), volume * idle, volume * load)
    if monitored:
        yield Charge(plan.prices.of_thing("detailed-monitoring"), idle, load)


@dataclass(frozen=True)
class _Template:
    """What a launch template says of each instance."""

    volume: float
    monitored: bool
    instance_type: str | None


def _template(plan: _Plan, name: str) -> _Template:
    inputs = plan.named(LAUNCH_TEMPLATE, name).inputs
    volume = sum(float(each["ebs"]["volumeSize"]) for each in inputs["blockDeviceMappings"])
    return _Template(volume, bool((inputs.get("monitoring") or {}).get("enabled")), inputs.get("instanceType"))


def _node_group(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    template, types = _template(plan, resource.name), resource.inputs["instanceTypes"]
    least, most = (int(resource.inputs["scalingConfig"][each]) for each in ("minSize", "maxSize"))
    # A GPU group's own largest number is what EKS wants room for; its NodePool says how it grows.
    most = least if types[0] in GPU_INSTANCES else most
    yield from _instances(plan, types, template.volume, least, most, template.monitored)


def _scaling_group(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    template = _template(plan, resource.name)
    least, most = int(resource.inputs["minSize"]), int(resource.inputs["maxSize"])
    yield from _instances(plan, [template.instance_type or ""], template.volume, least, most, template.monitored)


def _node_pool(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    spec = resource.inputs["spec"]
    template = spec["template"]["spec"]
    needs = {each["key"]: each.get("values", []) for each in template["requirements"]}
    types = needs["node.kubernetes.io/instance-type"]
    node_class = _by_object_name(plan, NODE_CLASS, template["nodeClassRef"]["name"]).inputs["spec"]
    volume = sum(float(each["ebs"]["volumeSize"].removesuffix("Gi")) for each in node_class["blockDeviceMappings"])
    most = int(spec["limits"][GPU]) / min(GPU_INSTANCES[each].gpus for each in types)
    yield from _instances(plan, types, volume, 0, most, bool(node_class.get("detailedMonitoring")))


def _by_object_name(plan: _Plan, kind: str, name: str) -> Resource:
    for each in plan.by_type.get(kind, {}).values():
        if each.inputs["metadata"]["name"] == name:
            return each
    raise NotPriced(f"The plan has no {kind} named {name!r}, so that its volumes are not known.")


def _service(resource: Resource, plan: _Plan) -> Iterator[Charge]:
    if _asks_for_load_balancer(resource):
        yield Charge(plan.prices.of_thing("load-balancer"), 1, 1)


def _gateway(_: Resource, plan: _Plan) -> Iterator[Charge]:
    """Stands for the load balancer before it, which a Service of its chart asks for: before the cluster is there, the
    plan holds a chart without its objects."""
    if not any(map(_asks_for_load_balancer, plan.by_type.get(SERVICE, {}).values())):
        yield Charge(plan.prices.of_thing("load-balancer"), 1, 1)


def _asks_for_load_balancer(service: Resource) -> bool:
    return (service.inputs.get("spec") or {}).get("type") == "LoadBalancer"


def _volume_claim(resource: Resource, _: _Plan) -> Iterator[Charge]:
    raise NotPriced(
        f"The volume claim {resource.name!r} makes an EBS volume that no rule of {HOME}/charges.py counts yet."
    )


_RULES: Final[Mapping[str, _Rule]] = {
    "aws:acmpca/certificateAuthority:CertificateAuthority": _authority,
    "aws:autoscaling/group:Group": _scaling_group,
    "aws:cloudwatch/logGroup:LogGroup": _assumed("log-ingestion", "log-group"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _always("alarm"),
    "aws:ec2/eip:Eip": _always("public-ipv4"),
    "aws:ec2/natGateway:NatGateway": _always("nat-gateway"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": _always("transit-gateway-attachment"),
    "aws:ecr/repository:Repository": _assumed("image-storage", "repository"),
    "aws:eks/cluster:Cluster": _always("eks-cluster"),
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:kms/key:Key": _always("kms-key"),
    "aws:rds/instance:Instance": _database,
    "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList": _always(
        "dns-names", lambda inputs: len(inputs["domains"])
    ),
    "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation": _assumed(
        "dns-queries", "dns-firewall"
    ),
    "aws:route53/resolverEndpoint:ResolverEndpoint": _always(
        "resolver-endpoint", lambda inputs: len(inputs["ipAddresses"])
    ),
    "aws:route53/zone:Zone": _always("hosted-zone"),
    "aws:s3/bucket:Bucket": _assumed("object-storage", "bucket"),
    "aws:secretsmanager/secret:Secret": _always("secret"),
    "kubernetes:core/v1:PersistentVolumeClaim": _volume_claim,
    SERVICE: _service,
    "kubernetes:karpenter.sh/v1:NodePool": _node_pool,
    "kubernetes:networking.istio.io/v1:Gateway": _gateway,
}


def priced_types() -> Iterable[str]:
    """The types that a rule stands for."""
    return _RULES.keys()
