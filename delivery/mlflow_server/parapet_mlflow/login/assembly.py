"""The log-in of one worker, put together."""

from mlflow.server import auth

from parapet_mlflow.login import accounts
from parapet_mlflow.login.asgi import Application
from parapet_mlflow.login.basic import Passwords
from parapet_mlflow.login.login import Login
from parapet_mlflow.login.tries import Tries


def around(application: Application) -> Login:
    """The log-in around an application. MLflow's authentication is set up by then."""
    accounts.install()
    return Login(application, Passwords(accounts.checks(), Tries(auth.store.engine)))
