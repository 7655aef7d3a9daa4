"""A run's model goes on: by the ledger to staging and production, and from there into the stack."""

import json
from pathlib import Path
from typing import Any, Final

from cli.demo.walk import APPROVER, MODEL, Demo

WHY: Final = {
    "staging": "It passed its gates.",
    "approve": "I have read its gate report.",
    "prod": "It did well in staging.",
}


def promote(demo: Demo, run: str) -> dict[str, dict[str, Any]]:
    """What serves in staging and in production then: the run's model, once for good or by a demo that was ended."""
    gates = str(demo.file(run) / "gates.json")
    model = json.loads(Path(gates).read_text())["model"]
    if (serving := demo.serving()).get("staging", {}).get("model") != model:
        version = ("--version", demo.versions[run])
        demo.shell.run(
            "model", "promote", MODEL, "--to", "staging", *version, "--gates", gates, "--why", WHY["staging"]
        )
    if serving.get("prod", {}).get("model") != model:
        approval = str(demo.file(f"{run}-approval.json"))
        demo.shell.run(
            *("model", "approve", MODEL, "--to", "prod", "--gates", gates, "--why", WHY["approve"]),
            *("--key", str(demo.key), "--account", APPROVER, "--out", approval),
        )
        demo.shell.run(
            *("model", "promote", MODEL, "--to", "prod", "--gates", gates, "--approval", approval, "--why", WHY["prod"])
        )
    return demo.serving()


def release(demo: Demo) -> str:
    """What may serve in production is the stack's from now on; returns its version."""
    told = demo.shell.json("model", "serve", MODEL, "--published", "--no-waits")
    demo.shell.run("up", "--live")
    demo.sign_in()
    return str(told["version"])
