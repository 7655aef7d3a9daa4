"""What a launch in EC2 asks of IAM: each action on each resource that is made, used or changed.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"; Amazon EC2 User Guide,
"Grant permission to tag Amazon EC2 resources during creation" and "Create an EC2 Fleet"; Amazon EBS User Guide,
"Requirements for Amazon EBS encryption". What cannot be told from these pages is asked for in its stricter reading.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.ec2.models.launch_templates import LaunchTemplate
from moto.iam.models import iam_backends

from local.aws.api.asked import Asked, Call, key_arn

KINDS: Final = {
    "eni": "network-interface",
    "fleet": "fleet",
    "i": "instance",
    "lt": "launch-template",
    "sg": "security-group",
    "sir": "spot-instances-request",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
"""What the ids of a kind of resource begin with."""
Tags = Mapping[str, str]
NEW: Final = "new"
"""Stands for the id of what is only made."""
VOLUME_KEY: Final = ("CreateGrant", "Decrypt", "GenerateDataKeyWithoutPlaintext")
BY_SERVICE: Final = {"aws:ViaAWSService": "true"}


def parameters(asked: Asked) -> dict[str, Any]:
    """The parameters of a request of EC2's, as moto reads them."""
    parsed: dict[str, Any] = _parser(asked.operation).parse({"values": asked.form})
    return parsed


@cache
def _parser(operation: str) -> Any:
    return PROTOCOL_PARSERS["ec2"](get_service_model("ec2").operation_model(operation))


def _tags(listed: Sequence[Mapping[str, Any]] | None) -> Tags:
    return {each["Key"]: each.get("Value", "") for each in listed or []}


def _by_kind(specifications: Sequence[Mapping[str, Any]] | None) -> dict[str, Tags]:
    return {each["ResourceType"]: _tags(each.get("Tags")) for each in specifications or []}


def _requested(tags: Tags) -> dict[str, str | Sequence[str]]:
    return {
        **{f"aws:RequestTag/{name}": value for name, value in tags.items()},
        **({"aws:TagKeys": list(tags)} if tags else {}),
    }


@dataclass(frozen=True)
class Launch:
    """What is launched, from what, and with which tags."""

    asked: Asked
    image: str
    subnet: str
    groups: Sequence[str]
    made: Mapping[str, Tags]
    """The tags of each kind of resource that is made."""
    template: str | None = None
    profile: Mapping[str, str] = field(default_factory=dict)
    keys: Sequence[str] = ()
    """KMS keys of encrypted volumes."""
    placement: str | None = None
    reservation: str | None = None

    def calls(self, action: str) -> Iterator[Call]:
        """The action on each of the resources."""
        own = self.asked.arn
        # An image, and the snapshot in it, belong to their owner and not to the account.
        image = f"arn:aws:ec2:{self.asked.region}::image/{self.image}"
        yield Call(action, image, {"aws:ResourceAccount": self._owner()})
        yield Call(action, own("ec2", f"subnet/{self.subnet}"))
        for group in self.groups:
            yield Call(action, own("ec2", f"security-group/{group}"))
        if self.template:
            yield Call(action, own("ec2", f"launch-template/{self.template}"))
        if self.placement:
            yield Call(action, own("ec2", f"placement-group/{self.placement}"))
        if self.reservation:
            yield Call(action, own("ec2", f"capacity-reservation/{self.reservation}"))
        for kind, tags in self.made.items():
            yield Call(action, own("ec2", f"{kind}/{NEW}"), _requested(tags))

    def tagging(self, action: str) -> Iterator[Call]:
        """That what is made may be tagged as it is made."""
        for kind, tags in self.made.items():
            if tags:
                keys = {**_requested(tags), "ec2:CreateAction": action}
                yield Call("ec2:CreateTags", self.asked.arn("ec2", f"{kind}/{NEW}"), keys)

    def surroundings(self) -> Iterator[Call]:
        """The role that is passed, and the keys by which EC2 encrypts for the caller."""
        if role := _role(self.asked.account, self.profile):
            yield Call("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})
        via = {
            "kms:ViaService": f"ec2.{self.asked.region}.amazonaws.com",
            "kms:CallerAccount": self.asked.account,
            "kms:GrantIsForAWSResource": "true",
        }
        for key in self.keys:
            for action in VOLUME_KEY:
                yield Call(f"kms:{action}", key_arn(self.asked, key), via)

    def _owner(self) -> str:
        image = ec2_backends[self.asked.account][self.asked.region].amis.get(self.image)
        return str(image.owner_id) if image else self.asked.account


def _role(account: str, profile: Mapping[str, str]) -> str | None:
    name = profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]
    found = next((each for each in iam_backends[account]["aws"].instance_profiles.values() if each.name == name), None)
    return str(found.roles[0].arn) if found and found.roles else None


