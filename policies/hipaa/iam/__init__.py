"""Policy documents by effect: is there a request that a stranger can make, and that a document lets through?

`document` reads a policy; `questions` finds a request, or none; `evaluation` is exact for a known one.
"""

from hipaa.iam.document import NONE, Document, Statement, document
from hipaa.iam.evaluation import Caller, Request, covers, is_account, verdict
from hipaa.iam.patterns import matches
from hipaa.iam.questions import deputy, leaves, over_plain_http, public, unbounded
from hipaa.iam.witness import TooIntricate, Witness

__all__ = [
    "NONE",
    "Caller",
    "Document",
    "Request",
    "Statement",
    "TooIntricate",
    "Witness",
    "covers",
    "deputy",
    "document",
    "is_account",
    "leaves",
    "matches",
    "over_plain_http",
    "public",
    "unbounded",
    "verdict",
]
