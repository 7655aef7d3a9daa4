"""The models of the local stack: which version of each answers, and how a client asks it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from local import issuer
from local.engine.run import Engine
from local.files import write_private
from local.kubernetes.control_plane import ControlPlane, rollouts
from local.kubernetes.live import door
from local.workspace import Workspace

ALIAS = "serving"
"""What the registry calls the version that serves, in the registered model of its environment (delivery/registry)."""


def models(workspace: Workspace, engine: Engine, cluster: ControlPlane | None) -> list[dict[str, Any]]:
    """Each model that the stack was told of, with where a client of this machine asks it, and how far its version is.

    `phase` and `stable` (the version that most calls go to) are the Rollout's own, None where nobody tells.
    """
    here = door.urls(workspace)
    told = engine.outputs().get("models") or []
    live = rollouts.told(workspace, cluster) if told and cluster and cluster.ours else {}
    return [
        {
            **{name: each[name] for name in ("name", "version", "digest", "environment", "published")},
            "alias": ALIAS,
            "registered_model": f"{each['name']}-{each['environment']}",
            "url": here.get(str(urlsplit(each["url"]).hostname), each["url"]),
            **live.get(each["name"], {"phase": None, "stable": None}),
        }
        for each in told
    ]


def line(model: Mapping[str, Any]) -> str:
    """One of `models`, for people: which version, how far it is, where it is asked."""
    version, stable = model["version"], model["stable"]
    behind = f"; most calls go to {stable}" if stable not in (None, version) else ""
    return f"{model['name']} {version} ({model['phase'] or 'not known'}{behind}), {model['url']}"


def credentials(workspace: Workspace, stack: str, caller: str) -> dict[str, str]:
    """The variables with which a client of the Open Inference Protocol asks the stack's first published model, as this
    caller; none where no model is reached from here."""
    engine = Engine(workspace, {}, stack)
    here = set(door.urls(workspace).values())
    reached = [each for each in models(workspace, engine, None) if each["url"] in here]
    if not reached or not workspace.issuer.exists():
        return {}
    authorities = (str(engine.outputs()["certificateAuthorityPem"]), door.authority(workspace))
    write_private(workspace.authorities, "".join(f"{each.strip()}\n" for each in authorities).encode())
    return {
        "PARAPET_INFERENCE_URL": reached[0]["url"],
        "PARAPET_INFERENCE_TOKEN": issuer.token(workspace, caller),
        "PARAPET_CA_FILE": str(workspace.authorities),
    }
