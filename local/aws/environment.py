"""The plugin's environment, without the user's own AWS settings."""

from __future__ import annotations

import os


def detach_from_user() -> None:
    """Forget the user's own AWS settings in this process, so that nothing of them can reach a call."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
