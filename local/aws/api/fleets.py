"""EC2 Fleets: an instance has all that its launch template says.

Source: Amazon EC2 User Guide, "Create an EC2 Fleet"; Amazon EC2 API Reference, "CreateFleet", "RunInstances".
"""

from typing import Any

from moto.ec2.models.fleets import Fleet
from moto.ec2.models.instances import Instance
from moto.ec2.models.spot_requests import SpotFleetLaunchSpec, SpotInstanceRequest
from moto.ec2.utils import convert_tag_spec

from local.aws.api.mending import replace

_make = Fleet.__init__
_counts = Fleet.get_launch_spec_counts
_launch_spot = SpotInstanceRequest.launch_instance
TAGGED = ("instance", "volume", "network-interface")


def make(fleet: Fleet, backend: Any, *given: Any) -> None:
    """Make the fleet, which knows while it launches what its instances and volumes are tagged with."""
    vars(fleet)["parapet_tags"] = convert_tag_spec(given[-1])
    _make(fleet, backend, *given)


def counts(fleet: Fleet, weight: float) -> tuple[dict[SpotFleetLaunchSpec, int], float]:
    """How many of which; where no price is told, of the override with the highest priority: the smallest number."""
    fleet.launch_specs.sort(key=lambda each: float((each.overrides or {}).get("Priority", "inf")))
    for each in fleet.launch_specs:
        vars(each)["parapet_fleet"] = fleet
    return _counts(fleet, weight)


def launch_on_demand(fleet: Fleet, weight: float) -> None:
    """Launch what is not a Spot Instance."""
    chosen, added = fleet.get_launch_spec_counts(weight)
    for spec, count in chosen.items():
        for _ in range(count):
            instance = _launched(fleet, spec, fleet_id=fleet.id)
            fleet.on_demand_instances.append({"id": fleet.id, "instance": instance, "launch_spec": spec})
    fleet.fulfilled_capacity += added


def launch_spot(request: SpotInstanceRequest) -> Instance:
    """Launch a Spot Instance, which knows its request."""
    spec = request.launch_spec
    fleet = vars(spec).get("parapet_fleet") if spec else None
    if spec is None or fleet is None:
        return _launch_spot(request)
    instance = _launched(fleet, spec, spot_fleet_id=fleet.id, lifecycle="spot")
    vars(instance)["spot_instance_request_id"] = request.id
    return instance


def _launched(fleet: Fleet, spec: SpotFleetLaunchSpec, **how: Any) -> Instance:
    """An instance by the template's version, and by what the fleet says otherwise."""
    backend, named = fleet.ec2_backend, spec.launch_template_spec or {}
    template = {"LaunchTemplateId": named["LaunchTemplateId"], "Version": named.get("Version", "$Default")}
    data = backend.get_launch_template(template["LaunchTemplateId"]).get_version(template["Version"]).data
    own = vars(fleet)["parapet_tags"] if fleet.fleet_type == "instant" else {}
    templates = convert_tag_spec(data.get("TagSpecifications", []))
    tags = {kind: {**templates.get(kind, {}), **own.get(kind, {})} for kind in TAGGED}
    # moto has no network cards, on each of which an interface may be the second: all are counted through.
    interfaces: list[dict[str, Any]] = [
        {"DeleteOnTermination": True, **each, "DeviceIndex": place}
        for place, each in enumerate(data.get("NetworkInterfaces", []))
    ]
    groups = list(dict.fromkeys(group for each in interfaces for group in each.pop("Groups", None) or []))
    reservation = backend.run_instances(
        spec.image_id,
        1,
        spec.user_data,
        [],
        instance_type=spec.instance_type,
        is_instance_type_default=False,
        region_name=backend.region_name,
        subnet_id=spec.subnet_id or next((each["SubnetId"] for each in interfaces if "SubnetId" in each), None),
        associate_public_ip=None,
        security_group_ids=groups or list(data.get("SecurityGroupIds", [])),
        nics=interfaces,
        launch_template=template,
        block_device_mappings=data.get("BlockDeviceMappings", []),
        metadata_options=data.get("MetadataOptions", {}),
        monitoring_state="enabled" if data.get("Monitoring", {}).get("Enabled") else "disabled",
        ebs_optimized=data.get("EbsOptimized", False),
        tags=tags,
        **how,
    )
    instance: Instance = reservation.instances[0]
    instance.placement.group_name = data.get("Placement", {}).get("GroupName", "")
    for place, interface in instance.nics.items():
        interface.add_tags(tags["network-interface"])
        interface.interface_type = interfaces[place].get("InterfaceType", "interface") if interfaces else "interface"
    if profile := data.get("IamInstanceProfile"):
        backend.associate_iam_instance_profile(
            instance.id,
            iam_instance_profile_name=profile.get("Name"),
            iam_instance_profile_arn=profile.get("Arn"),
        )
    return instance


def mend() -> None:
    """moto's fleet takes of a template the image, the type, the user data and the tags of the instance alone."""
    replace(Fleet, "__init__", make)
    replace(Fleet, "get_launch_spec_counts", counts)
    replace(Fleet, "create_on_demand_requests", launch_on_demand)
    replace(SpotInstanceRequest, "launch_instance", launch_spot)
