"""A pod's container as a process: what is changed of what the pod says, and that nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.kubernetes.workloads.pod import Here, Pod, mounted, process, told

FOLDER, IMAGE = Path("/tmp/pod"), {"/opt/parapet/rds-ca.pem": Path("/tmp/ca.crt")}
"""Below a path of the container's own, as a home for tests is."""


def _container(*arguments: str, **variables: str) -> dict[str, Any]:
    return {
        "name": "server",
        "image": f"registry.test/parapet/mlflow@sha256:{'0' * 64}",
        "command": ["parapet-mlflow"],
        "args": list(arguments),
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [{"name": "http", "containerPort": 5000}],
        "volumeMounts": [
            {"name": "secrets", "mountPath": "/mnt/secrets"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


HERE = Here({5000: 41000}, mounted(_container(), FOLDER) | IMAGE)


def _argument(given: str) -> str:
    return process({}, _container(given), HERE).command[1]


@pytest.mark.parametrize(
    ("given", "here"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.6", "127.0.0.1"),
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
    found = process({}, _container(HOME="/tmp", PORT="5000", NAME="a"), HERE)
    assert found.environment == {"HOME": "/tmp/pod/tmp", "PORT": "41000", "NAME": "a"}


def test_the_container_is_the_one_whose_image_is_built_here_wherever_it_stands() -> None:
    """A mesh puts its own beside it."""
    proxy = {"name": "istio-proxy", "image": "registry.test/proxyv2:1", "ports": [{"name": "x", "containerPort": 1}]}
    first = {"name": "fetch", "image": "registry.test/mlflow:2", "command": ["fetch"]}
    spec = {"initContainers": [{**proxy, "restartPolicy": "Always"}, first], "containers": [proxy, _container()]}
    pod = Pod({"spec": spec}, "mlflow")
    assert (pod.container["name"], pod.ports) == ("server", {"http": 5000})
    assert pod.initial == [first]
    with pytest.raises(LookupError, match="has the image serving"):
        _ = Pod({"spec": spec}, "serving").container


def _telling(*items: tuple[str, str], **annotations: str) -> Pod:
    said = [{"path": path, "fieldRef": {"fieldPath": field}} for path, field in items]
    volumes = [{"name": "configuration", "downwardAPI": {"items": said}}, {"name": "tmp", "emptyDir": {}}]
    meta = {"annotations": annotations, "labels": {"app": "server"}}
    return Pod({"metadata": meta, "spec": {"containers": [_container()], "volumes": volumes}}, "mlflow")


def test_what_a_pod_says_of_itself_is_a_file_of_its_volume() -> None:
    pod = _telling(("key.pem", "metadata.annotations['key']"), ("app", "metadata.labels['app']"), key="-----BEGIN")
    assert list(told(pod, HERE)) == [("configuration", "key.pem", "-----BEGIN"), ("configuration", "app", "server")]
    for other in ("status.podIP", "metadata.name"):
        with pytest.raises(LookupError, match=other):
            list(told(_telling(("file", other)), HERE))


def test_in_a_document_each_value_changes_as_an_argument_does() -> None:
    said = {
        "listening": {"host": "0.0.0.0", "port": 5000, "other": 5001},
        "proxies": ["127.0.0.6", "10.0.0.1"],
        "place": "/tmp/kept",
        "source": "s3://bucket/tmp",
        "on": True,
        "share": 0.5,
        "none": None,
    }
    pod = _telling(("file", "metadata.annotations['said']"), said=json.dumps(said))
    ((_, _, content),) = told(pod, HERE)
    assert json.loads(content) == {
        **said,
        "listening": {"host": "127.0.0.1", "port": 41000, "other": 5001},
        "proxies": ["127.0.0.1", "10.0.0.1"],
        "place": "/tmp/pod/tmp/kept",
    }
    assert HERE.document("5000") == "5000", "a text alone is no document"
