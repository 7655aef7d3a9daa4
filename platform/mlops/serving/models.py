"""All models of a stack, and what they have in common: a key for hashing, and the key that models are known by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.labels import metadata
from foundation.data_class import DataClass
from foundation.foundation import Foundation
from foundation.secrets import GeneratedSecret, GeneratedSecretArgs, SecretReaders, SecretReadersArgs
from foundation.stack import Stack
from mlops.secret_delivery import DeliveredSecret
from mlops.serving.model import Model
from mlops.serving.model_service import ModelService, ModelServiceArgs
from mlops.serving.pod import HASH_KEY, PodArgs
from mlops.serving.tokens import Tokens
from mlops.workload_secret import CLASS

ROTATE_DAYS: Final = 90
"""A caller or a subject has one hash for so long, and longer only in pods that started before."""


def hash_key(name: str, stack: Stack, foundation: Foundation, parent: pulumi.Resource) -> DeliveredSecret:
    """The secret by which servers hash who calls and whom a request is about."""
    made = GeneratedSecret(
        f"{name}-model-hash-key",
        GeneratedSecretArgs(
            stack=stack,
            rotator=foundation.rotator,
            key_arn=foundation.keys.arns[DataClass.SECRETS],
            description="What callers and subjects are hashed with by the servers of models.",
            rotate_days=ROTATE_DAYS,
        ),
        pulumi.ResourceOptions(parent=parent),
    )
    return DeliveredSecret(HASH_KEY, made.arn)


@dataclass(frozen=True, kw_only=True)
class ModelsArgs:
    stack: Stack
    foundation: Foundation
    models: Sequence[Model]
    """One at least."""
    tokens: Tokens | None
    """Whose tokens callers of published ones bring; none where none is published."""
    domain: str
    buckets: Mapping[DataClass, pulumi.Input[str]]
    """The names of the buckets of models and of the prediction log."""
    signing_key_arn: pulumi.Input[str]
    hash_key: DeliveredSecret
    predictor_arn: pulumi.Input[str]
    """The role of the pods."""
    after: Sequence[pulumi.Resource]


class Models(pulumi.ComponentResource):
    """A service for each model. Nobody but its pods reads the key that they hash with."""

    def __init__(self, name: str, args: ModelsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Models", name, {"models": [each.name for each in args.models]}, opts)
        own = pulumi.ResourceOptions(parent=self)
        readers = SecretReaders(
            f"{name}-hash-key",
            SecretReadersArgs(
                stack=args.stack,
                secret_arn=args.hash_key.arn,
                reader_arns=[args.predictor_arn, args.foundation.rotator.role_arn],
            ),
            own,
        )
        public = aws.kms.get_public_key_output(
            key_id=args.signing_key_arn, opts=pulumi.InvokeOutputOptions(parent=self)
        ).public_key_pem
        pod = PodArgs(
            stack=args.stack,
            artifacts=args.buckets[DataClass.ARTIFACTS],
            phi=args.buckets[DataClass.PHI],
            phi_key_arn=args.foundation.keys.arns[DataClass.PHI],
            signing_key=public,
            secrets_class=CLASS,
            tokens=args.tokens,
        )
        if args.tokens and args.tokens.asked:
            kubernetes.apiextensions.CustomResource(
                f"{name}-token-keys",
                api_version="networking.istio.io/v1",
                kind="ServiceEntry",
                # Where teams write none.
                metadata=metadata("model-token-keys", args.stack.owner, namespace=ns.ISTIO_SYSTEM.name),
                spec=args.tokens.to_provider(ns.SERVING.name),
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
        for model in args.models:
            ModelService(
                f"{name}-{model.name}",
                ModelServiceArgs(model=model, domain=args.domain, pod=pod, after=[readers, *args.after]),
                own,
            )
        self.register_outputs({})
