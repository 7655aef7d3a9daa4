"""All models of a stack, what each hashes with, and what they have in common: the key that models are known by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.guardrails.quotas import NAME as QUOTA
from cluster.labels import metadata
from foundation.data_class import DataClass
from foundation.foundation import Foundation
from foundation.secrets import GeneratedSecret, GeneratedSecretArgs, SecretReaders, SecretReadersArgs
from foundation.stack import Stack
from mlops.data_path import Workload
from mlops.secret_delivery import DeliveredSecret
from mlops.serving.model import Model
from mlops.serving.model_service import ModelService, ModelServiceArgs
from mlops.serving.pod import HASH_KEY, PodArgs
from mlops.serving.tokens import Tokens

ROTATE_DAYS: Final = 90
"""How long a caller or a subject has one hash, which is how long one can be followed in the record. Each row says which
key it was hashed with (`delivery/serving/README.md`), and labels are joined by the request and not by a hash."""


def hash_keys(
    name: str, stack: Stack, foundation: Foundation, models: Sequence[Model], parent: pulumi.Resource
) -> dict[Model, DeliveredSecret]:
    """The secret of each model, by which its servers hash who calls and whom a request is about.

    None shares one: who comes to have a model's key tries names in that model's record, and in no other's. One who is
    in two records is not the same there; who may know it has the requests' ids.
    """
    found = {}
    for model in models:
        made = GeneratedSecret(
            f"{name}-model-{model.name}-hash-key",
            GeneratedSecretArgs(
                stack=stack,
                rotator=foundation.rotator,
                key_arn=foundation.keys.arns[DataClass.SECRETS],
                description=f"What callers and subjects are hashed with by the servers of {model.name}.",
                rotate_days=ROTATE_DAYS,
                # Nobody needs it once no server hashes by it: what is in the record is found by the requests' ids.
                listed=True,
            ),
            pulumi.ResourceOptions(parent=parent),
        )
        found[model] = DeliveredSecret(HASH_KEY, made.arn)
    return found


@dataclass(frozen=True, kw_only=True)
class ModelsArgs:
    stack: Stack
    foundation: Foundation
    hash_keys: Mapping[Model, DeliveredSecret]
    """Of each model, one at least."""
    tokens: Tokens | None
    """Whose tokens callers of published ones bring; none where none is published."""
    domain: str
    log_seconds: int
    """Within which predictions are written down, where that is sooner than by itself."""
    buckets: Mapping[DataClass, pulumi.Input[str]]
    """The names of the buckets of models and of the prediction log."""
    signing_key_arn: pulumi.Input[str]
    role_arns: Mapping[Workload, pulumi.Input[str]]
    """The role of each model's pods."""
    after: Sequence[pulumi.Resource]


class Models(pulumi.ComponentResource):
    """A service for each model, as an account of its own. Nobody but its pods reads the key that they hash with."""

    signing_key: pulumi.Output[str]
    """PEM: the public half of what signs models."""

    def __init__(self, name: str, args: ModelsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:mlops:Models", name, {"models": [each.name for each in args.hash_keys]}, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.signing_key = aws.kms.get_public_key_output(
            key_id=args.signing_key_arn, opts=pulumi.InvokeOutputOptions(parent=self)
        ).public_key_pem
        pod = PodArgs(
            stack=args.stack,
            artifacts=args.buckets[DataClass.ARTIFACTS],
            phi=args.buckets[DataClass.PHI],
            phi_key_arn=args.foundation.keys.arns[DataClass.PHI],
            signing_key=self.signing_key,
            tokens=args.tokens,
            log_seconds=args.log_seconds,
        )
        if args.tokens and args.tokens.asked:
            kubernetes.apiextensions.CustomResource(
                f"{name}-token-keys",
                api_version="networking.istio.io/v1",
                kind="ServiceEntry",
                # Where teams write none.
                metadata=metadata("model-token-keys", args.stack.owner, namespace=ns.ISTIO_SYSTEM.name),
                spec=args.tokens.to_provider(ns.MODELS.name),
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
        # Of a kind that is new a quota knows no number until the controller manager counts anew, in up to five minutes,
        # and refuses every object of it meanwhile (`guardrails/quotas.py`).
        counted = kubernetes.core.v1.ResourceQuotaPatch(
            f"{name}-counted",
            metadata={
                "name": QUOTA,
                "namespace": ns.MODELS.name,
                "annotations": {"pulumi.com/waitFor": r"jsonpath={.status.used.count/rollouts\.argoproj\.io}"},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        for model, key in args.hash_keys.items():
            readers = SecretReaders(
                f"{name}-{model.name}-hash-key",
                SecretReadersArgs(
                    stack=args.stack,
                    secret_arn=key.arn,
                    reader_arns=[args.role_arns[model.workload], args.foundation.rotator.role_arn],
                ),
                own,
            )
            ModelService(
                f"{name}-{model.name}",
                ModelServiceArgs(model=model, domain=args.domain, pod=pod, after=[readers, counted, *args.after]),
                own,
            )
        self.register_outputs({})
