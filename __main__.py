"""The composition root of Parapet: settings -> foundation."""

import sys
from pathlib import Path

import pulumi

# `pulumi install` installs the requirements alone and not this project, so the source root is put on the path here.
sys.path.insert(0, str(Path(__file__).parent / "platform"))

from foundation import Foundation, FoundationArgs
from provider import aws_provider
from settings import Settings

settings = Settings.load()
foundation = Foundation(
    settings.name,
    FoundationArgs(
        zones=settings.zones,
        vpc_cidr=settings.vpc_cidr,
        egress=settings.egress,
        interface_endpoints=settings.interface_endpoints,
        key_administrators=settings.key_administrators,
        audit_retention_years=settings.audit_retention_years,
        log_retention_days=settings.log_retention_days,
        protect=settings.protect,
    ),
    pulumi.ResourceOptions(providers=[aws_provider(settings)]),
)

pulumi.export("vpcId", foundation.network.vpc_id)
pulumi.export("privateSubnetIds", foundation.network.private_subnet_ids)
pulumi.export("isolatedSubnetIds", foundation.network.isolated_subnet_ids)
pulumi.export("buckets", foundation.storage.buckets)
pulumi.export("keyArns", foundation.keys.arns)
