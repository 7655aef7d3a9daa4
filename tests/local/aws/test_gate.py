"""What a role's session may do at the local AWS API: what its policies, and those of what it asks for, allow."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.aws.conftest import LocalAws
from tests.local.aws.test_functions import make

ACCOUNT = "123456789012"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


class Worker:
    """A role with these statements, and clients that its session signs."""

    def __init__(self, local_aws: LocalAws, *statements: dict[str, Any], **role: Any) -> None:
        self._aws = local_aws
        trust = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
        iam = local_aws.client("iam")
        made = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust, **role)["Role"]
        if statements:
            iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=document(*statements))
        self.arn: str = made["Arn"]
        self.told = local_aws.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="pod")["Credentials"]

    def client(self, service: str, **more: Any) -> Any:
        return boto3.client(
            service,
            **more,
            region_name="us-east-1",
            endpoint_url=self._aws.url,
            aws_access_key_id=self.told["AccessKeyId"],
            aws_secret_access_key=self.told["SecretAccessKey"],
            aws_session_token=self.told["SessionToken"],
        )


def refusal(call: Any, **given: Any) -> tuple[str, str]:
    """The code and the words with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**given)
    return error.value.response["Error"]["Code"], error.value.response["Error"].get("Message", "")


SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/pod"


def test_a_bucket_is_open_to_what_the_role_may(local_aws: LocalAws) -> None:
    local_aws.client("s3").create_bucket(Bucket="bucket")
    worker = Worker(
        local_aws,
        allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::bucket/own/*"),
        allow("s3:ListBucket", "arn:aws:s3:::bucket", Condition={"StringLike": {"s3:prefix": "own/*"}}),
    )
    s3 = worker.client("s3")
    s3.put_object(Bucket="bucket", Key="own/a", Body=b"1")
    assert s3.get_object(Bucket="bucket", Key="own/a")["Body"].read() == b"1"
    assert s3.list_objects_v2(Bucket="bucket", Prefix="own/")["KeyCount"] == 1
    words = (
        f'User: {SESSION} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::bucket/other" because '
    )
    code, told = refusal(s3.put_object, Bucket="bucket", Key="other", Body=b"")
    assert (code, told) == ("AccessDenied", f"{words}no identity-based policy allows the s3:PutObject action")
    assert refusal(s3.list_objects_v2, Bucket="bucket")[0] == "AccessDenied"
    assert refusal(s3.head_bucket, Bucket="bucket")[0] == "403"
    assert refusal(s3.delete_object, Bucket="bucket", Key="own/a")[0] == "AccessDenied"


def test_who_runs_here_is_in_the_vpcs_of_the_account_and_in_no_other(local_aws: LocalAws) -> None:
    admin = local_aws.client("s3")
    admin.create_bucket(Bucket="bucket")
    vpc = local_aws.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]

    def only_from(where: str) -> dict[str, Any]:
        elsewhere = {"StringNotEquals": {"aws:SourceVpc": where}}
        return allow("s3:*", Condition=elsewhere) | {"Effect": "Deny"}

    worker = Worker(local_aws, allow("s3:PutObject"), only_from(vpc))
    worker.client("s3").put_object(Bucket="bucket", Key="a", Body=b"1")
    local_aws.client("iam").put_role_policy(
        RoleName="worker", PolicyName="own", PolicyDocument=document(allow("s3:PutObject"), only_from("vpc-of-another"))
    )
    code, told = refusal(worker.client("s3").put_object, Bucket="bucket", Key="a", Body=b"2")
    assert code == "AccessDenied"
    assert "explicit deny" in told


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_link_opens_what_its_signer_may(local_aws: LocalAws, version: str) -> None:
    admin = local_aws.client("s3")
    admin.create_bucket(Bucket="bucket")
    worker = Worker(local_aws, allow("s3:GetObject", "arn:aws:s3:::bucket/own/*"))
    s3 = worker.client("s3", config=Config(signature_version=version))

    def opened(key: str) -> bytes:
        admin.put_object(Bucket="bucket", Key=key, Body=b"content")
        link = s3.generate_presigned_url(
            "get_object", Params={"Bucket": "bucket", "Key": key, "ExpectedBucketOwner": ACCOUNT}
        )
        with urllib.request.urlopen(link) as answer:  # noqa: S310 (our own server)
            told: bytes = answer.read()
            return told

    assert opened("own/a") == b"content"
    with pytest.raises(HTTPError, match="403"):
        opened("other")


def test_the_key_behind_a_bucket_must_be_open_too(local_aws: LocalAws) -> None:
    kms, admin = local_aws.client("kms"), local_aws.client("s3")
    through = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    policy = document(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Condition=through))
    key = kms.create_key(Policy=policy, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    admin.create_bucket(Bucket="bucket")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    admin.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [rule]})
    worker = Worker(local_aws, allow("s3:*"))
    code, told = refusal(worker.client("s3").put_object, Bucket="bucket", Key="a", Body=b"")
    assert code == "AccessDenied"
    assert "is not authorized to perform: kms:GenerateDataKey on resource" in told
    iam = local_aws.client("iam")
    use = document(allow("s3:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], key))
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=use)
    worker.client("s3").put_object(Bucket="bucket", Key="a", Body=b"x")
    assert worker.client("s3").get_object(Bucket="bucket", Key="a")["Body"].read() == b"x"
    # Not through S3, the key's own policy is closed to it.
    assert refusal(worker.client("kms").generate_data_key, KeyId=key, KeySpec="AES_256")[0] == "AccessDeniedException"


def test_a_secrets_own_policy_and_a_boundary_deny_what_the_role_may(local_aws: LocalAws) -> None:
    admin = local_aws.client("secretsmanager")
    secret = admin.create_secret(Name="s", SecretString="hidden")["ARN"]
    worker = Worker(local_aws, allow("secretsmanager:*"))
    client = worker.client("secretsmanager")
    assert client.get_secret_value(SecretId="s")["SecretString"] == "hidden"
    others = {"ArnNotEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/another"}}
    closed = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    admin.put_resource_policy(SecretId=secret, ResourcePolicy=document(closed | {"Condition": others}))
    code, told = refusal(client.get_secret_value, SecretId="s")
    assert code == "AccessDeniedException"
    assert told == (
        f"User: {SESSION} is not authorized to perform: secretsmanager:GetSecretValue on resource: {secret} "
        "with an explicit deny in a resource-based policy"
    )
    iam = local_aws.client("iam")
    boundary = iam.create_policy(PolicyName="narrow", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=boundary)
    assert "no permissions boundary allows" in refusal(client.describe_secret, SecretId="s")[1]


def test_what_nobody_has_mapped_is_refused_to_a_role_by_name(local_aws: LocalAws) -> None:
    client = Worker(local_aws, allow("dynamodb:*")).client("dynamodb")
    code, told = refusal(client.list_tables)
    assert code == "AccessDeniedException"
    assert "dynamodb:ListTables" in told
    assert "local/aws/api/requests.py" in told
    everything = document(allow("*"))
    local_aws.client("iam").put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=everything)
    assert client.list_tables()["TableNames"] == []


def test_a_session_that_has_gone_is_nobodys(local_aws: LocalAws) -> None:
    worker = Worker(local_aws, allow("*"))
    reset = urllib.request.Request(f"{local_aws.url}/moto-api/reset", method="POST")  # noqa: S310 (our own server)
    urllib.request.urlopen(reset)  # noqa: S310
    assert refusal(worker.client("sts").get_caller_identity)[0] == "InvalidClientTokenId"


def test_whoever_has_no_session_is_the_administrator(local_aws: LocalAws) -> None:
    local_aws.client("dynamodb").list_tables()


def test_a_function_may_what_its_role_may(local_aws: LocalAws) -> None:
    code = "import boto3\ndef handler(event, context):\n    return boto3.client('sts').get_caller_identity()['Arn']"
    client = local_aws.client("lambda")
    make(local_aws, code)
    told = json.loads(client.invoke(FunctionName="f")["Payload"].read())
    assert told == f"arn:aws:sts::{ACCOUNT}:assumed-role/any/f"
    make(local_aws, "import boto3\ndef handler(event, context):\n    boto3.client('s3').list_buckets()", name="g")
    assert "errorMessage" not in str(client.invoke(FunctionName="g")["Payload"].read())
    local_aws.client("iam").delete_role_policy(RoleName="any", PolicyName="all")
    told = json.loads(client.invoke(FunctionName="g")["Payload"].read())
    assert "is not authorized to perform: s3:ListAllMyBuckets" in told["errorMessage"]


def credentials(local_aws: LocalAws) -> dict[str, str]:
    """What the agent of a node answers to a pod."""
    address = f"{local_aws.url}/moto-api/parapet/pod-identity/mlflow/mlflow"
    with urllib.request.urlopen(address) as answer:  # noqa: S310 (our own server)
        told: dict[str, str] = json.load(answer)
        return told


def test_a_service_account_has_the_role_of_its_association_while_the_role_trusts_the_cluster(
    local_aws: LocalAws,
) -> None:
    iam, eks = local_aws.client("iam"), local_aws.client("eks")
    pods = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    of_another = {"ArnEquals": {"aws:SourceArn": f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/another"}}
    role = iam.create_role(RoleName="pod", AssumeRolePolicyDocument=document(pods | {"Condition": of_another}))
    arn = role["Role"]["Arn"]
    eks.create_cluster(name="c", roleArn=arn, resourcesVpcConfig={})
    with pytest.raises(HTTPError, match="404"):
        credentials(local_aws)
    made = eks.create_pod_identity_association(
        clusterName="c", namespace="mlflow", serviceAccount="mlflow", roleArn=arn
    )["association"]
    with pytest.raises(HTTPError, match="403"):
        credentials(local_aws)
    iam.update_assume_role_policy(RoleName="pod", PolicyDocument=document(pods))
    told = credentials(local_aws)
    assert told["AccessKeyId"].startswith("ASIA")
    assert credentials(local_aws) == told
    assert eks.list_pod_identity_associations(clusterName="c")["associations"][0]["namespace"] == "mlflow"
    one = {"clusterName": "c", "associationId": made["associationId"]}
    assert eks.describe_pod_identity_association(**one)["association"]["roleArn"] == arn
    eks.delete_pod_identity_association(**one)
    with pytest.raises(HTTPError, match="404"):
        credentials(local_aws)
