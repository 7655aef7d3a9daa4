"""What a role's session may do at the local AWS API: what its policies, and those of what it asks for, allow."""

from __future__ import annotations

import json
import urllib.request
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from local.aws.api import sessions
from local.aws.api.gate import Gate
from tests.local.aws.conftest import LocalAws
from tests.local.aws.test_functions import make

ACCOUNT = "123456789012"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
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


def test_who_may_only_add_says_so_and_overwrites_nothing(local_aws: LocalAws) -> None:
    local_aws.client("s3").create_bucket(Bucket="bucket")
    if_absent = {"Null": {"s3:if-none-match": "false"}}
    s3 = Worker(local_aws, allow("s3:PutObject", "arn:aws:s3:::bucket/*", Condition=if_absent)).client("s3")
    s3.put_object(Bucket="bucket", Key="a", Body=b"1", IfNoneMatch="*")
    assert refusal(s3.put_object, Bucket="bucket", Key="b", Body=b"2")[0] == "AccessDenied"
    assert refusal(s3.put_object, Bucket="bucket", Key="a", Body=b"2", IfNoneMatch="*")[0] == "PreconditionFailed"


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
    itself = {"BoolIfExists": {"aws:ViaAWSService": "false"}}
    held = document(
        json.loads(use)["Statement"][1], allow("s3:*"), allow("kms:*", Condition=itself) | {"Effect": "Deny"}
    )
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=held)
    worker.client("s3").put_object(Bucket="bucket", Key="a", Body=b"y")
    told = refusal(worker.client("kms").generate_data_key, KeyId=key, KeySpec="AES_256")[1]
    assert "explicit deny in an identity-based policy" in told


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


