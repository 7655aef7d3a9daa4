"""The small pack whose runs are recorded in `fixtures/`, as rules and a catalogue of its own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from hipaa.catalogue import Catalogue, Specification
from hipaa.rule import Rule, Severity
from hipaa.verdict import Verdict

FIXTURES = Path(__file__).parent / "fixtures"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

KEY = "aws:kms/key:Key"
BUCKET = "aws:s3/bucket:Bucket"


def make_rule(name: str, title: str, on: str, scope: Literal["resource", "stack"] = "resource") -> Rule:
    def check(*_: object) -> Verdict:
        raise AssertionError("a review evaluates no rule")

    check.__doc__ = title
    return Rule(name, (on,), Severity.HIGH, "Set it right.", (), (), scope, check)


RULES = (
    make_rule("kms-key-rotates", "A symmetric key rotates.", KEY),
    make_rule("s3-logging-has-a-target", "Access logs go to a bucket.", "aws:s3/bucketLogging:BucketLogging"),
    make_rule("s3-bucket-is-named", "A bucket has a quiet name.", BUCKET),
    make_rule("rds-instance-encrypts", "A database is encrypted.", "aws:rds/instance:Instance"),
    make_rule("s3-bucket-has-a-key", "Each bucket has a key.", BUCKET, "stack"),
)


def make_catalogue(*specifications: Specification) -> Catalogue:
    """A catalogue of these alone; the real one insists on citing every rule of the real pack."""
    return Catalogue.model_construct(specifications={item.citation: item for item in specifications})


CATALOGUE = make_catalogue(
    Specification(citation="164.308(a)(1)(i)", title="Security management process", kind="standard"),
    Specification(
        citation="164.308(a)(1)(ii)(C)",
        title="Sanction policy",
        kind="required",
        standard="164.308(a)(1)(i)",
        uncovered="organizational: how an employer sanctions its workforce",
    ),
    Specification(
        citation="164.312(a)(1)",
        title="Access control",
        kind="standard",
        rules=("s3-bucket-is-named",),
    ),
    Specification(
        citation="164.312(a)(2)(iii)",
        title="Automatic logoff",
        kind="addressable",
        standard="164.312(a)(1)",
        rules=("rds-instance-encrypts",),
    ),
    Specification(
        citation="164.312(a)(2)(iv)",
        title="Encryption and decryption",
        kind="addressable",
        standard="164.312(a)(1)",
        rules=("kms-key-rotates", "s3-bucket-has-a-key", "rds-instance-encrypts"),
    ),
    Specification(citation="164.312(b)", title="Audit controls", kind="standard", rules=("s3-logging-has-a-target",)),
    Specification(
        citation="164.312(c)(1)",
        title="Integrity",
        kind="standard",
        rules=("s3-bucket-is-named",),
        live=("bucket-versioning",),
        documents=("integrity-policy",),
    ),
)
