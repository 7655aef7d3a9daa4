"""The log-in of one worker, put together."""

import os

from mlflow.server import auth

from parapet_mlflow.gate.gate import Gate
from parapet_mlflow.login import accounts
from parapet_mlflow.login.address import GATEWAY
from parapet_mlflow.login.basic import Passwords
from parapet_mlflow.login.login import Login
from parapet_mlflow.login.oidc.caller import SignedOn
from parapet_mlflow.login.oidc.people import People, Told
from parapet_mlflow.login.oidc.provider import Provider
from parapet_mlflow.login.oidc.settings import SignOn
from parapet_mlflow.login.tries import Tries
from parapet_mlflow.secret_files import SecretFiles


def around(gate: Gate, told: Told) -> Login:
    """The log-in around the gate. MLflow's authentication is set up by then."""
    accounts.install()
    tries = Tries(auth.store.engine)
    passwords = Passwords(accounts.checks(), tries)
    return Login(gate, gate.routes.is_free, passwords, _signed_on(tries, told), os.environ.get(GATEWAY, ""))


def _signed_on(tries: Tries, told: Told) -> SignedOn | None:
    if (settings := SignOn.declared()) is None:
        return None
    secrets = SecretFiles.named()
    provider = Provider(settings, secrets.sign_on())
    return SignedOn(settings, provider, secrets.session_keys(), People(auth.store, settings, told), tries)
