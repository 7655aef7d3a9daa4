"""Objects that are put once, and read: nobody puts another in the place of one."""

import time
from typing import Any, Final

from botocore.exceptions import ClientError

PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds after each answer that tells to try again."""


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
