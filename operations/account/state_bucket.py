"""The bucket of the engine's state, whose content says where everything is and holds its encrypted secrets."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.policy_document import Conditions, Statement, deny
from foundation.storage.guard import ABORT_UPLOAD_DAYS
from operations.account.access import Access, code
from operations.account.state_key import StateKey
from operations.account.step import Action
from operations.refused import Refused

OLD_VERSIONS_DAYS: Final = 365
"""How long a state that was overwritten can be brought back."""
PRIVATE: Final = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)


def default_name(account_id: str, region: str) -> str:
    return f"parapet-state-{account_id}-{region}"


def backend(bucket: str, region: str) -> str:
    """The URL by which Pulumi knows it (Pulumi documentation, "Using a DIY backend", AWS S3)."""
    return f"s3://{bucket}?region={region}&awssdk=v2"


@dataclass(frozen=True)
class StateBucket:
    access: Access
    key: StateKey
    name: str

    def there(self) -> bool:
        """Whether the account has it; raises `Refused` where somebody else does."""
        try:
            self._s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.access.id)
        except ClientError as error:
            match code(error):
                case "404" | "NoSuchBucket":
                    return False
                case "403" | "AccessDenied" if not self._listed():
                    raise Refused(self._foreign) from None
            raise
        if not self._listed():  # whoever owns it may have let us in
            raise Refused(self._foreign)
        self._refuse_what_leads_elsewhere()
        return True

    def missing(self) -> Iterator[Action]:
        there = self.there()
        if not there:
            yield Action(f"make the bucket {self.name} in {self.access.region}", self._make)
        key_arn = self.key.arn()
        only_planned = not there and (key_arn is None or not self.there())
        for setting in self._settings(key_arn or ""):
            if only_planned or not setting.holds():
                yield Action(f"{self.name}: {setting.text}", setting.put)

    def _refuse_what_leads_elsewhere(self) -> None:
        """A bucket of the account's, in which a state would not be where it seems, or not alone."""
        own, s3 = {"Bucket": self.name, "ExpectedBucketOwner": self.access.id}, self._s3
        # us-east-1 has no constraint (Amazon S3 API Reference, GetBucketLocation).
        region = s3.get_bucket_location(**own).get("LocationConstraint") or "us-east-1"
        if region != self.access.region:
            raise Refused(
                f"The bucket {self.name} is in {region}, not in {self.access.region}. Name another: --bucket NAME."
            )
        if copied := _found(lambda: s3.get_bucket_replication(**own)["ReplicationConfiguration"]["Rules"]):
            where = ", ".join(sorted({each["Destination"]["Bucket"] for each in copied}))
            raise Refused(
                f"The bucket {self.name} is replicated to {where}, where each state would be too. "
                f"End that (aws s3api delete-bucket-replication --bucket {self.name}), or name another: --bucket NAME."
            )
        encrypted = _same_encryption(s3.get_bucket_encryption, own, _encryption(self.key.arn() or "none"))
        if not encrypted and s3.list_object_versions(**own, MaxKeys=1).get("Versions"):
            raise Refused(
                f"The bucket {self.name} holds objects and does not encrypt with the state's key: no bootstrap left it "
                "so, and what lies there would be taken for a state. Name another: --bucket NAME; or, if you know each "
                "object, encrypt with the key again (aws s3api put-bucket-encryption)."
            )

    @property
    def _s3(self) -> Any:
        return self.access.client("s3")

    @property
    def _foreign(self) -> str:
        return (
            f"The bucket {self.name} belongs to another account: a state there would be in its hands. "
            "Name another: --bucket NAME."
        )

    def _listed(self) -> bool:
        pages = self._s3.get_paginator("list_buckets").paginate()
        return any(each["Name"] == self.name for page in pages for each in page["Buckets"])

    def _make(self) -> None:
        # us-east-1 takes no constraint (Amazon S3 API Reference, CreateBucket).
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self.access.region}}
        try:
            self._s3.create_bucket(
                Bucket=self.name,
                ObjectOwnership="BucketOwnerEnforced",
                **({} if self.access.region == "us-east-1" else elsewhere),
            )
        except ClientError as error:
            if code(error) == "BucketAlreadyExists":
                raise Refused(self._foreign) from None
            raise

    def _settings(self, key_arn: str) -> "Iterator[_Setting]":
        """Closed first: at no time is a bucket that holds something open."""
        own, s3 = {"Bucket": self.name, "ExpectedBucketOwner": self.access.id}, self._s3
        yield _Setting(
            "block all public access",
            lambda: _found(lambda: s3.get_public_access_block(**own)["PublicAccessBlockConfiguration"]) == PRIVATE,
            lambda: s3.put_public_access_block(**own, PublicAccessBlockConfiguration=PRIVATE),
        )
        owner = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        yield _Setting(
            "objects belong to the account (no ACLs)",
            lambda: _found(lambda: s3.get_bucket_ownership_controls(**own)["OwnershipControls"]) == owner,
            lambda: s3.put_bucket_ownership_controls(**own, OwnershipControls=owner),
        )
        encryption = _encryption(key_arn)
        yield _Setting(
            "encrypt with the state's key",
            lambda: _same_encryption(s3.get_bucket_encryption, own, encryption),
            lambda: s3.put_bucket_encryption(**own, ServerSideEncryptionConfiguration=encryption),
        )
        yield _Setting(
            "keep versions",
            lambda: s3.get_bucket_versioning(**own).get("Status") == "Enabled",
            lambda: s3.put_bucket_versioning(**own, VersioningConfiguration={"Status": "Enabled"}),
        )
        wanted = policy(self.name, self.access)
        yield _Setting(
            "TLS 1.2 or newer alone, and nobody of another account",
            lambda: json.loads(_found(lambda: s3.get_bucket_policy(**own)["Policy"]) or "null") == wanted,
            lambda: s3.put_bucket_policy(**own, Policy=json.dumps(wanted)),
        )
        rules = _lifecycle()
        yield _Setting(
            f"forget overwritten states after {OLD_VERSIONS_DAYS} days",
            lambda: _ids(_found(lambda: s3.get_bucket_lifecycle_configuration(**own)["Rules"])) == _ids(rules),
            lambda: s3.put_bucket_lifecycle_configuration(**own, LifecycleConfiguration={"Rules": rules}),
        )


