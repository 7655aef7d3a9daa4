"""Amazon SageMaker AI: notebooks, Studio, models, endpoints and jobs: keys, networks and records."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import MORE_THAN_ONE_IS_MORE, OWN_KEY_IS_MORE, OWN_VPC_IS_MORE
from hipaa.aws.kms import OWN_KEY
from hipaa.facts import fact
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, LOW, MEDIUM, rule
from hipaa.verdict import Requirement, Verdict, all_of, at_least, is_, is_set, not_applicable

NOTEBOOK = "aws:sagemaker/notebookInstance:NotebookInstance"
DOMAIN = "aws:sagemaker/domain:Domain"
MODEL = "aws:sagemaker/model:Model"
ENDPOINT = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
TRAINING = "aws:sagemaker/trainingJob:TrainingJob"
QUALITY = "aws:sagemaker/dataQualityJobDefinition:DataQualityJobDefinition"
FEATURES = "aws:sagemaker/featureGroup:FeatureGroup"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ISOLATION_IS_MORE = "a security group that lets nothing out bounds it as well (164.312(e)(1))"


@rule(
    "sagemaker-notebook-encrypts-with-cmk",
    on=NOTEBOOK,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[{"kmsKeyId": _KEY}],
    unsound=[{}, {"kmsKeyId": ""}],
)
def notebook_encrypts_with_cmk(notebook: Properties) -> Verdict:
    """A notebook's volume, on which a copy of data ends up sooner or later, is under a customer managed key."""
    return notebook.require("kmsKeyId", OWN_KEY)


@rule(
    "sagemaker-notebook-stays-in-its-vpc",
    on=NOTEBOOK,
    severity=HIGH,
    fix="Set direct_internet_access=Disabled, with subnet_id and security_groups.",
    sound=[{"directInternetAccess": "Disabled", "subnetId": "subnet-1a2b3c4d", "securityGroups": ["sg-1a2b3c4d"]}],
    unsound=[{}, {"directInternetAccess": "Enabled", "subnetId": "subnet-1a2b3c4d"}],
)
def notebook_stays_in_its_vpc(notebook: Properties) -> Verdict:
    """A notebook reaches the internet by its VPC or not at all: by itself it has a way around."""
    return notebook.require("directInternetAccess", is_("Disabled"), default="Enabled")


@rule(
    "sagemaker-notebook-gives-no-root",
    on=NOTEBOOK,
    severity=LOW,
    advisory="a person's own machine within 164.312(a)(1) may be theirs to administer; less is safer",
    fix="Set root_access=Disabled.",
    sound=[{"rootAccess": "Disabled"}],
    unsound=[{}, {"rootAccess": "Enabled"}],
)
def notebook_gives_no_root(notebook: Properties) -> Verdict:
    """Who works in a notebook is no administrator of its machine."""
    return notebook.require("rootAccess", is_("Disabled"), default="Enabled")


@rule(
    "sagemaker-notebook-requires-imdsv2",
    on=NOTEBOOK,
    severity=MEDIUM,
    fix="Set instance_metadata_service_configuration with minimum_instance_metadata_service_version='2'.",
    sound=[{"instanceMetadataServiceConfiguration": {"minimumInstanceMetadataServiceVersion": "2"}}],
    unsound=[{"instanceMetadataServiceConfiguration": {"minimumInstanceMetadataServiceVersion": "1"}}],
)
def notebook_requires_imdsv2(notebook: Properties) -> Verdict:
    """A notebook's role is handed out by version 2 of the metadata service, which a forged request does not get."""
    path = "instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion"
    return notebook.require(path, Requirement("'2'", lambda version: version in (None, "2")))


_VPC_ONLY = {"appNetworkAccessType": "VpcOnly"}


@rule(
    "sagemaker-domain-stays-in-its-vpc",
    on=DOMAIN,
    severity=HIGH,
    fix="Set app_network_access_type=VpcOnly.",
    sound=[_VPC_ONLY],
    unsound=[{}, {"appNetworkAccessType": "PublicInternetOnly"}],
)
def domain_stays_in_its_vpc(domain: Properties) -> Verdict:
    """Studio's applications reach the internet by their VPC or not at all: by themselves they have a way around."""
    return domain.require("appNetworkAccessType", is_("VpcOnly"), default="PublicInternetOnly")


@rule(
    "sagemaker-domain-encrypts-with-cmk",
    on=DOMAIN,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id to the ARN of a customer managed key.",
    sound=[_VPC_ONLY | {"kmsKeyId": _KEY}],
    unsound=[_VPC_ONLY],
)
def domain_encrypts_with_cmk(domain: Properties) -> Verdict:
    """Studio's home folders are under a customer managed key."""
    return domain.require("kmsKeyId", OWN_KEY)


