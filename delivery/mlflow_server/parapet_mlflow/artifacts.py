"""The bucket of the artifacts, tried at the start as the server will use it."""

import json
import os
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions

from parapet_mlflow.refusal import Refused

EXTRA_ARGUMENTS, OWNER = "MLFLOW_S3_UPLOAD_EXTRA_ARGS", "MLFLOW_S3_EXPECTED_BUCKET_OWNER"
ENDPOINT = "MLFLOW_S3_ENDPOINT_URL"
TRIED = ".parapet-start"
"""The object that is put and deleted under the prefix. One name, so that its versions lie in one place."""


def check(destination: str) -> None:
    """Raises Refused: bucket missing or another's, key unusable, put or delete denied. Costs one put and one delete."""
    place = urlsplit(destination)
    if place.scheme != "s3" or not place.netloc:
        raise Refused(f"The artifacts' destination {destination} is no bucket. Use s3://BUCKET/PREFIX.")
    extra = _extra_arguments()
    owner: dict[str, str] = {"ExpectedBucketOwner": named} if (named := os.environ.get(OWNER)) else {}
    where = {"Bucket": place.netloc, **owner}
    object_ = {**where, "Key": "/".join(filter(None, (place.path.strip("/"), TRIED)))}
    client = boto3.client("s3", endpoint_url=os.environ.get(ENDPOINT))
    key = extra.get("SSEKMSKeyId", "the bucket's default key")
    try:
        # Not HeadBucket: it is s3:ListBucket without a prefix, and who may do that may list the whole bucket (Amazon S3
        # API Reference, "HeadBucket", permissions).
        client.list_objects_v2(**where, Prefix=place.path.strip("/"), MaxKeys=1)
    except botocore.exceptions.ClientError as error:
        raise Refused(_of_bucket(place.netloc, error)) from None
    except botocore.exceptions.BotoCoreError as error:
        raise Refused(f"The bucket {place.netloc} is unreachable: {error}") from None
    try:
        told = client.put_object(**object_, **extra, Body=b"")
        client.delete_object(**object_)
    except botocore.exceptions.ClientError as error:
        raise Refused(_of_object(f"s3://{place.netloc}/{object_['Key']}", key, error)) from None
    except botocore.exceptions.BotoCoreError as error:
        raise Refused(f"The bucket {place.netloc} takes no object: {error}") from None
    if told.get("ServerSideEncryption") != extra.get("ServerSideEncryption", told.get("ServerSideEncryption")):
        raise Refused(
            f"The bucket {place.netloc} encrypts with {told.get('ServerSideEncryption')}. See {EXTRA_ARGUMENTS}."
        )


def _extra_arguments() -> dict[str, Any]:
    try:
        told: object = json.loads(os.environ.get(EXTRA_ARGUMENTS) or "{}")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Refused(f'{EXTRA_ARGUMENTS} is no JSON object. Use one like {{"ServerSideEncryption": "aws:kms"}}.')
    return {str(name): value for name, value in told.items()}


def _of_bucket(bucket: str, error: botocore.exceptions.ClientError) -> str:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status == 404:
        return f"The bucket {bucket} does not exist. See --artifacts-destination."
    if status in (301, 400):
        return f"The bucket {bucket} answers {status}: it is of another Region. See AWS_DEFAULT_REGION."
    owner = os.environ.get(OWNER, "this account")
    return f"The bucket {bucket} is not of {owner}, or the role may not list it ({status}). See its owner and the role."


def _of_object(address: str, key: str, error: botocore.exceptions.ClientError) -> str:
    told = error.response.get("Error", {})
    code, message = told.get("Code", ""), told.get("Message", "")
    if "KMS" in code or "kms" in message.lower():
        return (
            f"The key {key} cannot be used for {address} ({code}). See {EXTRA_ARGUMENTS}, the key's state and policy."
        )
    return (
        f"{address} could not be put and deleted with {key} ({code}). See the role, the bucket's and the key's policy."
    )
