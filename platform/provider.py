"""The providers, through which everything is provisioned: one for AWS, one for the cluster's Kubernetes."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import yaml

from cluster.control_plane import ControlPlane
from foundation import data_class
from mlops.serving.tokens import Tokens
from settings import Settings

ENDPOINT: Final = "AWS_ENDPOINT_URL"
"""Where a local AWS API is. The AWS provider reads it itself, so that a changed port changes nothing in the stack."""
KUBECONFIG: Final = "KUBECONFIG"
"""The file that says where a local cluster is, which the Kubernetes provider reads itself."""
OWN_KUBECONFIG: Final = "PARAPET_KUBECONFIG"
"""A cluster of the user's own, wherever it is, in place of a local one."""
LIVE: Final = "PARAPET_LIVE"
"""The address of a local stack's live gateway: there where its controllers really run."""
ISSUER: Final = "PARAPET_ISSUER"
"""The file that says who issues tokens to a local stack's callers, with the public key: what `modelTokens` says."""


def aws_provider(settings: Settings) -> aws.Provider:
    """The provider for the Region and the account that the settings name; it tags whatever can be tagged.

    Raises `pulumi.RunError` when the settings ask for a local AWS API and none is named, or when the cluster that goes
    with it is not on this machine (unless PARAPET_KUBECONFIG names it): all of it before anything is made.
    """
    if settings.local_aws:
        _require_loopback_endpoint()
        _require_loopback_cluster()
    local = True if settings.local_aws else None
    return aws.Provider(
        settings.name,
        region=settings.region,
        allowed_account_ids=[settings.allowed_account_id] if settings.allowed_account_id else None,
        default_tags={
            "tags": {
                **settings.tags,
                data_class.TAG: data_class.NO_DATA,
            }
        },
        # A local API has no host name a bucket, no real credentials and no instance metadata.
        s3_use_path_style=local,
        skip_credentials_validation=local,
        skip_metadata_api_check=local,
        skip_region_validation=local,
    )


def kubernetes_provider(
    settings: Settings, control_plane: ControlPlane, after: Sequence[pulumi.Resource]
) -> k8s.Provider:
    """The provider for the cluster's own API, as whoever runs the program: a token of a few minutes, from IAM.

    A local stack takes the cluster that KUBECONFIG names: its state knows the file, not the address in it. What
    somebody changed by hand is put back, as it is in the add-ons: one field that another manager holds would stop every
    update else.
    """
    if settings.local_aws:
        return k8s.Provider(settings.name, enable_patch_force=True)
    return k8s.Provider(
        settings.name,
        enable_patch_force=True,
        kubeconfig=kubeconfig(settings, control_plane),
        opts=pulumi.ResourceOptions(depends_on=[*control_plane.administered, *after]),
    )


def webhooks(settings: Settings) -> bool:
    """Whether the API server reaches what the charts put before it: everywhere but on a local stack without them."""
    return not settings.local_aws or LIVE in os.environ


def gateway_address(settings: Settings) -> str:
    """Where a local stack's live gateway listens; empty for every other stack."""
    return os.environ.get(LIVE, "") if settings.local_aws else ""


def model_tokens(settings: Settings) -> Tokens | None:
    """Whose tokens callers of models bring: a local stack that names nobody has an issuer of its own.

    Raises `pulumi.RunError` where a model is published and there is none.
    """
    if settings.tokens or not any(each.published for each in settings.models):
        return settings.tokens
    named = os.environ.get(ISSUER, "") if settings.local_aws else ""
    try:
        return Tokens.model_validate_json(Path(named).read_text())
    except (OSError, ValueError):
        raise pulumi.RunError(
            f"A model is published, parapet:modelTokens names nobody whose tokens its callers bring, and {ISSUER} "
            f"{f'is {named}, which says nobody' if named else 'is not set'}. Name an identity provider there, or start "
            'a local stack and enter its shell: ./parapet up, then eval "$(./parapet env)".'
        ) from None


def kubeconfig(settings: Settings, control_plane: ControlPlane) -> pulumi.Output[str]:
    """How to reach the cluster, without any secret: kubectl and the provider ask the AWS CLI for a token each time."""
    token = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", control_plane.cluster_name, "--region", settings.region],
        "interactiveMode": "Never",
    }
    cluster = {
        "server": control_plane.endpoint,
        "certificate-authority-data": control_plane.certificate_authority,
    }
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "eks", "cluster": cluster}],
            "users": [{"name": "aws", "user": {"exec": token}}],
            "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "aws"}}],
            "current-context": "eks",
        }
    )


def _require_loopback_cluster() -> None:
    named, own = os.environ.get(KUBECONFIG, ""), os.environ.get(OWN_KUBECONFIG, "")
    if own and named == own:
        return
    server = _server(Path(named)) if named else None
    if server and _is_loopback(server):
        return
    found = f"leads to {server or 'no cluster'}" if named else "is not set"
    raise pulumi.RunError(
        f"parapet:localAws is true and {KUBECONFIG} {found}; it must lead to a Kubernetes API on a loopback address. "
        f'Start one and enter its shell: ./parapet up, then eval "$(./parapet env)"; or name a cluster of your own in '
        f"{OWN_KUBECONFIG}."
    )


def _server(kubeconfig: Path) -> str | None:
    """The address that the current context of a kubeconfig file leads to, or None."""
    try:
        config = yaml.load(kubeconfig.read_text(), yaml.CSafeLoader)
        contexts = {each["name"]: each["context"]["cluster"] for each in config["contexts"]}
        clusters = {each["name"]: str(each["cluster"]["server"]) for each in config["clusters"]}
        return clusters[contexts[config["current-context"]]]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None


def _require_loopback_endpoint() -> None:
    endpoint = os.environ.get(ENDPOINT, "")
    if _is_loopback(endpoint):
        return
    found = f"is {endpoint}" if endpoint else "is not set"
    raise pulumi.RunError(
        f"parapet:localAws is true and {ENDPOINT} {found}; it must be the URL of an AWS API on a loopback address, "
        'such as http://127.0.0.1:5000. Start one and enter its shell: ./parapet up, then eval "$(./parapet env)".'
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