def test_a_grant_opens_a_key_for_its_operations_and_context(local_aws: LocalAws) -> None:
    admin = local_aws.client("kms")
    closed = document(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}))
    local_aws.client("iam").create_user(UserName="nobody")
    key = admin.create_key(Policy=closed, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    worker = Worker(local_aws, allow("kms:*"))
    kms = worker.client("kms")
    given = {"KeyId": key, "KeySpec": "AES_256"}
    assert refusal(kms.generate_data_key, **given)[0] == "AccessDeniedException"
    subset = {"EncryptionContextSubset": {"team": "ml"}}
    operations = ["GenerateDataKey", "Decrypt"]
    grant = admin.create_grant(KeyId=key, GranteePrincipal=worker.arn, Operations=operations, Constraints=subset)
    assert refusal(kms.generate_data_key, **given)[0] == "AccessDeniedException"
    context = {"team": "ml", "more": "1"}
    sealed = kms.generate_data_key(**given, EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["KeyId"] == key
    assert (
        "no resource-based policy allows the kms:Encrypt"
        in refusal(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)[1]
    )
    admin.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    equals = {"EncryptionContextEquals": {"team": "ml"}}
    admin.create_grant(KeyId=key, GranteePrincipal=worker.arn, Operations=operations, Constraints=equals)
    kms.generate_data_key(**given, EncryptionContext={"team": "ml"})
    assert refusal(kms.generate_data_key, **given, EncryptionContext=context)[0] == "AccessDeniedException"


def test_a_role_gives_a_grant_where_it_may_give_that_one(local_aws: LocalAws) -> None:
    key = local_aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    reading = {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}}
    worker = Worker(local_aws, allow("kms:CreateGrant", Condition=reading))
    kms = worker.client("kms")
    kms.create_grant(KeyId=key, GranteePrincipal=worker.arn, Operations=["Decrypt"])
    more = {"KeyId": key, "GranteePrincipal": worker.arn, "Operations": ["Decrypt", "Encrypt"]}
    assert refusal(kms.create_grant, **more)[0] == "AccessDeniedException"


def test_the_tags_of_a_resource_and_of_a_request_are_heeded(local_aws: LocalAws) -> None:
    ours = {"StringEquals": {"aws:ResourceTag/team": "ours"}}
    given = {"StringEquals": {"aws:RequestTag/team": "ours"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}
    worker = Worker(
        local_aws,
        allow(["secretsmanager:GetSecretValue", "kms:GenerateDataKey", "sqs:GetQueueAttributes"], Condition=ours),
        allow("ssm:GetParameter", Condition=ours),
        allow("ssm:PutParameter", Condition=given),
    )
    pairs: dict[str, Any] = {team: [{"Key": "team", "Value": team}] for team in ("ours", "theirs")}
    admin = local_aws.client
    for team, tags in pairs.items():
        allowed = team == "ours"
        secret = admin("secretsmanager").create_secret(Name=team, SecretString="s", Tags=tags)["ARN"]
        key = admin("kms").create_key(Tags=[{"TagKey": "team", "TagValue": team}])["KeyMetadata"]["Arn"]
        queue = admin("sqs").create_queue(QueueName=team, tags={"team": team})["QueueUrl"]
        admin("ssm").put_parameter(Name=f"/{team}/a", Value="v", Type="String", Tags=tags)
        kept = {"Value": "v", "Type": "String"}
        for call, asked in (
            (worker.client("secretsmanager").get_secret_value, {"SecretId": secret}),
            (worker.client("kms").generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
            (worker.client("sqs").get_queue_attributes, {"QueueUrl": queue}),
            (worker.client("ssm").get_parameter, {"Name": f"/{team}/a"}),
            (worker.client("ssm").put_parameter, {"Name": f"/{team}/b", "Tags": tags, **kept}),
        ):
            if allowed:
                call(**asked)
            else:
                assert "because no identity-based policy allows" in refusal(call, **asked)[1]
    untagged = {"Name": "/c", "Value": "v", "Type": "String"}
    assert refusal(worker.client("ssm").put_parameter, **untagged)[0] == "AccessDeniedException"


def test_a_function_in_a_network_goes_by_its_endpoint(local_aws: LocalAws) -> None:
    ec2 = local_aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    code = "import boto3\ndef handler(event, context):\n    boto3.client('s3').list_objects_v2(Bucket=event)"
    network = {"VpcConfig": {"SubnetIds": [subnet], "SecurityGroupIds": [group]}}
    make(local_aws, code, **network)
    make(local_aws, code, name="outside")
    narrow = document(allow("s3:*", "arn:aws:s3:::ours", Principal="*"))
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", PolicyDocument=narrow)[
        "VpcEndpoint"
    ]["VpcEndpointId"]
    by_it = {"StringNotEquals": {"aws:SourceVpce": endpoint, "aws:SourceVpc": vpc}}
    for bucket in ("ours", "theirs", "closed"):
        local_aws.client("s3").create_bucket(Bucket=bucket)
    alone = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*", "Condition": by_it}
    local_aws.client("s3").put_bucket_policy(Bucket="ours", Policy=document(alone))

    def says(function: str, bucket: str) -> str:
        told = local_aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(bucket))
        return str(told["Payload"].read())

    assert "errorMessage" not in says("f", "ours")
    assert "no VPC endpoint policy allows the s3:ListBucket" in says("f", "theirs")
    assert "errorMessage" not in says("outside", "theirs")
    assert "explicit deny in a resource-based policy" in says("outside", "ours")
    elsewhere = {"StringNotEquals": {"aws:SourceVpc": "vpc-of-another"}}
    perimeter = document(allow("*", Condition=elsewhere) | {"Effect": "Deny"})
    local_aws.client("iam").put_role_policy(RoleName="any", PolicyName="perimeter", PolicyDocument=perimeter)
    assert "explicit deny in an identity-based policy" in says("f", "ours")


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


@mock_aws
@pytest.mark.parametrize(
    ("target", "code"), [("", "ExpiredToken"), ("secretsmanager.GetSecretValue", "ExpiredTokenException")]
)
def test_a_session_that_has_expired_is_told_as_such(target: str, code: str) -> None:
    sts = boto3.client("sts", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    key = sts.assume_role(RoleArn=role, RoleSessionName="pod")["Credentials"]["AccessKeyId"]
    session = sessions.of(key)
    assert session is not None
    session.held.expiration -= timedelta(days=1)
    environ = {
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/s3/aws4_request, Signature=x",
        "HTTP_X_AMZ_TARGET": target,
        "REQUEST_METHOD": "GET",
    }
    (told,) = Gate(lambda *_: pytest.fail("it was let in"))(environ, lambda *_: None)
    assert code in told.decode()


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