def _variants(*types: str, count: int = 2, **more: Any) -> dict[str, Any]:
    variants = [{"modelName": "triage", "instanceType": each, "initialInstanceCount": count} for each in types]
    return {"productionVariants": variants} | more


@rule(
    "sagemaker-endpoint-encrypts-with-cmk",
    on=ENDPOINT,
    severity=HIGH,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_arn to the ARN of a customer managed key.",
    sound=[
        _variants("ml.m6i.large", kmsKeyArn=_KEY),
        _variants("ml.g5.xlarge", "ml.p4d.24xlarge"),
        {
            "productionVariants": [
                {"modelName": "triage", "serverlessConfig": {"maxConcurrency": 5, "memorySizeInMb": 2048}}
            ]
        },
    ],
    unsound=[_variants("ml.m6i.large"), _variants("ml.g5.xlarge", "ml.c6i.large"), {}],
)
def endpoint_encrypts_with_cmk(endpoint: Properties) -> Verdict:
    """An endpoint's volumes are under a customer managed key.

    An instance type with disks of its own encrypts these itself and takes no key, nor does a serverless variant.
    """
    variants = endpoint.objects("productionVariants")
    local = tuple(fact("sagemaker-local-storage"))
    if variants and all(
        "serverlessConfig" in variant or str(variant.at("instanceType", "")).startswith(local) for variant in variants
    ):
        return not_applicable("none of the variants takes a key")
    return endpoint.require("kmsKeyArn", OWN_KEY)


@rule(
    "sagemaker-endpoint-keeps-captures-encrypted",
    on=ENDPOINT,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set data_capture_config.kms_key_id to the ARN of a customer managed key.",
    sound=[
        {"dataCaptureConfig": {"enableCapture": True, "destinationS3Uri": "s3://captures", "kmsKeyId": _KEY}},
        _variants("ml.m6i.large"),
    ],
    unsound=[{"dataCaptureConfig": {"enableCapture": True, "destinationS3Uri": "s3://captures"}}],
)
def endpoint_keeps_captures_encrypted(endpoint: Properties) -> Verdict:
    """What an endpoint captures of requests and answers is under a customer managed key."""
    if endpoint.at("dataCaptureConfig.enableCapture") is not True:
        return not_applicable("nothing is captured")
    return endpoint.require("dataCaptureConfig.kmsKeyId", OWN_KEY)


@rule(
    "sagemaker-endpoint-has-two-instances",
    on=ENDPOINT,
    severity=LOW,
    advisory=MORE_THAN_ONE_IS_MORE,
    fix="Set initial_instance_count to 2 or more.",
    sound=[_variants("ml.m6i.large"), {"productionVariants": [{"modelName": "triage", "serverlessConfig": {}}]}],
    unsound=[_variants("ml.m6i.large", count=1)],
)
def endpoint_has_two_instances(endpoint: Properties) -> Verdict:
    """An endpoint answers from two instances or more, which SageMaker puts into two zones."""
    return endpoint.each(
        "productionVariants",
        lambda variant: (
            Verdict()
            if not isinstance(variant, Properties) or "serverlessConfig" in variant
            else variant.require("initialInstanceCount", at_least(2), default=1)
        ),
    )


def _network(vpc: bool = True, **more: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"vpcConfig": {"subnets": ["subnet-1a2b3c4d"], "securityGroupIds": ["sg-1a2b3c4d"]}}
    return (config if vpc else {}) | more


@rule(
    "sagemaker-runs-in-a-vpc",
    on=(MODEL, TRAINING, QUALITY),
    severity=MEDIUM,
    advisory=OWN_VPC_IS_MORE,
    fix="Set vpc_config with subnets and security_group_ids (a quality job: in network_config).",
    sound=[_network(), Resource(TRAINING, _network()), Resource(QUALITY, {"networkConfig": _network()})],
    unsound=[{}, Resource(TRAINING, {}), Resource(QUALITY, {"networkConfig": {"enableNetworkIsolation": True}})],
)
def runs_in_a_vpc(job: Resource) -> Verdict:
    """A model or a job runs in a VPC of one's own."""
    return job.require("networkConfig.vpcConfig.subnets" if job.type == QUALITY else "vpcConfig.subnets", is_set())