def _template(asked: Asked, named: Mapping[str, Any] | None) -> tuple[str | None, dict[str, Any]]:
    """The id and the data of a launch template; an unknown one's name, which nobody may use, and no data."""
    if not named:
        return None, {}
    backend = ec2_backends[asked.account][asked.region]
    name = str(named.get("LaunchTemplateName", ""))
    identifier = str(named.get("LaunchTemplateId") or backend.launch_template_name_to_ids.get(name, name))
    held = backend.launch_templates.get(identifier)
    return identifier, _data(held, str(named.get("Version", "$Default"))) if held else {}


def _data(template: LaunchTemplate, version: str) -> dict[str, Any]:
    """A version's; nothing where there is none, which the call itself tells."""
    number = {"$Latest": template.latest_version_number, "$Default": template.default_version_number}.get(version)
    return next((dict(each.data) for each in template.versions if str(each.number) == str(number or version)), {})


def _launch(asked: Asked, named: Mapping[str, Any] | None, own: Mapping[str, Any], tags: Mapping[str, Tags]) -> Launch:
    """What is launched from a template, if one is named, with what the request itself says."""
    identifier, data = _template(asked, named)
    told = {**data, **{name: value for name, value in own.items() if value}}
    interfaces = told.get("NetworkInterfaces", [])
    subnet = str(own.get("SubnetId") or next((each["SubnetId"] for each in interfaces if "SubnetId" in each), ""))
    subnet = subnet or str(told.get("SubnetId", ""))
    groups = {group for each in _interfaces(data, own) for group in each.get("Groups", [])}
    groups |= {*told.get("SecurityGroupIds", [])}
    if not groups or any(not each.get("Groups") for each in own.get("NetworkInterfaces", [])):
        # An interface that names none has the network's default group; whether one of the template's at the same place
        # would give it those of the template, no page tells.
        groups.add(_default_group(asked, subnet))
    given = _by_kind(data.get("TagSpecifications"))
    kinds = ("instance", "volume", "network-interface", *(["spot-instances-request"] if _spot(told) else []))
    volumes = [each["Ebs"] for each in told.get("BlockDeviceMappings", []) if "Ebs" in each]
    return Launch(
        asked,
        image=str(told.get("ImageId", "")),
        subnet=subnet,
        groups=sorted(groups),
        made={kind: {**given.get(kind, {}), **tags.get(kind, {})} for kind in kinds},
        template=identifier,
        profile=told.get("IamInstanceProfile", {}),
        keys=sorted({each["KmsKeyId"] for each in volumes if each.get("Encrypted") and each.get("KmsKeyId")}),
        placement=told.get("Placement", {}).get("GroupName"),
        reservation=told.get("CapacityReservationSpecification", {})
        .get("CapacityReservationTarget", {})
        .get("CapacityReservationId"),
    )


def _interfaces(data: Mapping[str, Any], own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*data.get("NetworkInterfaces", []), *own.get("NetworkInterfaces", [])]


def _spot(told: Mapping[str, Any]) -> bool:
    return bool(told.get("InstanceMarketOptions", {}).get("MarketType") == "spot")


