"""Who may write the records of incidents, who reads them and what alerts point to, and who looks at AWS as the runbooks
say: policies for the hospital to attach to people's roles.

What is in a record, and why nobody alters one: `runbooks/README.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.policy_document import Statement, allow, document
from foundation.stack import Stack
from mlops import written_once
from mlops.bucket import Bucket
from mlops.data_path import REPORTS, RUNS

RECORDS: Final = "incidents"
"""The records' part of the audit bucket (`delivery/incidents/record.py`, PREFIX)."""
ENTRY: Final = "*/????????.json"
"""What an entry is called below it. Anything else would lie beside a record for as long as the bucket keeps it."""
EVIDENCE: Final = "evidence"
"""The part for files that are kept of incidents (`delivery/incidents/places.py`, PREFIX)."""
RESPONDERS, AUDITORS, ON_CALL = "responders", "auditors", "on-call"
LOOKS: Final = (
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "acm-pca:DescribeCertificateAuthority",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarms",
    "eks:DescribeNodegroup",
    "eks:DescribePodIdentityAssociation",
    "eks:ListPodIdentityAssociations",
    "guardduty:GetFindings",
    "guardduty:ListDetectors",
    "guardduty:ListFindings",
    "health:DescribeEvents",
    "iam:GetRolePolicy",
    "iam:ListRolePolicies",
    "logs:DescribeLogGroups",
    "logs:GetQueryResults",
    "rds:DescribeDBInstances",
)
"""What the runbooks look at in the account, before anybody changes anything: no object, no row and no line of a log."""


@dataclass(frozen=True, kw_only=True)
class IncidentRecordsArgs:
    stack: Stack
    audit: Bucket
    artifacts: Bucket
    """Where the reports of checks are, and how runs of pipelines went."""


class IncidentRecords(pulumi.ComponentResource):
    """Whoever answers an incident adds entries to its record, in a part of the audit bucket that is for these alone.

    They sign no models and see no ledger by it; nobody alters or deletes an entry
    (45 CFR 164.308(a)(6)(ii), 164.312(c)). Who is woken reads what the alert points to: the reports of the models'
    checks and the words of pipelines' steps, in which there is no row.
    """

    policy_arns: Mapping[str, pulumi.Output[str]]
    """By who is meant to have it: `responders`, `auditors` and `on-call`."""

    def __init__(self, name: str, args: IncidentRecordsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:IncidentRecords", name, {}, opts)
        own = pulumi.ResourceOptions(parent=self)
        parts = {"ListRecords": (args.audit, RECORDS), "ListEvidence": (args.audit, EVIDENCE)}
        reads = written_once.reads(args.stack, parts)
        pointed_to = {"ListReports": (args.artifacts, REPORTS.prefix), "ListRuns": (args.artifacts, RUNS.prefix)}
        reads_more = written_once.reads(args.stack, parts | pointed_to)
        adds = written_once.adds(args.stack, parts, {RECORDS: ENTRY})
        self.policy_arns = {
            who: aws.iam.Policy(f"{name}-incident-{who}", description=what, policy=document(*statements), opts=own).arn
            for who, what, statements in (
                (RESPONDERS, f"Adds to the records of incidents of {name}, and reads them.", [*reads_more, *adds]),
                (AUDITORS, f"Reads and verifies the records of incidents of {name}.", reads),
                (ON_CALL, f"Looks at the account of {name} at night, and ends a node.", _on_call(args.stack)),
            )
        }
        self.register_outputs({"policyArns": self.policy_arns})


def _on_call(stack: Stack) -> list[Statement]:
    """What the runbooks tell to type before the one who deploys is there."""
    account = stack.account
    # Whose lines may hold something of a patient nobody reads by this (`docs/break-glass.md`).
    trail = account.arn("logs", f"log-group:/{stack.name}/mlflow-audit:*")
    of_the_cluster = account.arn("logs", f"log-group:/aws/eks/{stack.name}/cluster:*")
    return [
        allow("Look", actions=list(LOOKS), resources="*"),
        allow("LookWhetherTrailsWrite", actions="logs:DescribeLogStreams", resources=[trail, of_the_cluster]),
        allow("AskTheTrailOfMlflow", actions="logs:StartQuery", resources=trail),
        allow(
            "EndANode",
            actions="ec2:TerminateInstances",
            resources=account.arn("ec2", "instance/*"),
            # By EKS's groups and by Karpenter alike.
            when={"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{stack.name}": "owned"}},
        ),
    ]
