"""The plugin's process."""

from __future__ import annotations

from local.plugin import process


def _load() -> process.Served:
    from local.kubernetes.provider.servicer import Servicer, preload

    return process.Served(Servicer, preload)


if __name__ == "__main__":
    process.run("kubernetes", _load, debug="PARAPET_KUBERNETES_DEBUG")
