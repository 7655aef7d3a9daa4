"""A secret whose value nobody chose."""

import json
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.secrets.rotation import FIRST_VALUE
from foundation.secrets.rotator import Rotator
from foundation.stack import Stack

RECOVERY_DAYS: Final = 30
SHORT_RECOVERY_DAYS: Final = 7
"""The shortest that Secrets Manager has, but for none: what somebody deletes by mistake can be brought back."""


@dataclass(frozen=True, kw_only=True)
class GeneratedSecretArgs:
    stack: Stack
    rotator: Rotator
    key_arn: pulumi.Input[str]
    """The key of the secrets class, which the rotator uses."""
    description: str
    rotate_days: int
    """After so many days it has another value."""
    length: int = 40
    """In characters: 40 letters and digits are 238 bits."""
    listed: bool = False
    """Whether it is for one of those that a setting lists, and goes when that does: a protected stack's engine would
    refuse it else. Like any other it may be restored for `RECOVERY_DAYS`."""
    keep_old: bool = False
    """Whether a rotation leaves old values behind the new one, a line each: of a key by which what was written with it
    must still be found."""


class GeneratedSecret(pulumi.ComponentResource):
    """A secret of letters and digits that AWS made, and that is in no state, log or preview.

    Its name ends in digits of its own: a secret that waits for its deletion keeps its name until then, and a stack that
    is made again right after needs another.
    """

    arn: pulumi.Output[str]
    """The ARN, once there is a value."""

    def __init__(self, name: str, args: GeneratedSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"rotateDays": args.rotate_days, "length": args.length, "keepOld": args.keep_old}
        super().__init__("parapet:foundation:GeneratedSecret", name, inputs, opts)
        stack = args.stack.name
        secret = aws.secretsmanager.Secret(
            name,
            name_prefix=f"{stack}/{name.removeprefix(f'{stack}-')}-",
            description=args.description,
            kms_key_id=args.key_arn,
            recovery_window_in_days=RECOVERY_DAYS if args.stack.protect else SHORT_RECOVERY_DAYS,
            tags=data_class.tags(DataClass.SECRETS),
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect and not args.listed),
        )
        # The state keeps question and answer: neither holds the value.
        first = aws.lambda_.Invocation(
            name,
            function_name=args.rotator.function_name,
            input=secret.arn.apply(
                lambda arn: json.dumps(
                    {"SecretId": arn, "Step": FIRST_VALUE, "Length": args.length, "KeepOld": args.keep_old}
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=secret.id,
            rotation_lambda_arn=args.rotator.function_arn,
            rotation_rules={"automatically_after_days": args.rotate_days},
            rotate_immediately=False,
            # Secrets Manager must be allowed to call the function, and tries whether it does.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[first, args.rotator]),
        )
        self.arn = pulumi.Output.all(secret.arn, first.result).apply(lambda made: made[0])
        self.register_outputs({"arn": self.arn})
