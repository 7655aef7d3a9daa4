"""Amazon Bedrock: records of what models were asked, guardrails, and keys of one's own."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE, OWN_VPC_IS_MORE, PROPOSED_AUDIT
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, is_set, violation

LOGGING = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"
GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
AGENT = "aws:bedrock/agentAgent:AgentAgent"
CUSTOM_MODEL = "aws:bedrock/customModel:CustomModel"
KNOWLEDGE_BASE = "aws:bedrock/agentKnowledgeBase:AgentKnowledgeBase"
AGENTCORE = (
    "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
    "aws:bedrock/agentcoreBrowser:AgentcoreBrowser",
    "aws:bedrock/agentcoreCodeInterpreter:AgentcoreCodeInterpreter",
)
PROVISIONED = "aws:bedrock/provisionedModelThroughput:ProvisionedModelThroughput"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _logging(**config: Any) -> dict[str, Any]:
    return {"loggingConfig": config}


@rule(
    "bedrock-logs-have-a-destination",
    on=LOGGING,
    severity=MEDIUM,
    fix="Set logging_config with cloudwatch_config or s3_config, and leave text_data_delivery_enabled on.",
    sound=[
        _logging(cloudwatchConfig={"logGroupName": "/bedrock", "roleArn": "arn:aws:iam::111122223333:role/bedrock"}),
        _logging(s3Config={"bucketName": "bedrock-logs"}, textDataDeliveryEnabled=True, imageDataDeliveryEnabled=False),
    ],
    unsound=[
        {},
        _logging(textDataDeliveryEnabled=True),
        _logging(s3Config={"bucketName": "bedrock-logs"}, textDataDeliveryEnabled=False),
    ],
)
def logs_have_a_destination(logging: Properties) -> Verdict:
    """The record of what models were asked goes to CloudWatch Logs or S3, with the text."""
    told = logging.at("loggingConfig.cloudwatchConfig.logGroupName") or logging.at("loggingConfig.s3Config.bucketName")
    return all_of(
        Verdict() if told else violation("`logging_config` has neither a log group nor a bucket"),
        logging.require("loggingConfig.textDataDeliveryEnabled", is_(True), default=True),
    )


_AGENT = Resource(AGENT, {"agentName": "triage", "foundationModel": "anthropic.claude-sonnet-4-6"}, name="triage")


@stack_rule(
    "bedrock-invocations-are-logged",
    on=(AGENT, CUSTOM_MODEL, KNOWLEDGE_BASE, PROVISIONED),
    severity=MEDIUM,
    advisory="the account's one configuration may be another program's (164.312(b) is met where it is)",
    proposed=PROPOSED_AUDIT,
    fix="Add an InvocationLoggingConfiguration with a log group or a bucket.",
    sound=[[_AGENT, Resource(LOGGING, _logging(s3Config={"bucketName": "bedrock-logs"}))]],
    unsound=[[_AGENT], [Resource(PROVISIONED, {"modelUnits": 1})]],
)
def invocations_are_logged(model: Resource, stack: Stack) -> Verdict:
    """What a program makes of Bedrock comes with a record of what models are asked: by itself none is kept."""
    if stack.of(LOGGING):
        return Verdict()
    return violation(f"the program has no InvocationLoggingConfiguration beside {model.name[:60]!r}")


@rule(
    "bedrock-guardrail-masks-personal-data",
    on=GUARDRAIL,
    severity=LOW,
    advisory="what an answer may hold is the minimum necessary of 164.502(b), which others may see to",
    fix="Set sensitive_information_policy_config with pii_entities_configs or regexes_configs.",
    sound=[{"sensitiveInformationPolicyConfig": {"piiEntitiesConfigs": [{"type": "NAME", "action": "ANONYMIZE"}]}}],
    unsound=[{"name": "triage"}, {"sensitiveInformationPolicyConfig": {"piiEntitiesConfigs": []}}],
)
def guardrail_masks_personal_data(guardrail: Properties) -> Verdict:
    """A guardrail blocks or masks what identifies a person."""
    path = "sensitiveInformationPolicyConfig"
    if guardrail.at(f"{path}.piiEntitiesConfigs") or guardrail.at(f"{path}.regexesConfigs"):
        return Verdict()
    return violation("`sensitive_information_policy_config` names nothing that identifies a person")


@rule(
    "bedrock-agent-has-a-guardrail",
    on=AGENT,
    severity=LOW,
    advisory="what an answer may hold is the minimum necessary of 164.502(b), which others may see to",
    fix="Set guardrail_configurations with the identifier and version of a Guardrail.",
    sound=[{"guardrailConfigurations": [{"guardrailIdentifier": "triage", "guardrailVersion": "1"}]}],
    unsound=[{"agentName": "triage"}, {"guardrailConfigurations": []}],
)
def agent_has_a_guardrail(agent: Properties) -> Verdict:
    """An agent's questions and answers go through a guardrail."""
    return agent.require("guardrailConfigurations", is_set())


_KEY_OF = {GUARDRAIL: "kmsKeyArn", AGENT: "customerEncryptionKeyArn", CUSTOM_MODEL: "customModelKmsKeyId"}


@rule(
    "bedrock-encrypts-with-cmk",
    on=(AGENT, CUSTOM_MODEL, GUARDRAIL),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set the customer managed key's ARN (customer_encryption_key_arn, custom_model_kms_key_id, kms_key_arn).",
    sound=[
        Resource(AGENT, {"customerEncryptionKeyArn": _KEY}),
        Resource(CUSTOM_MODEL, {"customModelKmsKeyId": _KEY}),
        Resource(GUARDRAIL, {"kmsKeyArn": _KEY}),
    ],
    unsound=[Resource(AGENT, {}), Resource(CUSTOM_MODEL, {}), Resource(GUARDRAIL, {})],
)
def encrypts_with_cmk(made: Resource) -> Verdict:
    """An agent, a customized model or a guardrail is under a customer managed key."""
    return made.require(_KEY_OF[made.type], OWN_KEY)


@rule(
    "bedrock-custom-model-trains-in-a-vpc",
    on=CUSTOM_MODEL,
    severity=LOW,
    advisory=OWN_VPC_IS_MORE,
    fix="Set vpc_config with subnet_ids and security_group_ids.",
    sound=[{"vpcConfig": {"subnetIds": ["subnet-1a2b3c4d"], "securityGroupIds": ["sg-1a2b3c4d"]}}],
    unsound=[{"customModelName": "triage"}],
)
def custom_model_trains_in_a_vpc(model: Properties) -> Verdict:
    """A customization job reads its data by way of a VPC, where endpoints and flow logs are."""
    return model.require("vpcConfig.subnetIds", is_set())


def _reached_by(mode: str) -> dict[str, Any]:
    return {"networkConfiguration": {"networkMode": mode}}


@rule(
    "bedrock-agentcore-stays-in-a-vpc",
    on=AGENTCORE,
    severity=LOW,
    advisory=OWN_VPC_IS_MORE,
    fix="Set network_configuration with network_mode=VPC, subnets and security groups.",
    sound=[_reached_by("VPC"), Resource(AGENTCORE[1], _reached_by("VPC"))],
    unsound=[_reached_by("PUBLIC"), Resource(AGENTCORE[2], _reached_by("PUBLIC"))],
)
def agentcore_stays_in_a_vpc(part: Properties) -> Verdict:
    """An agent's runtime, its browser and its interpreter reach what they reach by way of a VPC."""
    return part.require("networkConfiguration.networkMode", is_("VPC"), default="PUBLIC")