@rule(
    "sagemaker-runs-isolated",
    on=(MODEL, TRAINING, QUALITY),
    severity=MEDIUM,
    advisory=_ISOLATION_IS_MORE,
    fix="Set enable_network_isolation=True (a quality job: in network_config).",
    sound=[
        {"enableNetworkIsolation": True},
        Resource(TRAINING, {"enableNetworkIsolation": True}),
        Resource(QUALITY, {"networkConfig": {"enableNetworkIsolation": True}}),
    ],
    unsound=[{}, Resource(TRAINING, {"enableNetworkIsolation": False}), Resource(QUALITY, {})],
)
def runs_isolated(job: Resource) -> Verdict:
    """A model's or a job's container makes no connection of its own, so that it cannot carry data out."""
    path = "networkConfig.enableNetworkIsolation" if job.type == QUALITY else "enableNetworkIsolation"
    return job.require(path, is_(True), default=False)


def _training(count: int, **more: Any) -> Resource:
    return Resource(TRAINING, {"resourceConfig": {"instanceCount": count, "instanceType": "ml.m6i.large"}} | more)


@rule(
    "sagemaker-job-encrypts-between-instances",
    on=(TRAINING, QUALITY),
    severity=HIGH,
    fix="Set enable_inter_container_traffic_encryption=True (a quality job: in network_config).",
    sound=[_training(1), _training(4, enableInterContainerTrafficEncryption=True)],
    unsound=[
        _training(4),
        _training(2, enableInterContainerTrafficEncryption=False),
        Resource(QUALITY, {"jobResources": {"clusterConfig": {"instanceCount": 2}}, "networkConfig": {}}),
    ],
)
def job_encrypts_between_instances(job: Resource) -> Verdict:
    """A job of several instances has them speak TLS among themselves: they do not unless told."""
    of_quality = job.type == QUALITY
    count = job.at("jobResources.clusterConfig.instanceCount" if of_quality else "resourceConfig.instanceCount", 1)
    if count == 1 and not job.objects("resourceConfig.instanceGroups"):
        return Verdict()
    inside = "networkConfig." if of_quality else ""
    return job.require(f"{inside}enableInterContainerTrafficEncryption", is_(True), default=False)


@rule(
    "sagemaker-job-encrypts-with-cmk",
    on=(TRAINING, QUALITY),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set volume_kms_key_id, and kms_key_id of the output, to the ARN of a customer managed key.",
    sound=[
        Resource(
            TRAINING,
            {
                "resourceConfig": {"instanceType": "ml.m6i.large", "volumeKmsKeyId": _KEY},
                "outputDataConfig": {"s3OutputPath": "s3://models", "kmsKeyId": _KEY},
            },
        ),
    ],
    unsound=[
        _training(1),
        Resource(QUALITY, {"jobResources": {"clusterConfig": {"volumeKmsKeyId": _KEY}}}),
    ],
)
def job_encrypts_with_cmk(job: Resource) -> Verdict:
    """A job's volumes and what it writes are under a customer managed key."""
    volume, output = ("resourceConfig", "outputDataConfig")
    if job.type == QUALITY:
        volume, output = ("jobResources.clusterConfig", "dataQualityJobOutputConfig")
    type_ = str(job.at(f"{volume}.instanceType", ""))
    takes_none = type_.startswith(tuple(fact("sagemaker-local-storage")))
    return all_of(
        Verdict() if takes_none else job.require(f"{volume}.volumeKmsKeyId", OWN_KEY),
        job.require(f"{output}.kmsKeyId", OWN_KEY),
    )


_STORES = {
    "onlineStoreConfig": {"enableOnlineStore": True, "securityConfig": {"kmsKeyId": _KEY}},
    "offlineStoreConfig": {"s3StorageConfig": {"s3Uri": "s3://features", "kmsKeyId": _KEY}},
}


@rule(
    "sagemaker-feature-group-encrypts-with-cmk",
    on=FEATURES,
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set kms_key_id in online_store_config.security_config and offline_store_config.s3_storage_config.",
    sound=[_STORES, {"offlineStoreConfig": _STORES["offlineStoreConfig"]}],
    unsound=[
        {"onlineStoreConfig": {"enableOnlineStore": True}},
        {"offlineStoreConfig": {"s3StorageConfig": {"s3Uri": "s3://features"}}},
    ],
)
def feature_group_encrypts_with_cmk(group: Properties) -> Verdict:
    """A feature group's stores are under a customer managed key."""
    stores = []
    if group.at("onlineStoreConfig.enableOnlineStore") is True:
        stores.append(group.require("onlineStoreConfig.securityConfig.kmsKeyId", OWN_KEY))
    if "offlineStoreConfig" in group:
        stores.append(group.require("offlineStoreConfig.s3StorageConfig.kmsKeyId", OWN_KEY))
    return all_of(*stores) if stores else not_applicable("it has no store")
