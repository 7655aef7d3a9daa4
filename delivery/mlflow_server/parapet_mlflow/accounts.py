"""The accounts that have a secret: each exists with the password of its file. Others are left alone."""

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.validation import _validate_password, _validate_username

from parapet_mlflow.login.tables import is_a_persons
from parapet_mlflow.refusal import Refused
from parapet_mlflow.secret_files import ACCOUNT, SecretFiles
from parapet_mlflow.secret_files import ADMINISTRATOR as ADMINISTRATORS_FILE

ADMINISTRATOR = "parapet-admin"
"""Not `admin`, which earlier versions of MLflow shipped with a password that everybody knows (GHSA-gq3w-7jj3-x7gr)."""
KNOWN_PASSWORDS = ("password1234",)  # what they shipped; MLflow takes it for any account but an administrator's


def check(secrets: SecretFiles) -> None:
    """Raises Refused where MLflow would take no account of that name, or not that password."""
    for file, name, password in _wanted(secrets):
        _usable(_validate_username, name, f"The account of the secret {secrets.folder / file} has a name")
        _usable(_validate_password, password, f"The secret {secrets.folder / file} holds a password")
        if password in KNOWN_PASSWORDS:
            raise Refused(f"The secret {secrets.folder / file} holds a password that everybody knows. Generate one.")
    if ADMINISTRATOR in secrets.accounts():
        raise Refused(
            f"The secret {secrets.folder / (ACCOUNT + ADMINISTRATOR)} is of the administrator, whose password is in "
            f"{secrets.folder / ADMINISTRATORS_FILE}. Take it away."
        )


def reconcile(uri: str, secrets: SecretFiles) -> None:
    """Makes the accounts as their files say. MLflow itself reads a password only when it creates the first account."""
    store = SqlAlchemyStore()
    store.init_db(uri)
    for file, name, password in _wanted(secrets):
        administers = file == ADMINISTRATORS_FILE
        if is_a_persons(store.engine, name):
            # A job and a person would be one account, and each have what the other is given.
            raise Refused(
                f"The account of the secret {secrets.folder / file} is a person's, who signs on with the identity "
                "provider. Give the job another name, or have the administrator delete the person's account first."
            )
        if not store.has_user(name):
            try:
                store.create_user(name, password, is_admin=administers)
            except MlflowException as error:
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):  # another replica was faster
                    raise
        if not store.authenticate_user(name, password):
            store.update_user(name, password=password)
        if store.get_user(name).is_admin != administers:
            store.update_user(name, is_admin=administers)
    store.engine.dispose()


def _wanted(secrets: SecretFiles) -> list[tuple[str, str, str]]:
    """File, name and password of each account."""
    others = [(ACCOUNT + name, name, password) for name, password in secrets.accounts().items()]
    return [(ADMINISTRATORS_FILE, ADMINISTRATOR, secrets.administrator()), *others]


def _usable(check: "object", value: str, whose: str) -> None:
    assert callable(check)
    try:
        check(value)
    except MlflowException as error:
        raise Refused(f"{whose} that MLflow does not take: {error.message}") from None