@dataclass(frozen=True)
class _Setting:
    text: str
    holds: Callable[[], bool]
    put: Callable[[], object]


def policy(bucket: str, access: Access) -> dict[str, Any]:
    """Denies plain HTTP, old TLS and every other account, whatever else allows them."""
    arn = f"arn:{access.partition}:s3:::{bucket}"
    everything = [arn, f"{arn}/*"]
    strangers: Conditions = {
        "StringNotEquals": {"aws:PrincipalAccount": access.id},
        "Bool": {"aws:PrincipalIsAWSService": "false"},
    }
    conditions: Mapping[str, Conditions] = {
        "DenyInsecureTransport": {"Bool": {"aws:SecureTransport": "false"}},
        "DenyOldTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        "DenyOtherAccounts": strangers,
    }
    statements: list[Statement] = [
        deny(sid, actions="s3:*", resources=everything, when=when) for sid, when in conditions.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _encryption(key_arn: str) -> dict[str, Any]:
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}]}


def _same_encryption(get: Callable[..., Any], own: Mapping[str, str], wanted: dict[str, Any]) -> bool:
    found = _found(lambda: get(**own)["ServerSideEncryptionConfiguration"]["Rules"]) or [{}]
    return all(found[0].get(key) == value for key, value in wanted["Rules"][0].items())


def _lifecycle() -> list[dict[str, Any]]:
    return [
        {
            "ID": f"overwritten-{OLD_VERSIONS_DAYS}-days",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_UPLOAD_DAYS},
        }
    ]


def _ids(rules: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    """By its id, which says what a rule does: S3 fills in what a rule leaves out."""
    return [(rule["ID"], rule["Status"]) for rule in rules or []]


def _found(get: Callable[[], Any]) -> Any:
    """A bucket's setting, or None where it has none."""
    try:
        return get()
    except ClientError as error:
        if code(error).startswith("NoSuch") or code(error) in NOT_SET:
            return None
        raise


NOT_SET: Final = frozenset(
    {
        "OwnershipControlsNotFoundError",
        "ReplicationConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
