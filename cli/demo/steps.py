"""The steps of the demo, in their order. Each runs commands, and tells what came of them."""

import json
from collections.abc import Callable
from typing import Final

from cli.demo import releasing, rollout
from cli.demo.drifting import drift
from cli.demo.outcome import Outcome, none_failed
from cli.demo.shell import Failed
from cli.demo.walk import APPROVER, MODEL, STACK, Demo
from local.kubernetes.control_plane import rollouts

RECORDS: Final = 60_000
"""Enough for what gates ask of the three largest groups, by whom most people are judged, and too few for the others to
count: each would be held to an interval of its own (delivery/pipeline/README.md)."""
FEW: Final = 20_000
"""Enough to see that a model has learnt nothing."""
SEEDS: Final = (1, 2, 4, 5, 9, 10, 18, 20, 24, 25, 27, 30)
"""Of splits in which the gates between groups, which chance moves by a tenth at this size, pass by ours and by the
others' records, against the model of the first one."""
FEEDS: Final = {"wrong": (FEW, "label-shift:0.5"), "ours": (RECORDS, ""), "others": (RECORDS, "feature-shift:-2.8")}
"""How many records, and what is put into each. Wrong: half of those who never came back are said to have, and what
is learnt of that orders nobody by risk. Others: another population's vital signs; a model of theirs is good for them
and passes its gates, and is not for ours. By three deviations creatinine would be 0.41 of ours, which from a few
thousand records is told as another unit, inches for centimetres, and not as another population."""
WHY: Final = "Its canary was aborted."
STOPPED: Final = 3
"""How the pipeline ends where a gate stopped it."""


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
    releasing.promote(demo, "first")
    _begin_next(demo)
    version = releasing.release(demo)
    rollout.walk(demo.shell, MODEL, version, lambda seen: seen.phase == rollout.WELL)
    return Outcome(
        (f"{registered['name']} version {registered['version']} serves, with no canary: there was none before it.",),
        f"./parapet model history {MODEL}",
        {"version": version},
    )


def _begin_next(demo: Demo) -> None:
    """Compared with what serves: begun once that does."""
    for feed, run in (("ours", "next"), ("others", "theirs")):
        if run not in demo.begun:
            demo.begin_run(feed, run, of_next(demo.number), first=False)


def of_next(number: int) -> int:
    """The seed of a demo's next model: never that of the first one, to which each demo goes back."""
    return SEEDS[1 + number % (len(SEEDS) - 1)]


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
    serves = releasing.promote(demo, "next")
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
        version = releasing.release(demo)
        seen = rollout.walk(demo.shell, MODEL, version, lambda seen: seen.weight == 100)
        weights = sorted({*seen, *rollout.judged_at(demo.shell, MODEL)})
        demo.checks.begin()  # of these calls, while the next steps go on
        none_failed(caller)
    return Outcome(
        (
            f"Version {version} was judged at each of {', '.join(f'{each} %' for each in weights)} of the calls.",
            f"{caller.calls:,} calls came in meanwhile by the gateway, of which none failed.",
        ),
        f"kubectl get rollout,analysisruns --namespace={rollouts.NAMESPACE}",
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


def abort(demo: Demo) -> Outcome:
    """A model that is good for another population passes its gates, and is found out by its first calls."""
    demo.end_run("theirs")
    releasing.promote(demo, "theirs")
    with demo.caller() as caller:
        version = releasing.release(demo)
        seen = rollout.walk(demo.shell, MODEL, version, lambda seen: seen.phase == rollout.ENDED)
        weights = sorted({*seen, *rollout.judged_at(demo.shell, MODEL)})
        none_failed(caller)
    run = rollout.judged(demo.shell)
    told = demo.shell.json("model", "rollback", MODEL, "--why", WHY, "--stack", STACK)
    return Outcome(
        (
            f"Version {version} passed every gate, on its own population's records.",
            f"At {', '.join(f'{each} %' for each in weights)} of our calls it was aborted: {run}.",
            f"Version {told['version']} serves on; of {caller.calls:,} calls none failed.",
        ),
        f"kubectl get analysisruns --namespace={rollouts.NAMESPACE}",
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
    ("drift", "Drift arrives: found, told, gone back from by the runbook", drift),
    ("abort", "A bad model that passes its gates is aborted by the canary", abort),
    ("verify", "The ledger of all of it", verify),
)
