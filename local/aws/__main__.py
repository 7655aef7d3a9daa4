"""The plugin's process."""

from __future__ import annotations

from local.plugin import process


def _load() -> process.Served:
    from local.aws.environment import detach_from_user
    from local.aws.servicer import Servicer, preload

    detach_from_user()
    return process.Served(Servicer, preload)


if __name__ == "__main__":
    process.run("aws", _load, debug="PARAPET_AWS_DEBUG")
