"""The part of a bucket's policy that keeps whoever has broad rights in the account out of the objects."""

from typing import Final

import pulumi

from foundation.policy_document import Conditions, Statement, deny, outside_of

INGEST: Final = "raw"
"""Where data comes in, from wherever the hospital's own systems are."""
OUTCOMES: Final = "labels"
"""Where what came true of what models were asked comes in, likewise, by whoever delivers it alone."""
DELIVERS: Final = ("parapet-delivers", "outcomes")
"""The tag of that role, and its value."""


def only_from_within(bucket_arn: pulumi.Output[str], vpc_id: pulumi.Input[str]) -> list[Statement]:
    """Refuse to read, write or delete an object from outside of the VPC, but for writing what comes in; and outcomes
    to all whose role does not say that it delivers them, from wherever they are: by these a model is judged. Who may
    have a role say so is the organisation's matter (`docs/alerts.md`, "Who may deliver outcomes"): an administrator of
    the account could.

    A credential that may read every bucket and use every key of the account is of no use elsewhere. An AWS service that
    comes as itself has no VPC; one that calls for somebody is that somebody. Nobody ends a version before its time:
    that S3 itself does, which asks no policy (Amazon S3 User Guide, "Setting an S3 Lifecycle configuration on a
    bucket").
    """
    objects = pulumi.Output.concat(bucket_arn, "/*")
    outside: Conditions = {**outside_of(vpc_id), "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    return [
        deny("OnlyFromTheVpc", actions=["s3:GetObject*", "s3:DeleteObject*"], resources=objects, when=outside),
        {
            "Sid": "OnlyIngestFromElsewhere",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject*",
            "NotResource": [pulumi.Output.concat(bucket_arn, f"/{each}/*") for each in (INGEST, OUTCOMES)],
            "Condition": outside,
        },
        deny(
            "OutcomesByWhoDeliversThem",
            actions=["s3:PutObject*", "s3:DeleteObject*"],
            resources=pulumi.Output.concat(bucket_arn, f"/{OUTCOMES}/*"),
            # A role without the tag differs too.
            when={"StringNotEquals": {f"aws:PrincipalTag/{DELIVERS[0]}": DELIVERS[1]}},
        ),
        deny("NoVersionBeforeItsTime", actions="s3:DeleteObjectVersion", resources=objects),
    ]
