"""RDS: an instance of engine postgres is to be served on this machine, and its managed password is a random one."""

import base64
import json
import os
from typing import Any

from moto.moto_api._internal.urls import url_paths
from moto.rds.models import DBInstance, MasterUserSecret, OptionGroup, RDSBackend, rds_backends

from local import processes
from local.aws.api import rotation
from local.aws.api.mending import replace

PASSWORDS = "/moto-api/parapet/database-passwords"
SINCE = {("mysql", "8.4"): "8.0"}
"""Versions of which moto's list of 2022 knows nothing, and the last one that it knows."""
DAYS = 7  # Amazon RDS User Guide, "Password management with AWS Secrets Manager": the default rotation

_make = DBInstance.__init__
_address = DBInstance.address
_create_option_group = RDSBackend.create_option_group
_create_secret = MasterUserSecret._create_secret  # pyright: ignore[reportPrivateUsage] # the method that is mended


def make(instance: DBInstance, *given: Any, **named: Any) -> None:
    """Make an instance with an id of its own; and with a free port, whatever its program named, where it is served."""
    _make(instance, *given, **named)
    instance.dbi_resource_id = f"db-{base64.b32encode(os.urandom(20)).decode()[:26]}"
    if instance.engine == "postgres":
        taken = {one.port for one in instance.backend.databases.values() if one.port}
        instance.port = processes.choose_port(None, taken=taken)


def address(instance: DBInstance) -> str:
    """Where a client reaches the instance: a keeper serves postgres here, nobody serves the others."""
    return "localhost" if instance.engine == "postgres" else _address.__get__(instance)


def create_option_group(backend: RDSBackend, asked: dict[str, Any]) -> OptionGroup:
    """The group, of a version too that is newer than moto's list."""
    version = asked["major_engine_version"]
    asked["major_engine_version"] = SINCE.get((asked["engine_name"], version), version)
    made = _create_option_group(backend, asked)
    made.major_engine_version = version
    return made


def secret_string(secret: MasterUserSecret) -> str:
    """The first value: the program's own user name, and a password that nobody chose."""
    return rotation.credentials(secret.secretsmanager, str(secret.resource.master_username))


def create_secret(secret: MasterUserSecret, kms_key_id: str | None) -> Any:
    """The secret, which rotates by itself."""
    made = _create_secret(secret, kms_key_id)
    made.rotation_requested = made.rotation_enabled = True
    made.auto_rotate_after_days = DAYS
    return made


def tell_passwords(request: Any, full_url: str, headers: Any) -> tuple[int, dict[str, str], str]:
    """The password of each instance whose program gave one, by resource id: AWS's own API tells it to nobody."""
    found = {
        one.dbi_resource_id: one._master_user_password  # pyright: ignore[reportPrivateUsage] # it tells it to nobody
        for regions in rds_backends.values()
        for backend in regions.values()
        for one in backend.databases.values()
        if one.engine == "postgres" and one._master_user_password  # pyright: ignore[reportPrivateUsage] # likewise
    }
    return 200, {"Content-Type": "application/json"}, json.dumps(found)


def mend() -> None:
    """moto gives every managed password the same value and every instance the same id, and addresses that lead nowhere.

    The keeper of the databases asks at `PASSWORDS` what a program has chosen.
    """
    url_paths["{0}" + PASSWORDS] = tell_passwords
    replace(DBInstance, "__init__", make)
    replace(DBInstance, "address", property(address))
    replace(RDSBackend, "create_option_group", create_option_group)
    replace(MasterUserSecret, "_generate_secret_string", secret_string)
    replace(MasterUserSecret, "_create_secret", create_secret)
