"""A pod's container as a process: what is changed of what the pod says, and that nothing else is."""

from pathlib import Path
from typing import Any

import pytest

from local.kubernetes.workloads.pod import container_ports, process

FOLDER, IMAGE = Path("/tmp/pod"), {"/opt/parapet/rds-ca.pem": Path("/tmp/ca.crt")}
"""Below a path of the container's own, as a home for tests is."""


def _pod(*arguments: str, **variables: str) -> dict[str, Any]:
    return {
        "containers": [
            {
                "command": ["parapet-mlflow"],
                "args": list(arguments),
                "env": [{"name": name, "value": value} for name, value in variables.items()],
                "ports": [{"name": "http", "containerPort": 5000}],
                "volumeMounts": [
                    {"name": "secrets", "mountPath": "/mnt/secrets"},
                    {"name": "tmp", "mountPath": "/tmp"},
                ],
            }
        ]
    }


def _argument(given: str) -> str:
    return process(_pod(given), {5000: 41000}, IMAGE, FOLDER).command[1]


@pytest.mark.parametrize(
    ("given", "here"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("5000", "41000"),
        ("/mnt/secrets", "/tmp/pod/secrets"),
        ("/tmp/prometheus", "/tmp/pod/tmp/prometheus"),
        ("--dir=/tmp/x", "--dir=/tmp/pod/tmp/x"),
        (
            "postgresql://h:1/d?a=b&sslrootcert=/opt/parapet/rds-ca.pem",
            "postgresql://h:1/d?a=b&sslrootcert=/tmp/ca.crt",
        ),
        ("/mnt/secrets/a,/mnt/secrets/b", "/tmp/pod/secrets/a,/tmp/pod/secrets/b"),
    ],
)
def test_what_is_the_pods_own_becomes_this_machines(given: str, here: str) -> None:
    assert _argument(given) == here


@pytest.mark.parametrize(
    "said", ["50001", "x5000", "s3://bucket/tmp/a", "/tmpfile", "/mnt/secrets2", "10.0.0.0", "server"]
)
def test_nothing_else_changes(said: str) -> None:
    assert _argument(said) == said


def test_variables_change_as_arguments_do() -> None:
    found = process(_pod(HOME="/tmp", PORT="5000", NAME="a"), {5000: 41000}, IMAGE, FOLDER)
    assert found.environment == {"HOME": "/tmp/pod/tmp", "PORT": "41000", "NAME": "a"}
    assert container_ports(_pod()) == {"http": 5000}
