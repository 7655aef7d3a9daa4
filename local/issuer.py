"""Who issues tokens to the callers of models here: a stand-in for the hospital's identity provider.

A key of the workspace, and a file that says of it what the setting `modelTokens` says on an account. Nobody signs on:
who can read the key is who started the stack.
"""

import json
import time
from typing import Any, Final

from local.files import write_private
from local.workspace import Workspace

ISSUER: Final = "https://issuer.parapet.internal"
"""A name in tokens: nothing answers there."""
AUDIENCE: Final = "parapet-models"
SCOPE: Final = "models.predict"
SECONDS: Final = 3600
"""How long a token is taken."""
ALGORITHM: Final = "ES256"
KEY: Final = "key.json"


def ensure(workspace: Workspace) -> None:
    """Makes the key, and the file that says whose it is, where they are missing."""
    if workspace.issuer.exists():
        return
    from joserfc.jwk import ECKey  # a tenth of a second, once

    key = ECKey.generate_key("P-256")
    key.ensure_kid()
    write_private(workspace.issuer.with_name(KEY), json.dumps(key.as_dict(private=True)).encode())
    public = {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}
    told = {"issuer": ISSUER, "audiences": [AUDIENCE], "keys": json.dumps({"keys": [public]}), "scopes": [SCOPE]}
    write_private(workspace.issuer, json.dumps(told).encode())


def token(workspace: Workspace, subject: str, **claims: Any) -> str:
    """A token for this caller, of an hour; `claims` are others, or stand in the place of its own."""
    from joserfc import jwt
    from joserfc.jwk import ECKey

    key = ECKey.import_key(json.loads(workspace.issuer.with_name(KEY).read_bytes()))
    now = int(time.time())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "scope": SCOPE, "iat": now, "exp": now + SECONDS, **claims}
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, told, key)
