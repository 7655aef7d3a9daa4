"""The password with which an access key speaks SMTP to SES."""

from __future__ import annotations

import base64
import hmac

_VERSION = b"\x04"


def smtp_password(secret: str, region: str) -> str:
    """The SMTP password of a secret access key in a Region, as AWS documents it (signature version 4)."""
    signature = f"AWS4{secret}".encode()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.digest(signature, part.encode(), "sha256")
    return base64.b64encode(_VERSION + signature).decode()
