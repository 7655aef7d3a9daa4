"""The account that the program asks for, as IAM would look at it: every policy by what it belongs to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from moto.iam.aws_managed_policies import aws_managed_policies_data

from foundation.network.endpoint_policies import IAM_PREFIXES
from local.aws import iam
from tests.platform.mocked import ACCOUNT_ID, ARNS, OURS, SUFFIX, Made, Recorder

REGION, STACK = "us-east-1", "parapet-test"
STRANGER = "999999999999"
ALL = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
OPEN = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})


@cache
def managed() -> dict[str, str]:
    """The documents of AWS's own policies, by name."""
    return {name: json.dumps(each["Document"]) for name, each in json.loads(aws_managed_policies_data).items()}


@dataclass(frozen=True)
class Account:
    """What the program asks for, by AWS's own names."""

    asked: Recorder

    def _named(self, kind: str, name: str) -> Made:
        return self.asked.one(kind, f"{STACK}-{name}")

    @property
    def vpc_id(self) -> str:
        return self.asked.one("ec2/vpc:Vpc", STACK).id

    def arn(self, words: str) -> str:
        """The ARN that a line of the table means: `bucket phi/scan`, `key logs`, or one written out."""
        kind, _, name = words.partition(" ")
        match kind:
            case "bucket":
                bucket, slash, key = name.partition("/")
                return f"arn:aws:s3:::{self._named('s3/bucket:Bucket', bucket).id}{slash}{key}"
            case "key":
                return f"arn:aws:kms:{OURS}:key/{self._named('kms/key:Key', name).name}"
            case "role":
                return f"arn:aws:iam::{ACCOUNT_ID}:role/{self._named('iam/role:Role', name).name}"
            case "subnet":
                return f"arn:aws:ec2:{OURS}:subnet/{self._named('ec2/subnet:Subnet', name).id}"
            case "security-group" if name == "default":
                made = self.asked.one("ec2/defaultSecurityGroup:DefaultSecurityGroup", STACK)
                return f"arn:aws:ec2:{OURS}:security-group/{made.id}"
            case "security-group":
                return f"arn:aws:ec2:{OURS}:security-group/{self._named('ec2/securityGroup:SecurityGroup', name).id}"
            case "topic":
                return f"arn:aws:sns:{OURS}:{self._named('sns/topic:Topic', name).name}"
            case "queue":
                return f"arn:aws:sqs:{OURS}:{self._named('sqs/queue:Queue', name).name}"
            case "secret" if name == "rds":
                return f"arn:aws:secretsmanager:{OURS}:secret:rds!db-{STACK}-mlflow"
            case "secret":
                made = self._named("secretsmanager/secret:Secret", name)
                return f"arn:aws:secretsmanager:{OURS}:secret:{made.inputs['namePrefix']}{SUFFIX}"
            case "log":
                group, _, rest = name.partition(":")
                made = self._named("cloudwatch/logGroup:LogGroup", group)
                return f"arn:aws:logs:{OURS}:log-group:{made.inputs['name']}:{rest}"
        return filled(words)

    def role_policies(self, role: str) -> Iterator[iam.Document]:
        """The identity policies of a role, each whole as it was asked for."""
        own = {ARNS[each.type].format(each.name): each for each in self.asked.of("iam/policy:Policy")}
        for each in self.asked.of("iam/rolePolicyAttachment:RolePolicyAttachment"):
            arn = each.inputs["policyArn"]
            if each.inputs["role"] == role:
                text = own[arn].inputs["policy"] if arn in own else managed()[arn.rpartition("/")[2]]
                yield iam.parse(text, arn.rpartition("/")[2])
        for each in self.asked.of("iam/rolePolicy:RolePolicy"):
            if each.inputs["role"] == role:
                yield iam.parse(each.inputs["policy"], each.name)

    def own_policy(self, name: str) -> iam.Document:
        """A policy of the stack by its name without the stack's."""
        return iam.parse(self._named("iam/policy:Policy", name).inputs["policy"], name)

    def boundary(self, role: str) -> iam.Document | None:
        arn = self.asked.one("iam/role:Role", role).inputs.get("permissionsBoundary")
        own = {ARNS[each.type].format(each.name): each for each in self.asked.of("iam/policy:Policy")}
        return iam.parse(own[arn].inputs["policy"], "boundary") if arn else None

    def resource_policy(self, arn: str) -> iam.Document | None:
        """The policy of a bucket, key, secret, topic, queue or role."""
        service, name = arn.split(":")[2], arn.rpartition(":")[2]
        found: list[Made] = []
        element = "policy"
        match service:
            case "s3":
                buckets = self.asked.of("s3/bucketPolicy:BucketPolicy")
                found = [each for each in buckets if each.inputs["bucket"] == name.partition("/")[0]]
            case "kms":
                found = [each for each in self.asked.of("kms/key:Key") if name == f"key/{each.name}"]
            case "secretsmanager":
                policies = self.asked.of("secretsmanager/secretPolicy:SecretPolicy")
                found = [each for each in policies if each.inputs["secretArn"] == arn]
            case "sns":
                found = [each for each in self.asked.of("sns/topicPolicy:TopicPolicy") if each.name == name]
            case "sqs":
                found = [each for each in self.asked.of("sqs/queuePolicy:QueuePolicy") if each.name == name]
            case "iam":
                element = "assumeRolePolicy"
                found = [each for each in self.asked.of("iam/role:Role") if name == f"role/{each.name}"]
        return iam.parse(found[0].inputs[element], found[0].name) if found else None

    def endpoints(self, action: str) -> list[iam.Document]:
        """The policies of the VPC endpoints through which an action may be called."""
        prefix = action.partition(":")[0]
        return [
            iam.parse(each.inputs["policy"], f"endpoint of {service}")
            for each in self.asked.of("ec2/vpcEndpoint:VpcEndpoint")
            if IAM_PREFIXES.get(service := each.inputs["serviceName"].split(".", 3)[3], service) == prefix
        ]


def filled(text: str) -> str:
    return text.replace("{account}", ACCOUNT_ID).replace("{region}", REGION).replace("{stack}", STACK)