def _default_group(asked: Asked, subnet: str) -> str:
    backend = ec2_backends[asked.account][asked.region]
    held = next((zone[subnet] for zone in backend.subnets.values() if subnet in zone), None)
    group = backend.get_security_group_from_name("default", held.vpc_id) if held else None
    return str(group.id) if group else "default"


def _run_instances(asked: Asked) -> list[Call]:
    told = parameters(asked)
    launch = _launch(asked, told.get("LaunchTemplate"), told, _by_kind(told.get("TagSpecifications")))
    return [*launch.calls("ec2:RunInstances"), *launch.tagging("RunInstances"), *launch.surroundings()]


def _create_fleet(asked: Asked) -> list[Call]:
    """The fleet and, where it is no try, the launches that it makes for the caller."""
    told = parameters(asked)
    tags = _by_kind(told.get("TagSpecifications"))
    fleet = asked.arn("ec2", f"fleet/{NEW}")
    calls = [Call("ec2:CreateFleet", fleet, _requested(tags.get("fleet", {})))]
    if tags.get("fleet"):
        calls.append(Call("ec2:CreateTags", fleet, {**_requested(tags["fleet"]), "ec2:CreateAction": "CreateFleet"}))
    spot = told.get("TargetCapacitySpecification", {}).get("DefaultTargetCapacityType") == "spot"
    market = {"InstanceMarketOptions": {"MarketType": "spot"}} if spot else {}
    of_instances = tags if told.get("Type") == "instant" else {}
    for each in told.get("LaunchTemplateConfigs", []):
        for override in each.get("Overrides") or [{}]:
            launch = _launch(asked, each.get("LaunchTemplateSpecification"), {**override, **market}, of_instances)
            calls += launch.calls("ec2:CreateFleet")
            if not told.get("DryRun"):
                calls += _by_the_fleet(launch)
    return list({(call.action, call.resource, str(call.keys)): call for call in calls}.values())


def _by_the_fleet(launch: Launch) -> Iterator[Call]:
    for call in (*launch.calls("ec2:RunInstances"), *launch.tagging("RunInstances"), *launch.surroundings()):
        yield Call(call.action, call.resource, {**call.keys, **BY_SERVICE})


def _create_launch_template(asked: Asked) -> list[Call]:
    tags = _by_kind(parameters(asked).get("TagSpecifications")).get("launch-template", {})
    arn = asked.arn("ec2", f"launch-template/{NEW}")
    tagging = Call("ec2:CreateTags", arn, {**_requested(tags), "ec2:CreateAction": "CreateLaunchTemplate"})
    return [Call("ec2:CreateLaunchTemplate", arn, _requested(tags)), *([tagging] if tags else [])]


def _delete_launch_template(asked: Asked) -> list[Call]:
    identifier, _ = _template(asked, parameters(asked))
    return [Call("ec2:DeleteLaunchTemplate", asked.arn("ec2", f"launch-template/{identifier}"))]


def _terminate_instances(asked: Asked) -> list[Call]:
    ids = parameters(asked).get("InstanceIds", [])
    return [Call("ec2:TerminateInstances", asked.arn("ec2", f"instance/{each}")) for each in ids]


def _create_tags(asked: Asked) -> list[Call]:
    told = parameters(asked)
    keys = _requested(_tags(told.get("Tags")))
    return [Call("ec2:CreateTags", asked.arn("ec2", _named(each)), keys) for each in told.get("Resources", [])]


def _named(identifier: str) -> str:
    return f"{KINDS.get(identifier.partition('-')[0], 'unknown')}/{identifier}"


OPERATIONS: Final[Mapping[str, Callable[[Asked], list[Call]]]] = {
    "ec2:CreateFleet": _create_fleet,
    "ec2:CreateLaunchTemplate": _create_launch_template,
    "ec2:CreateTags": _create_tags,
    "ec2:DeleteLaunchTemplate": _delete_launch_template,
    "ec2:RunInstances": _run_instances,
    "ec2:TerminateInstances": _terminate_instances,
}
