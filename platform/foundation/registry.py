"""The stack's own registry: the only one that its pods may pull from, and its charts come from."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.stack import Stack

USER: Final = "AWS"
"""Who signs in to a registry with a password of ECR's (Amazon ECR User Guide, "Private registry authentication")."""
UNTAGGED_DAYS: Final = 14
"""How long an image stays that no tag names any more, so that what runs by its digest is not gone at once."""
NOT_LOCKED: Final = f"sha256:{'0' * 48}"
"""How the digest begins that stands for one which the lock does not have yet, so that whoever meets it can tell."""
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


class Registry(pulumi.ComponentResource):
    """A private repository for each image and chart, whose tags never move and whose images are scanned as they arrive.

    A repository's name is `<name>/<image>`, as `Account.registry` has it. A run fails where the registry lacks an image
    that pods are to run, or has another one under its tag: what is new is made up to here, what runs is left as it is,
    and the next run goes on once `./parapet images mirror` has filled it.
    """

    passwords: Mapping[str, pulumi.Output[str]]
    """What opens the registry for half a day, for each that it is to hold, by NAME:TAG: secret, and known no sooner
    than that is there, so that nobody asks in vain. A preview waits for that one alone."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        digests = args.stack.images
        super().__init__("parapet:foundation:Registry", name, {"images": list(digests)}, opts)
        repositories = {tagged: self._repository(name, tagged, args) for tagged in digests}
        held = [self._held(name, tagged, repository) for tagged, repository in repositories.items()]
        complete = pulumi.Output.all(*held).apply(
            lambda found: require(args.stack, dict(zip(digests, found, strict=True)))
        )
        token = aws.ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=self))
        password = pulumi.Output.secret(token.password)
        dry = pulumi.runtime.is_dry_run()
        self.passwords = {
            tagged: pulumi.Output.all(password, own if dry else complete).apply(lambda known: str(known[0]))
            for tagged, own in zip(digests, held, strict=True)
        }
        self.register_outputs({"complete": complete})

    def _held(self, name: str, tagged: str, repository: aws.ecr.Repository) -> pulumi.Output[str]:
        """The digest that the registry has under the tag, empty where it has none."""
        image, _, tag = tagged.partition(":")
        found = aws.ecr.get_images_output(
            # By way of what is known only once there is a repository: nobody asks for its images before.
            repository_name=repository.arn.apply(lambda _: f"{name}/{image}"),
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        return found.image_ids.apply(
            lambda images: next((each["image_digest"] for each in images if each["image_tag"] == tag), "")
        )

    def _repository(self, name: str, tagged: str, args: RegistryArgs) -> aws.ecr.Repository:
        image = tagged.partition(":")[0]
        stays = args.stack.protect and tagged not in args.stack.listed_images
        repository = aws.ecr.Repository(
            f"{name}-{image.replace('/', '-')}",
            name=f"{name}/{image}",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
            force_delete=not stays,
            tags=data_class.tags(DataClass.ARTIFACTS),
            opts=pulumi.ResourceOptions(parent=self, protect=stays),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-{image.replace('/', '-')}",
            repository=repository.name,
            policy=json.dumps({"rules": [FORGET_UNTAGGED]}),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return repository


def require(stack: Stack, held: Mapping[str, str]) -> bool:
    """Ends the program at once, with a line for each image that is not there under its digest.

    An exception of an output would be told only when all that does not wait for it is made: nodes that cost, and pods
    that cannot start.
    """
    lines = [
        _amiss(stack, tagged, held[tagged], digest) for tagged, digest in stack.images.items() if held[tagged] != digest
    ]
    if lines:
        lines.append("Run `./parapet images mirror` and `build`, then this again: it goes on from here.")
        print("\n".join(lines), file=sys.stderr, flush=True)
        raise SystemExit(1)
    return True


def _amiss(stack: Stack, tagged: str, held: str, digest: str) -> str:
    if not held:
        return f"{tagged} is not in the registry {stack.registry}"
    said = "does not have it yet" if digest.startswith(NOT_LOCKED) else f"says {digest}"
    return f"{tagged} in the registry {stack.registry} is {held}, and the lock {said}"


def not_locked(tagged: str) -> str:
    """The digest, which no image has, of one that the lock does not have yet."""
    return f"{NOT_LOCKED}{sha256(tagged.encode()).hexdigest()[:16]}"
