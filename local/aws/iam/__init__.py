"""AWS's policy semantics: may this principal make this request, and if not, which policy says so?

Pure functions over documents: nothing is asked, nothing is remembered but what was parsed. Source: IAM User Guide,
"Policy evaluation logic" and "IAM JSON policy elements reference".
"""

from local.aws.iam.document import Document, PolicyError, parse
from local.aws.iam.evaluation import Layer, Policies, Request, Verdict, evaluate
from local.aws.iam.principal import Principal

__all__ = ["Document", "Layer", "Policies", "PolicyError", "Principal", "Request", "Verdict", "evaluate", "parse"]
