"""The images of EKS's nodes: their names, as public parameters of Systems Manager, and what EC2 knows of them.

Source: Amazon EKS User Guide, "Retrieve recommended Amazon Linux AMI IDs"; Amazon EC2 API Reference, "Image". Every
release of Amazon Linux 2023 is here, whatever its date: which ones there are, nobody here knows.
"""

import re
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ssm.models import Parameter, SimpleSystemManagerBackend

from local.aws.api.mending import replace

NAME: Final = re.compile(
    r"/aws/service/eks/optimized-ami/(?P<version>1\.\d\d)/amazon-linux-2023/"
    r"(?P<kind>x86_64/(?:standard|nvidia|neuron)|arm64/(?:standard|nvidia))/"
    r"(?P<release>recommended|amazon-eks-node-al2023-(?P<named>[\w-]+)-(?P<of>1\.\d\d)-v(?P<date>\d{8}))/image_id"
)
OWNER: Final = "602401143452"
"""AWS's own account, from which it gives EKS's images in most Regions."""
ROOT_DEVICE: Final = "/dev/xvda"

_get_parameter = SimpleSystemManagerBackend.get_parameter


def get_parameter(backend: SimpleSystemManagerBackend, name: str) -> Parameter | None:
    """The parameter, also where it is the name of an image of EKS's, which is there from then on."""
    found, asked = _get_parameter(backend, name), NAME.fullmatch(name)
    if found or asked is None:
        return found
    kind, of = asked["kind"].replace("/", "-"), asked["of"]
    if asked["date"] and (asked["named"], of) != (kind, asked["version"]):
        return None
    identifier = _registered(backend.account_id, backend.region_name, asked)
    told: Any = Parameter(  # its class makes another of itself for type checkers
        account_id=backend.account_id,
        name=name,
        value=identifier,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=1,
        data_type="text",
    )
    return told


def _registered(account: str, region: str, asked: re.Match[str]) -> str:
    """The id of the image, which EC2 knows."""
    ec2, kind = ec2_backends[account][region], asked["kind"].replace("/", "-")
    name = f"amazon-eks-node-al2023-{kind}-{asked['version']}-v{asked['date'] or 'recommended'}"
    identifier = f"ami-{sha256(name.encode()).hexdigest()[:17]}"
    if identifier not in ec2.amis:
        made: Any = Ami(
            ec2,
            identifier,
            name=name,
            owner_id=OWNER,
            owner_alias="amazon",
            public=True,
            architecture=asked["kind"].partition("/")[0],
            virtualization_type="hvm",
            root_device_type="ebs",
            root_device_name=ROOT_DEVICE,
            creation_date=datetime.strptime(asked["date"], "%Y%m%d") if asked["date"] else None,
            region_name=f"{region}a",
        )
        ec2.amis[identifier] = made
    return identifier


def mend() -> None:
    """moto has the public parameters of Amazon Linux and ECS alone."""
    replace(SimpleSystemManagerBackend, "get_parameter", get_parameter)
