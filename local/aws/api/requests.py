"""What a request asks of IAM: the actions, on which resources, with which keys, and the use of KMS keys behind them.

Source: Service Authorization Reference, a page each service; Amazon S3 User Guide, "Required permissions for Amazon S3
API operations"; AWS Secrets Manager User Guide, "Secret encryption and decryption". What is not written here is not
known, and whoever is judged may not do it.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import xmltodict
from moto.s3.models import s3_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from moto.sns.models import sns_backends

from local.aws.api import ec2_requests
from local.aws.api.asked import Asked, Call, key_arn

SSE = "x-amz-server-side-encryption"
S3_HEADERS: Final = (
    *(SSE, f"{SSE}-aws-kms-key-id", f"{SSE}-customer-algorithm", "x-amz-acl"),
    *("if-match", "if-none-match"),  # of who may add and not overwrite
)
"""Headers of S3 that are keys of conditions by the same names."""


PUBLIC: Final = "aws/service/"
"""What the names of AWS's own parameters begin with."""
NO_SUBRESOURCES: Final = ("response-", "x-amz-", "x-id", "awsaccesskeyid", "signature", "expires")
"""What the names in a query begin with, in lower case, that say nothing of what is asked for."""


def calls(asked: Asked) -> list[Call] | None:
    """What must be allowed for a request, in order; None where it is not known."""
    if asked.service in ("s3", "eks"):
        return _s3(asked) if asked.service == "s3" else _eks(asked)
    if asked.service == "ec2" and asked.operation.startswith("Describe"):
        return [Call(f"ec2:{asked.operation}")]
    known = OPERATIONS.get(f"{asked.service}:{asked.operation}")
    return known(asked) if known else None


# S3


def _s3(asked: Asked) -> list[Call] | None:
    bucket, _, key = unquote(asked.path).lstrip("/").partition("/")
    if not bucket:
        return [Call("s3:ListAllMyBuckets")] if asked.method == "GET" else None
    arn = f"arn:aws:s3:::{bucket}"
    # A link that somebody signed has the request's headers in its query.
    given = {name for name in asked.query if not name.lower().startswith(NO_SUBRESOURCES)}
    keys = {f"s3:{name}": asked.headers[name] for name in S3_HEADERS if name in asked.headers}
    return _of_object(asked, arn, key, given, keys) if key else _of_bucket(asked, arn, given)


def _of_bucket(asked: Asked, arn: str, given: set[str]) -> list[Call] | None:
    listing = {"list-type", "prefix", "delimiter", "max-keys", "encoding-type", "marker", "continuation-token"}
    if asked.method == "HEAD" or (asked.method == "GET" and given <= {*listing, "start-after", "fetch-owner"}):
        told = {f"s3:{name}": asked.query[name] for name in ("prefix", "delimiter", "max-keys") if name in given}
        return [Call("s3:ListBucket", arn, told)]
    if asked.method == "GET" and given == {"location"}:
        return [Call("s3:GetBucketLocation", arn)]
    if asked.method == "GET" and given >= {"uploads"}:
        return [Call("s3:ListBucketMultipartUploads", arn)]
    if asked.method == "POST" and given == {"delete"}:
        # S3 tells of each object by itself which it may not delete; here the whole is refused for one.
        return [
            Call("s3:DeleteObjectVersion" if each.get("VersionId") else "s3:DeleteObject", f"{arn}/{each.get('Key')}")
            for each in xmltodict.parse(asked.body, force_list=("Object",))["Delete"]["Object"]
        ]
    return None


def _of_object(asked: Asked, bucket: str, key: str, given: set[str], keys: Mapping[str, str]) -> list[Call] | None:
    arn = f"{bucket}/{key}"
    match asked.method:
        case "GET" | "HEAD" if given <= {"versionId", "partNumber"}:
            action = "s3:GetObjectVersion" if "versionId" in given else "s3:GetObject"
            return [Call(action, arn, keys), *_through_s3(asked, bucket, _key_of_object(asked, bucket, key), "Decrypt")]
        case "GET" if "uploadId" in given:
            return [Call("s3:ListMultipartUploadParts", arn)]
        case "PUT" if "x-amz-copy-source" in asked.headers and not given:
            source = unquote(asked.headers["x-amz-copy-source"]).lstrip("/")
            return [Call("s3:GetObject", f"arn:aws:s3:::{source}"), *_put(asked, bucket, arn, keys)]
        case "PUT" if not given:
            return _put(asked, bucket, arn, keys)
        case "PUT" | "POST" if "uploadId" in given and given <= {"uploadId", "partNumber"}:
            # Each part, and the whole, is encrypted with the upload's key, and read back.
            parts = _through_s3(asked, bucket, _default_key(asked, bucket), "GenerateDataKey", "Decrypt")
            return [Call("s3:PutObject", arn, keys), *parts]
        case "POST" if given == {"uploads"}:
            return _put(asked, bucket, arn, keys)
        case "DELETE" if given == {"uploadId"}:
            return [Call("s3:AbortMultipartUpload", arn)]
        case "DELETE" if given <= {"versionId"}:
            return [Call("s3:DeleteObjectVersion" if given else "s3:DeleteObject", arn)]
    return None


