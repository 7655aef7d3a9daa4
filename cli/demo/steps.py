"""The steps of the demo, in their order. Each runs commands, and tells what came of them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cli.demo import rollout
from cli.demo.calls import Caller
from cli.demo.shell import Failed, wait
from cli.demo.walk import APPROVER, MODEL, STACK, Demo

RECORDS: Final = 250_000
"""With fewer, the groups that gates compare are too small for them (delivery/pipeline/README.md)."""
FEW: Final = 100_000
"""Enough to see that a model has learnt nothing."""
SEEDS: Final = (0, 7, 13, 2, 5, 4)
"""Of splits in which a gate between groups, which chance moves by a tenth at this size, passes."""
FEEDS: Final = {"wrong": (FEW, "label-shift:0.5"), "ours": (RECORDS, ""), "others": (RECORDS, "feature-shift:-3")}
"""How many records, and what is put into each. Wrong: half of those who never came back are said to have, and what
is learnt of that orders nobody by risk. Others: another population's vital signs; a model of theirs is good for them
and passes its gates, and is not for ours."""
WHY: Final = {
    "staging": "It passed its gates.",
    "approve": "I have read its gate report.",
    "prod": "It did well in staging.",
    "rollback": "The demo goes back once.",
    "aborted": "Its canary was aborted.",
}
STOPPED: Final = 3
"""How the pipeline ends where a gate stopped it."""


@dataclass(frozen=True)
class Outcome:
    """What came of a step."""

    happened: tuple[str, ...]
    look: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {"happened": list(self.happened), "look": self.look, "facts": dict(self.facts)}


def platform(demo: Demo) -> Outcome:
    """The stack with its controllers, if it does not run."""
    running = demo.shell.json("status")
    there = bool(running["live"]) and set(running["live"].values()) == {"running"} and running["mlflow_url"]
    if not there:
        demo.shell.run("up", "--live")
    demo.sign_in()
    return Outcome(
        ("It ran already." if there else "Provisioned, with its controllers.",), "./parapet status", {"made": not there}
    )


def data(demo: Demo) -> Outcome:
    """Three feeds at once: ours, one with wrong outcomes, one of another population."""
    begun = [
        demo.beside(
            *("data", "generate", "--rows", str(rows), "--seed", "1", "--out", str(demo.file(name))),
            *(["--inject", injected] if injected else []),
        )
        for name, (rows, injected) in FEEDS.items()
    ]
    for process in begun:
        demo.shell.ended(process, "data", "generate")
    told = "; ".join(
        f"{name}, {rows:,}{f', {injected}' if injected else ''}" for name, (rows, injected) in FEEDS.items()
    )
    return Outcome((f"Stays in a hospital, made up, in three feeds: {told}.",), str(demo.folder))


def baseline(demo: Demo) -> Outcome:
    """What a new version is compared with: the first demo of a stack brings it out, later ones find one."""
    serving = demo.serving().get("prod")
    demo.begin_run("wrong", "refused", SEEDS[0], first=not serving)
    if serving:
        happened = f"Version {serving['version']} serves already."
        return Outcome((happened,), f"./parapet model history {MODEL}", {"version": serving["version"]})
    demo.begin_run("ours", "first", SEEDS[0], first=True)
    registered = demo.end_run("first")["registered"]
    _promote(demo, "first")
    _begin_next(demo)
    version = _release(demo)
    rollout.walk(demo.shell, MODEL, version, lambda seen: seen.phase == "Healthy")
    return Outcome(
        (f"{registered['name']} version {registered['version']} serves, with no canary: there was none before it.",),
        f"./parapet model history {MODEL}",
        {"version": version},
    )


def _begin_next(demo: Demo) -> None:
    """Compared with what serves: begun once that does."""
    for feed, run in (("ours", "next"), ("others", "theirs")):
        if run not in demo.begun:
            demo.begin_run(feed, run, SEEDS[demo.number % len(SEEDS)], first=False)


def register(demo: Demo) -> Outcome:
    """The next version, by the pipeline."""
    _begin_next(demo)
    told = demo.end_run("next")
    registered, inputs = told["registered"], told["run"]["inputs"]
    return Outcome(
        (
            f"Registered {registered['name']} version {registered['version']}, by {registered['author']}.",
            f"Made of data {inputs['dataset'][:19]}..., code {inputs['code'][:12]}, seed {inputs['seed']}.",
        ),
        str(demo.file("next")),
        {"registered": registered, "inputs": inputs},
    )


def refuse(demo: Demo) -> Outcome:
    """A model that learnt from wrong outcomes does not pass its gates."""
    told = demo.end_run("refused", ends=STOPPED)
    if told["registered"]:
        raise Failed("A model that a gate refused was registered all the same.")
    return Outcome(tuple(told["stopped"].splitlines()), str(demo.file("refused")), {"stopped": told["stopped"]})


def promote(demo: Demo) -> Outcome:
    """To staging on its gates, to production with somebody's word who is not its author."""
    serves = _promote(demo, "next")
    staging, prod = serves["staging"], serves["prod"]
    return Outcome(
        (
            f"Version {staging['version']} serves in staging, on its gates.",
            f"Version {prod['version']} may serve in production: {APPROVER} approved, who is not its author.",
            f"Signed: {prod['manifest']}.",
        ),
        f"./parapet model history {MODEL}",
        serves,
    )


