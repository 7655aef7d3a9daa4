"""Amazon ECR: repositories whose images stay what they were, are looked through, and lie under a key of one's own."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from hipaa.aws.advice import OWN_KEY_IS_MORE, PROPOSED_SCANS
from hipaa.aws.kms import OWN_KEY
from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, one_of, violation

REPOSITORY = "aws:ecr/repository:Repository"
# What ECR makes of a template when an image is pulled through, replicated or pushed, no program sees.
TEMPLATE = "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate"
REGISTRY_SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"

_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@rule(
    "ecr-repository-keeps-tags-immutable",
    on=(REPOSITORY, TEMPLATE),
    severity=HIGH,
    advisory="who pulls an image by its digest gets what was reviewed, whatever a tag says (164.312(c)(1))",
    fix="Set image_tag_mutability to IMMUTABLE, and give each build a tag of its own.",
    sound=[{"imageTagMutability": "IMMUTABLE"}, Resource(TEMPLATE, {"imageTagMutability": "IMMUTABLE"})],
    unsound=[
        {},
        {"imageTagMutability": "MUTABLE"},
        {
            "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "imageTagMutabilityExclusionFilters": [{"filter": "latest", "filterType": "WILDCARD"}],
        },
        Resource(TEMPLATE, {}),
    ],
)
def repository_keeps_tags_immutable(repository: Properties) -> Verdict:
    """A repository lets no tag be moved to another image.

    Whoever may push could put another program in the place of one that was reviewed.
    """
    return repository.require("imageTagMutability", is_("IMMUTABLE"), default="MUTABLE")


def _encrypted(type_: str, **key: str) -> dict[str, Any]:
    return {"encryptionConfigurations": [{"encryptionType": type_} | key]}


@rule(
    "ecr-repository-encrypts-with-cmk",
    on=(REPOSITORY, TEMPLATE),
    severity=MEDIUM,
    advisory=OWN_KEY_IS_MORE,
    fix="Set encryption_configurations with encryption_type KMS and the ARN of a customer managed key.",
    sound=[
        _encrypted("KMS", kmsKey=_KEY),
        _encrypted("KMS_DSSE", kmsKey=_KEY),
        Resource(TEMPLATE, _encrypted("KMS", kmsKey=_KEY)),
    ],
    unsound=[
        {},
        _encrypted("AES256"),
        _encrypted("KMS"),
        _encrypted("KMS", kmsKey="alias/aws/ecr"),
        Resource(TEMPLATE, {}),
    ],
)
def repository_encrypts_with_cmk(repository: Properties) -> Verdict:
    """A repository encrypts its images with a customer managed key.

    An image may hold a model, and a model what it was trained on.
    """
    if not repository.at("encryptionConfigurations"):
        return violation("`encryption_configurations` is not set (which means AES256); it must name your key")
    return repository.each(
        "encryptionConfigurations",
        lambda item: all_of(
            item.require("encryptionType", one_of("KMS", "KMS_DSSE"), default="AES256"),
            item.require("kmsKey", OWN_KEY),
        ),
    )


def _repository(scan_on_push: bool | None = None) -> Resource:
    said: dict[str, Any] = {} if scan_on_push is None else {"imageScanningConfiguration": {"scanOnPush": scan_on_push}}
    return Resource(REPOSITORY, {"name": "platform/mlflow"} | said)


def _registry(frequency: str, *filters: str) -> Resource:
    listed = [{"filter": text, "filterType": "WILDCARD"} for text in filters]
    rules = [{"scanFrequency": frequency, "repositoryFilters": listed}]
    return Resource(REGISTRY_SCANNING, {"scanType": "ENHANCED", "rules": rules})


@stack_rule(
    "ecr-repository-scans-on-push",
    on=REPOSITORY,
    severity=MEDIUM,
    advisory="164.308(a)(1)(ii)(A) asks for an analysis of risks, which another scanner serves as well",
    proposed=PROPOSED_SCANS,
    fix="Set image_scanning_configuration with scan_on_push=True, or let the registry scan all repositories.",
    sound=[
        [_repository(True)],
        [_repository(), _registry("SCAN_ON_PUSH", "*")],
        [_repository(False), _registry("CONTINUOUS_SCAN", "platform")],
        [_repository(), _registry("SCAN_ON_PUSH", "another", "platform/*")],
    ],
    unsound=[
        [_repository()],
        [_repository(False)],
        [_repository(), _registry("MANUAL", "*")],
        [_repository(), _registry("SCAN_ON_PUSH", "another")],
        [_repository(), _registry("SCAN_ON_PUSH", "mlflow*")],
        [_repository(), Resource(REGISTRY_SCANNING, {"scanType": "BASIC"})],
    ],
)
def repository_scans_on_push(repository: Resource, stack: Stack) -> Verdict:
    """A repository's images are looked through for known flaws when they are pushed.

    The repository says so, or the registry for all whose names fit. A pattern without a `*` fits every name that holds
    it ("Using filters to choose which repositories are scanned", Amazon ECR User Guide).
    """
    if repository.at("imageScanningConfiguration.scanOnPush") is True:
        return Verdict()
    if any(_fits(pattern, str(repository.at("name", ""))) for pattern in stack.once(_scanned)):
        return Verdict()
    return violation(
        "`image_scanning_configuration.scan_on_push` is not true, and no rule of the registry scans it either"
    )


def _scanned(stack: Stack) -> set[str]:
    """The patterns of repositories that the registry itself has scanned."""
    rules = [item for registry in stack.of(REGISTRY_SCANNING) for item in registry.objects("rules")]
    scanning = [item for item in rules if item.at("scanFrequency") in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")]
    return {str(filter_.at("filter", "")) for item in scanning for filter_ in item.objects("repositoryFilters")}


def _fits(pattern: str, name: str) -> bool:
    return pattern == "*" or fnmatchcase(name, pattern if "*" in pattern else f"*{pattern}*")
