"""The stack's own image registry: the only one that its pods may pull from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.stack import Stack

UNTAGGED_DAYS: Final = 14
"""How long an image stays that no tag names any more, so that what runs by its digest is not gone at once."""
FORGET_UNTAGGED: Final = {
    "rulePriority": 1,
    "description": f"Forget untagged images after {UNTAGGED_DAYS} days",
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_DAYS,
    },
    "action": {"type": "expire"},
}


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    stack: Stack
    key_arn: pulumi.Input[str]
    """The key of the artifacts class."""
    images: Sequence[str]
    """The images that the platform runs, such as `istio/proxyv2`, without registry and tag."""


class Registry(pulumi.ComponentResource):
    """A private repository for each image, whose tags never move and whose images are scanned as they arrive.

    A repository's name is `<name>/<image>`, as `Account.registry` has it.
    """

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Registry", name, {"images": list(args.images)}, opts)
        self.urls = {image: self._repository(name, image, args) for image in args.images}
        self.register_outputs({"urls": self.urls})

    def _repository(self, name: str, image: str, args: RegistryArgs) -> pulumi.Output[str]:
        repository = aws.ecr.Repository(
            f"{name}-{image.replace('/', '-')}",
            name=f"{name}/{image}",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
            force_delete=not args.stack.protect,
            tags=data_class.tags(DataClass.ARTIFACTS),
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-{image.replace('/', '-')}",
            repository=repository.name,
            policy=json.dumps({"rules": [FORGET_UNTAGGED]}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return repository.repository_url