def _put(asked: Asked, bucket: str, arn: str, keys: Mapping[str, str]) -> list[Call]:
    named = asked.headers.get(f"{SSE}-aws-kms-key-id") if asked.headers.get(SSE) == "aws:kms" else None
    key = named or (None if asked.headers.get(SSE) == "AES256" else _default_key(asked, bucket))
    return [Call("s3:PutObject", arn, keys), *_through_s3(asked, bucket, key, "GenerateDataKey")]


def _bucket(asked: Asked, arn: str) -> Any:
    return s3_backends[asked.account]["aws"].buckets.get(arn.rpartition(":")[2])


def _default_key(asked: Asked, bucket: str) -> str | None:
    rule = ((getattr(_bucket(asked, bucket), "encryption", None) or {}).get("Rule")) or {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    key: str | None = default.get("KMSMasterKeyID") if default.get("SSEAlgorithm") == "aws:kms" else None
    return key


def _key_of_object(asked: Asked, bucket: str, key: str) -> str | None:
    held = _bucket(asked, bucket)
    found = held.keys.get(key) if held else None
    kms_key: str | None = found.kms_key_id if found and getattr(found, "encryption", None) == "aws:kms" else None
    return kms_key


def _through_s3(asked: Asked, bucket: str, key: str | None, *actions: str) -> list[Call]:
    return _through("s3", asked, key, {"aws:s3:arn": bucket}, *actions)


def _through(service: str, asked: Asked, key: str | None, context: Mapping[str, str], *actions: str) -> list[Call]:
    """A service's use of a key for the caller; a key of AWS's own asks nobody."""
    if not key or key.startswith("alias/aws/"):
        return []
    via = {"kms:ViaService": f"{service}.{asked.region}.amazonaws.com", "kms:CallerAccount": asked.account}
    keys = {**via, **_encryption_context(context)}
    return [Call(f"kms:{action}", key_arn(asked, key), keys) for action in actions]


def _encryption_context(context: Mapping[str, str]) -> dict[str, str | Sequence[str]]:
    pairs: dict[str, str | Sequence[str]] = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    return {**pairs, **({"kms:EncryptionContextKeys": list(context)} if context else {})}


# What has a name


def _secret(action: str, *kms: str) -> Callable[[Asked], list[Call]]:
    def of(asked: Asked) -> list[Call]:
        named = str(asked.parameters.get("SecretId", ""))
        secret = secretsmanager_backends[asked.account][asked.region].secrets.get(named)
        found = secret if isinstance(secret, FakeSecret) else None
        arn = (
            str(found.arn)
            if found
            else named
            if named.startswith("arn:")
            else asked.arn("secretsmanager", f"secret:{named}")
        )
        context = {"SecretARN": arn}
        key = found.kms_key_id if found else None
        return [
            Call(f"secretsmanager:{action}", arn, {"secretsmanager:SecretId": arn}),
            *_through("secretsmanager", asked, key, context, *kms),
        ]

    return of


def _stream(action: str) -> Callable[[Asked], list[Call]]:
    def of(asked: Asked) -> list[Call]:
        told = asked.parameters
        stream = f"log-group:{told.get('logGroupName', '')}:log-stream:{told.get('logStreamName', '')}"
        return [Call(f"logs:{action}", asked.arn("logs", stream))]

    return of


def _key(action: str) -> Callable[[Asked], list[Call]]:
    def of(asked: Asked) -> list[Call]:
        told = asked.parameters
        # What was encrypted names its key (moto puts the key's id first).
        sealed = b64decode(str(told.get("CiphertextBlob", "")))[:36].decode(errors="replace")
        context = _encryption_context(
            {str(name): str(value) for name, value in (told.get("EncryptionContext") or {}).items()}
        )
        keys = {"kms:CallerAccount": asked.account, **context}
        return [Call(f"kms:{action}", key_arn(asked, str(told.get("KeyId") or sealed)), keys)]

    return of


def _grant(asked: Asked) -> list[Call]:
    told = asked.parameters
    keys = {
        "kms:CallerAccount": asked.account,
        "kms:GrantIsForAWSResource": "false",
        "kms:GranteePrincipal": str(told.get("GranteePrincipal", "")),
        "kms:GrantOperations": [str(each) for each in told.get("Operations", [])],
    }
    return [Call("kms:CreateGrant", key_arn(asked, str(told.get("KeyId", ""))), keys)]


def _queue(action: str) -> Callable[[Asked], list[Call]]:
    def of(asked: Asked) -> list[Call]:
        told = asked.parameters
        name = str(told.get("QueueName") or str(told.get("QueueUrl", "")).rpartition("/")[2])
        return [Call(f"sqs:{action}", asked.arn("sqs", name))]

    return of


def _publish(asked: Asked) -> list[Call]:
    """A message of an encrypted topic is sealed with a data key (Amazon SNS Developer Guide, "Key management",
    configuring permissions)."""
    arn = str(asked.parameters.get("TopicArn", ""))
    topic = sns_backends[asked.account][asked.region].topics.get(arn)
    key = topic.kms_master_key_id if topic else None
    through = _through("sns", asked, key, {"aws:sns:topicArn": arn}, "GenerateDataKey", "Decrypt")
    return [Call("sns:Publish", arn), *through]


def _parameter(action: str) -> Callable[[Asked], list[Call]]:
    def of(asked: Asked) -> list[Call]:
        name = str(asked.parameters.get("Name", "")).lstrip("/")
        # A public parameter is nobody's (AWS Systems Manager User Guide, "Working with public parameters").
        own = f"arn:aws:ssm:{asked.region}::parameter/" if name.startswith(PUBLIC) else asked.arn("ssm", "parameter/")
        return [Call(f"ssm:{action}", name if name.startswith("arn:") else f"{own}{name}")]

    return of


def _anywhere(action: str) -> Callable[[Asked], list[Call]]:
    return lambda asked: [Call(action)]


def _eks(asked: Asked) -> list[Call] | None:
    parts = asked.path.strip("/").split("/")
    if asked.method == "GET" and len(parts) == 2 and parts[0] == "clusters":
        return [Call("eks:DescribeCluster", asked.arn("eks", f"cluster/{parts[1]}"))]
    return None


OPERATIONS: Final[Mapping[str, Callable[[Asked], list[Call]]]] = {
    # Nobody can be denied it (AWS STS API Reference, "GetCallerIdentity").
    "sts:GetCallerIdentity": lambda asked: [],
    "sts:AssumeRole": lambda asked: [Call("sts:AssumeRole", str(asked.parameters.get("RoleArn", "")))],
    "secretsmanager:GetRandomPassword": _anywhere("secretsmanager:GetRandomPassword"),
    "secretsmanager:DescribeSecret": _secret("DescribeSecret"),
    "secretsmanager:GetSecretValue": _secret("GetSecretValue", "Decrypt"),
    "secretsmanager:PutSecretValue": _secret("PutSecretValue", "GenerateDataKey", "Decrypt"),
    "secretsmanager:UpdateSecretVersionStage": _secret("UpdateSecretVersionStage"),
    "logs:CreateLogStream": _stream("CreateLogStream"),
    "logs:PutLogEvents": _stream("PutLogEvents"),
    "logs:GetLogEvents": _stream("GetLogEvents"),
    **{
        f"kms:{name}": _key(name)
        for name in ("Encrypt", "Decrypt", "GenerateDataKey", "Sign", "Verify", "DescribeKey", "GetPublicKey")
    },
    "kms:CreateGrant": _grant,
    **{
        f"sqs:{name}": _queue(name) for name in ("ReceiveMessage", "DeleteMessage", "GetQueueUrl", "GetQueueAttributes")
    },
    "sns:Publish": _publish,
    **{f"ssm:{name}": _parameter(name) for name in ("GetParameter", "PutParameter")},
    "monitoring:PutMetricData": _anywhere("cloudwatch:PutMetricData"),
    **ec2_requests.OPERATIONS,
}