def canary(demo: Demo) -> Outcome:
    """The next version gets few calls, then half of them, then all."""
    with demo.caller() as caller:  # before it comes: it is judged by its calls
        version = _release(demo)
        weights = rollout.walk(demo.shell, MODEL, version, lambda seen: seen.weight == 100)
        _none_failed(caller)
    return Outcome(
        (
            f"Version {version} was judged at each of {', '.join(f'{each} %' for each in weights)} of the calls.",
            f"{caller.calls:,} calls came in meanwhile by the gateway, of which none failed.",
        ),
        f"kubectl get rollout,analysisruns --namespace={rollout.NAMESPACE}",
        {"version": version, "weights": weights, "calls": caller.calls, "failed": caller.failed},
    )


def predict(demo: Demo) -> Outcome:
    """One call from outside, as anybody with a token makes it."""
    told = demo.caller().once()
    return Outcome(
        (f"POST {demo.url}/predict was answered: {json.dumps(told)}",),
        f"{demo.url}/card (the model's card)",
        {"answer": told},
    )


def go_back(demo: Demo) -> Outcome:
    """One command, while calls come in."""
    with demo.caller() as caller:
        at = time.monotonic()
        told = demo.shell.json("model", "rollback", MODEL, "--why", WHY["rollback"], "--stack", STACK)
        wait(60, lambda: rollout.look(demo.shell, MODEL).weight == 0, lambda: "calls still go to the other version.")
        seconds = time.monotonic() - at
        time.sleep(3)  # calls after it
        _none_failed(caller)
    return Outcome(
        (
            f"Version {told['version']} has all calls again after {seconds:.1f} s.",
            f"{caller.calls:,} calls came in meanwhile, of which none failed.",
        ),
        f"./parapet model history {MODEL}",
        {"version": told["version"], "seconds": round(seconds, 1), "calls": caller.calls, "failed": caller.failed},
    )


def abort(demo: Demo) -> Outcome:
    """A model that is good for another population passes its gates, and is found out by its first calls."""
    demo.end_run("theirs")
    _promote(demo, "theirs")
    with demo.caller() as caller:
        version = _release(demo)
        weights = rollout.walk(demo.shell, MODEL, version, lambda seen: seen.phase == rollout.ENDED)
        _none_failed(caller)
    run = rollout.judged(demo.shell)
    told = demo.shell.json("model", "rollback", MODEL, "--why", WHY["aborted"], "--stack", STACK)
    return Outcome(
        (
            f"Version {version} passed every gate, on its own population's records.",
            f"At {', '.join(f'{each} %' for each in weights)} of our calls it was aborted: {run}.",
            f"Version {told['version']} serves on; of {caller.calls:,} calls none failed.",
        ),
        f"kubectl get analysisruns --namespace={rollout.NAMESPACE}",
        {"version": version, "weights": weights, "judged": run, "calls": caller.calls, "failed": caller.failed},
    )


def verify(demo: Demo) -> Outcome:
    """Each entry is as it was signed, none is missing, and each was approved as it must be."""
    (found,) = demo.shell.json("model", "verify", MODEL)
    if found["findings"]:
        raise Failed(f"The ledger does not hold: {found['findings']}")
    return Outcome(
        (f"{found['entries']} entries, each as it was signed, none missing.",),
        f"./parapet model history {MODEL}",
        {"entries": found["entries"]},
    )


STEPS: Final[tuple[tuple[str, str, Callable[[Demo], Outcome]], ...]] = (
    ("platform", "The platform, with its controllers", platform),
    ("data", "Records of a hospital, made up", data),
    ("baseline", "What serves today", baseline),
    ("register", "Data to a model: the pipeline and its gates", register),
    ("refuse", "A bad model is refused by a gate", refuse),
    ("promote", "Staging, then production with an approval", promote),
    ("canary", "The canary, while clients call", canary),
    ("predict", "A prediction through the gateway", predict),
    ("rollback", "Back to the version before, in one command", go_back),
    ("abort", "A bad model that passes its gates is aborted by the canary", abort),
    ("verify", "The ledger of all of it", verify),
)


def _promote(demo: Demo, run: str) -> dict[str, dict[str, Any]]:
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


def _release(demo: Demo) -> str:
    """What may serve in production is the stack's from now on; returns its version."""
    told = demo.shell.json("model", "serve", MODEL, "--published", "--no-waits")
    demo.shell.run("up", "--live")
    demo.sign_in()
    return str(told["version"])


def _none_failed(caller: Caller) -> None:
    if caller.failed or not caller.calls:
        raise Failed(f"Of {caller.calls} calls there failed {caller.failed or 'none, for there were none'}.")
