"""A server starts with what it was promised, or says in one line what is missing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.serving.bundles import INPUTS, Input
from tests.delivery.serving.served import GATEWAY, INSIDE, PATIENCE, Served

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

Own = Callable[..., Served]
HERE = Path(__file__).parent


def test_verify_says_what_it_found(own: Own) -> None:
    server = own()
    done = subprocess.run(server.command("verify"), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"readmission 7 {server.digest}: signed, whole, answers as it should\n"


def test_what_runs_the_graph_tells_its_makers_nothing(own: Own, tmp_path: Path) -> None:
    """ONNX Runtime tells them of each session unless it was told not to, and keeps a number for the machine at home."""
    home = tmp_path / "home"
    home.mkdir()
    variables = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run(own().command("verify"), env=variables, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []


def spoilt_answer(server: Served) -> None:
    server.bundle.answer += 0.01
    server.digest = server.bundle.write()


def spoilt_graph(server: Served) -> None:
    server.bundle.graph = b"no graph"
    server.digest = server.bundle.write()


def values_elsewhere(server: Served) -> None:
    server.bundle.graph += b"\x3a\x04\x2a\x02\x70\x01"  # one tensor more in it
    server.digest = server.bundle.write()


def one_field_less(server: Served) -> None:
    server.bundle.inputs = INPUTS[:-1]
    server.digest = server.bundle.write()


def categories_twice(server: Served) -> None:
    server.bundle.inputs = [*INPUTS[:-1], Input("score", "category", categories=["a", "a"])]
    server.digest = server.bundle.write()


def range_upside_down(server: Served) -> None:
    server.bundle.inputs = [*INPUTS[:-1], Input("score", "number", minimum=2, maximum=1)]
    server.digest = server.bundle.write()


def short_key(server: Served) -> None:
    server.hash_key.write_text("short")


def altered(server: Served) -> None:
    (server.bundle.model / "model.onnx").write_bytes(b"!" + server.bundle.graph[1:])


REFUSED: dict[str, tuple[Callable[[Served], None], str]] = {
    "a case that is answered otherwise": (spoilt_answer, "Known case 0: probability is further than 1e-05"),
    "no graph": (spoilt_graph, "model.onnx is no graph"),
    "values in another file": (values_elsewhere, "values of it are in another file, which nobody signed"),
    "a graph of other columns": (one_field_less, "It must take one tensor(float) of [rows, 17]"),
    "a category twice": (categories_twice, "score is a category with none, or with one of them twice"),
    "a range upside down": (range_upside_down, "score has a minimum above its maximum"),
    "a key that is guessed": (short_key, "has 5 bytes. It needs 32"),
    "another model": (altered, "is not what manifest.json says"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_server_that_must_not_serve_says_why(own: Own, what: str) -> None:
    server = own()
    spoil, said = REFUSED[what]
    spoil(server)
    told = server.refusal()
    assert told.startswith("parapet-serving: ")
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("wrong", ["mean", "most", "sum"])
def test_a_model_that_answers_of_others_does_not_serve(own: Own, outside: Path, tmp_path: Path, wrong: str) -> None:
    """Whose requests come together are asked together: one's patient would change another's answer."""
    file, server = tmp_path / "wrong.onnx", own()
    subprocess.run([str(outside / "bin" / "python"), "-P", str(HERE / "graph.py"), str(file), "-1", wrong], check=True)
    server.bundle.graph = file.read_bytes()
    server.digest = server.bundle.write()
    assert "Known case 0: probability is another one when others are asked with it" in server.refusal()


@pytest.mark.parametrize(
    ("promoted", "asked", "said"),
    [
        ({"stage": "prod"}, "prod", ""),
        ({"stage": "staging"}, "staging", ""),
        ({"stage": "staging"}, "", ""),
        ({"stage": "staging"}, "prod", "readmission 7 was promoted for staging, and is to serve in prod."),
        ({"stage": "prod"}, "staging", "readmission 7 was promoted for prod, and is to serve in staging."),
        ({}, "prod", "readmission 7 was promoted for no environment, and is to serve in prod."),
    ],
)
def test_a_model_serves_where_it_was_promoted_for(own: Own, promoted: dict[str, str], asked: str, said: str) -> None:
    """Though it is the one that was asked for, and signed."""
    server = own()
    server.digest = server.bundle.write(facts=promoted)
    server.more["model"] = server.settings()["model"] | {"stage": asked}
    if said:
        assert said in server.refusal()
    else:
        done = subprocess.run(server.command("verify"), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": ({"more": 1}, "unknown field `more`"),
    "nobody could call": ({"tokens": None, "mesh": None}, "neither tokens nor mesh"),
    "a gateway whose callers nobody knows": (
        {"tokens": None, "mesh": {"proxies": ["127.0.0.1"], "callers": [INSIDE], "gateways": [GATEWAY]}},
        "mesh.gateways needs tokens",
    ),
    "a gateway that is a caller too": (
        {"mesh": {"proxies": ["127.0.0.1"], "callers": [INSIDE, GATEWAY], "gateways": [GATEWAY]}},
        f"both name {GATEWAY}",
    ),
    "keys by plain HTTP": (
        {"tokens": {"issuer": "x", "audiences": ["x"], "keys": "http://x"}},
        "tokens.keys is 'http://x'",
    ),
    "a secret as an algorithm": (
        {"tokens": {"issuer": "x", "audiences": ["x"], "keys": "/x", "algorithms": ["HS256"]}},
        "$.tokens.algorithms",
    ),
    "a bucket without a key": ({"predictionLog": {"place": "s3://bucket/x"}}, "predictionLog.keyArn is missing"),
    "a GPU in an image without CUDA": ({"processor": "gpu"}, "processor is gpu, and the ONNX Runtime here has no CUDA"),
    "a processor that is none": ({"processor": "tpu"}, "$.processor"),
    "a port that is none": ({"listening": {"port": 70_000}}, "$.listening.port"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_configuration_that_is_not_as_it_must_be(own: Own, what: str) -> None:
    more, said = SETTINGS[what]
    assert said in own(**more).refusal()
