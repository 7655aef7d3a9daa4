"""Objects that are put once, and read: nobody puts another in the place of one."""

import time
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds after each answer that tells to try again."""
KEYS: Final[Mapping[str, str]] = {
    "PARAPET_AUDIT_BUCKET": "PARAPET_AUDIT_KEY",
    "PARAPET_ARTIFACTS_BUCKET": "PARAPET_ARTIFACTS_KEY",
}
"""Environment variables: by the one that names a bucket, the one with the ARN of its key, which may be left out."""


def client(session: Any, variables: Mapping[str, str]) -> Any:
    """S3, which names the bucket's key with each object that it puts, where the variables have that.

    Without the header each bucket encrypts by its own key, and with the header alone by another of the account's. An
    organisation's policy may refuse what comes without.
    """
    s3 = session.client("s3")
    keys = {variables.get(bucket): key for bucket, named in KEYS.items() if (key := variables.get(named))}

    def names_it(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        key = keys.get(params["Bucket"])
        said = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True} if key else {}
        return {**params, **said}

    s3.meta.events.register("provide-client-params.s3.PutObject", names_it)
    return s3


def put_new(s3: Any, bucket: str, name: str, raw: bytes, **more: str) -> bool:
    """Whether it was put; False where there is one of this name. Of two writers one is refused (Amazon S3 User Guide,
    "How to prevent object overwrites with conditional writes").

    Raises ClientError. An answer that was lost on its way makes boto3 ask again: then it is ours that is there.
    """
    for pause in (*PAUSES, None):
        try:
            s3.put_object(Bucket=bucket, Key=name, Body=raw, IfNoneMatch="*", **more)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return False
            # Another write of this name is under way, and which of them is there nobody knows yet: S3 says to send it
            # again (Amazon S3 API Reference, PutObject, If-None-Match).
            if code != "ConditionalRequestConflict" or pause is None:
                raise
            time.sleep(pause)
        else:
            return True
    raise AssertionError("the last turn returns or raises")


def get(s3: Any, bucket: str, name: str) -> bytes | None:
    """What is there; None where nothing is. Raises ClientError.

    To who may list the bucket by a prefix alone, S3 says of what is not there that it is forbidden (Amazon S3 API
    Reference, GetObject, Permissions): so the list is asked which it is.
    """
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchKey" or (code == "AccessDenied" and not _listed(s3, bucket, name)):
            return None
        raise
    return body


def _listed(s3: Any, bucket: str, name: str) -> bool:
    told = s3.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1).get("Contents", [])
    return bool(told) and told[0]["Key"] == name
