"""What moto finds out anew for each request though it is always the same: a third of the time that an answer takes."""

import functools

from moto.core import DEFAULT_ACCOUNT_ID, responses, utils
from moto.iam import models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from local.aws.api.mending import replace

HOSTS = 1024
"""The most hosts of which it is remembered which service they are: who asks may name any."""


def account_of(access_key: str) -> str:
    """The account whose key it is, as moto's function of this purpose finds it.

    That one looks into each partition, and so makes six where one is used, each with more than a thousand policies.
    What is not there has no keys.
    """
    for account, partitions in list(models.iam_backends.items()):
        if any(access_key in each.access_keys for each in list(partitions.values())):
            return str(account)
    return DEFAULT_ACCOUNT_ID


def mend() -> None:
    """moto lists its own folders, and all methods of a service, at each request."""
    for owner, name, most in (
        (DomainDispatcherApplication, "get_backend_for_host", HOSTS),
        (responses, "method_names_from_class", None),
        (utils, "create_loader", None),  # a new one looks through the folders of all services, for each service
    ):
        replace(owner, name, functools.lru_cache(maxsize=most)(getattr(owner, name)))
    replace(models, "get_account_id_from", account_of)
