"""What a pod of ours is and is not allowed, as the level `restricted` asks (Kubernetes, "Pod Security Standards"), and
that it writes to its volumes alone."""

from typing import Any, Final

CONTAINER: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of each of its containers."""


def pod(user: int, *, owns_volumes: bool = True) -> dict[str, Any]:
    """The security context of one that runs as this user, and where it `owns_volumes`, writes to them as that."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        **({"fsGroup": user} if owns_volumes else {}),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
