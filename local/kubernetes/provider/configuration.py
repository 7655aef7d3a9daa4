"""The provider's settings, checked before anything is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.kubernetes.provider import kubeconfig
from local.kubernetes.provider.kubeconfig import Access, KubeconfigError
from local.plugin import journal
from local.plugin.checks import Failure
from local.plugin.journal import Left
from local.plugin.values import UNKNOWN
from local.workspace import LIVE

_UNSUPPORTED = {
    "renderYamlToDirectory": "rendering to files is the official plugin's",
}
NO_CLUSTER = "PARAPET_NO_CLUSTER"
"""Environment variable of a preview for which no cluster is there yet, whatever the settings lead to."""
_SWITCHES = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
}


@dataclass(frozen=True)
class Settings:
    """The settings; without `access` the cluster is not known yet, and nothing is called."""

    access: Access | None
    namespace: str
    balances: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    patch_force: bool = False
    upsert: bool = False
    mutable_config_maps: bool = False
    mutable_secrets: bool = False
    quiet: bool = False
    left: Mapping[str, Left] = field(default_factory=dict)
    """What killed runs were making or had made."""


def check(settings: Mapping[str, Any], environment: Mapping[str, str]) -> list[Failure]:
    """What is wrong with the settings: an unreachable place, a mode that the stand-in does not have."""
    failures = [
        Failure(name, f"{name} is not supported by the stand-in: {why}")
        for name, why in _UNSUPPORTED.items()
        if settings.get(name)
    ]
    apply = settings.get("enableServerSideApply", environment.get("PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY"))
    if apply is not UNKNOWN and apply is not None and not _is_true(apply):
        failures.append(
            Failure("enableServerSideApply", "the stand-in applies on the server's side only. Leave it away, or true")
        )
    if not _unknown(settings, environment):
        try:
            _access(settings, environment)
        except KubeconfigError as error:
            failures.append(Failure("kubeconfig", str(error)))
    return failures


def configure(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings as they are used. Raises KubeconfigError."""
    access = None if _unknown(settings, environment) else _access(settings, environment)
    given = settings.get("namespace")
    named = str(given) if given and given is not UNKNOWN else ""

    def on(name: str) -> bool:
        return _is_true(settings.get(name, environment.get(_SWITCHES[name], "false")))

    return Settings(
        access=access,
        namespace=named or (access.namespace if access else "default"),
        balances=any(environment.get(name) for name in (kubeconfig.OWN_CLUSTER, LIVE)),
        delete_unreachable=on("deleteUnreachable"),
        skip_update_unreachable=on("skipUpdateUnreachable"),
        patch_force=on("enablePatchForce"),
        upsert=on("upsertExistingObjects"),
        mutable_config_maps=on("enableConfigMapMutable"),
        mutable_secrets=on("enableSecretMutable"),
        quiet=on("suppressDeprecationWarnings"),
        left=journal.left(environment),
    )


def other_cluster(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether new settings lead to another cluster, so that all its resources are to be made anew.

    Only a `clusterIdentifier` tells: a local control plane may come back on another port and be the same.
    """
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    return bool(before and after) and before != after and UNKNOWN not in (before, after)


def _access(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Access:
    return kubeconfig.load(settings.get("kubeconfig"), settings.get("context"), settings.get("cluster"), environment)


def _unknown(settings: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    return bool(environment.get(NO_CLUSTER)) or any(
        settings.get(name) is UNKNOWN for name in ("kubeconfig", "context", "cluster")
    )


def _is_true(value: Any) -> bool:
    # The engine sends a provider's switches as JSON in texts.
    return value is True or str(value).strip().lower() == "true"
