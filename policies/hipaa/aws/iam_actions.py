"""AWS IAM's identity policies by how many actions they name."""

from __future__ import annotations

from hipaa.aws.iam_documents import DOCUMENTS, POLICY, allowing, each_document, holding, inline, says
from hipaa.iam.document import Document
from hipaa.resource import Resource
from hipaa.rule import MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict

_RECORDS = "arn:aws:s3:::records/*"


@stack_rule(
    "iam-policy-names-its-actions",
    on=DOCUMENTS,
    severity=MEDIUM,
    advisory="164.308(a)(4) asks for rights that fit a task; all of a service's on what is named may be what one needs",
    fix="List the actions that the task needs, instead of * or all of a service's.",
    sound=[
        [Resource(POLICY, allowing("s3:GetObject", "s3:List*", resource=_RECORDS))],
        [Resource(POLICY, holding({"Effect": "Deny", "Action": "*", "Resource": "*"}))],
        [inline("dynamodb:Query", resource="arn:aws:dynamodb:*:111122223333:table/records")],
    ],
    unsound=[
        [Resource(POLICY, allowing("s3:*", resource=_RECORDS))],
        [Resource(POLICY, allowing("*", resource=_RECORDS))],
        [Resource(POLICY, allowing("s3:GetObject", "logs:*", resource=_RECORDS))],
        [inline("s3:*", resource=_RECORDS)],
    ],
)
def policy_names_its_actions(resource: Resource, stack: Stack) -> Verdict:
    """A policy names the actions that it allows, on whatever it allows them: not all of a service's, nor all.

    What a service learns to do next is allowed by itself, and of what stands there already much is never meant.
    """

    def check(found: Document, where: str) -> Verdict:
        wide = [
            action
            for statement in found.statements
            if statement.allows and not statement.not_actions
            for action in statement.actions
            if action == "*" or action.endswith(":*")
        ]
        return says(where, f"allows {', '.join(wide[:3])}; it must list actions") if wide else Verdict()

    return each_document(resource, stack, check)
