"""The instances of engine postgres that the local AWS API lists, with what their servers need to know."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.workspace import LOCAL_REGION


@dataclass(frozen=True)
class Instance:
    """One instance, as its API describes it. The password is None where the API does not tell it."""

    resource_id: str
    identifier: str
    port: int
    username: str
    database: str | None
    password: str | None = field(repr=False)
    settings: dict[str, str]


class Instances:
    """Reads what the AWS API at an endpoint wants to be served."""

    def __init__(self, endpoint: str) -> None:
        # Half a second, which whoever wants to know of an instance alone should not wait for.
        import boto3
        from botocore.config import Config

        # The credentials are in the environment that the local stack gives (`local.workspace.exports`).
        session = boto3.Session(region_name=LOCAL_REGION)
        self._endpoint = endpoint
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        self._rds = session.client("rds", endpoint_url=endpoint, config=config)
        self._secrets = session.client("secretsmanager", endpoint_url=endpoint, config=config)

    def wanted(self) -> list[Instance]:
        """All of them; raises what boto3 raises where the API does not answer."""
        return [self._instance(told) for told in self._listed() if told["Engine"] == "postgres"]

    def _listed(self) -> Iterator[dict[str, Any]]:
        for page in self._rds.get_paginator("describe_db_instances").paginate():
            yield from page["DBInstances"]

    def _instance(self, told: dict[str, Any]) -> Instance:
        secret = told.get("MasterUserSecret", {}).get("SecretArn")
        return Instance(
            resource_id=told["DbiResourceId"],
            identifier=told["DBInstanceIdentifier"],
            port=told["Endpoint"]["Port"],
            username=told["MasterUsername"],
            database=told.get("DBName"),
            password=self._managed_password(secret) if secret else self._chosen_password(told["DbiResourceId"]),
            settings=self._settings(told),
        )

    def _managed_password(self, secret: str) -> str:
        value = self._secrets.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"]
        password: str = json.loads(value)["password"]
        return password

    def _chosen_password(self, resource_id: str) -> str | None:
        # What a program chose is told by the stand-in alone (`local.aws.api.databases`).
        with urllib.request.urlopen(f"{self._endpoint}/moto-api/parapet/database-passwords", timeout=10) as answer:  # noqa: S310
            found: dict[str, str] = json.load(answer)
        return found.get(resource_id)

    def _settings(self, told: dict[str, Any]) -> dict[str, str]:
        """What the parameter group sets by itself; AWS's own groups set nothing that the local API knows."""
        found: dict[str, str] = {}
        for group in told.get("DBParameterGroups", []):
            name = group["DBParameterGroupName"]
            if name.startswith("default."):
                continue
            for page in self._rds.get_paginator("describe_db_parameters").paginate(
                DBParameterGroupName=name, Source="user"
            ):
                given = [one for one in page["Parameters"] if "ParameterValue" in one]
                found |= {one["ParameterName"]: one["ParameterValue"] for one in given}
        return found
