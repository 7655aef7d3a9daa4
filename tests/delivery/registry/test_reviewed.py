"""A reviewer of a GitHub Environment approves: the workflow of this repository, and what its signature counts for."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from delivery.registry import approval
from delivery.registry.approvers import Through, approvers
from delivery.registry.documents import Environment
from delivery.registry.refused import Refused
from delivery.registry.reviewed import reviewed
from local.workspace import ROOT
from tests.delivery.registry.world import ALICE, AUDIT, AUTHOR, BAD, BOB, GOOD, MODEL, World

STAGING, PROD = Environment.STAGING, Environment.PROD
REPOSITORY, RUN = "hospital/platform", "4711"
JOB = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_RUN_ID": RUN}
WORKFLOWS = ROOT / ".github" / "workflows"
WORKFLOW: dict[Any, Any] = yaml.safe_load((WORKFLOWS / "approve-model.yml").read_text())


def review(login: str, state: str = "approved", environment: str = "production") -> dict[str, Any]:
    """As GitHub's documentation shows one; more fields are there than are read."""
    place = {"id": 161088068, "name": environment, "html_url": "https://github.com/hospital/platform"}
    user = {"login": login, "id": 1, "type": "User", "site_admin": False}
    return {"state": state, "comment": "QZPLANTED", "environments": [place], "user": user}


def told(folder: Path, *reviews: dict[str, Any]) -> Path:
    file = folder / "reviews.json"
    file.write_text(json.dumps(reviews))
    return file


@pytest.fixture
def environment(world: World) -> Path:
    """The private key of the Environment; its public half and people's logins are in the approvers' file."""
    private = Ed25519PrivateKey.generate()
    file = world.folder / "environment.pem"
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    listed = yaml.safe_load(world.approvers.read_text())
    people = [{**each, "github": f"{each['account']}-of-github"} for each in listed if each["account"] != BOB]
    # Bob has no key: he approves as a reviewer alone.
    people.append({"account": BOB, "github": "Bob-Of-Github"})
    own = {"environment": "production", "repository": REPOSITORY, "key": public}
    world.approvers.write_text(yaml.safe_dump([*people, own]))
    return file


def through(login: str, **changed: str) -> Through:
    return Through(**{"environment": "production", "repository": REPOSITORY, "run": RUN, "login": login, **changed})


@pytest.mark.data
def test_a_reviewer_is_an_approver_like_others(world: World, environment: Path) -> None:
    account, by = reviewed(told(world.folder, review("bob-of-github")), "production", world.rules.people, JOB)
    assert (account, by) == (BOB, through("bob-of-github"))
    world.promote(b"two", STAGING)
    report = world.report(b"two")
    own = world.approve(report, AUTHOR, key=environment, through=through("author-of-github"))
    with pytest.raises(Refused, match="author is the model's author"):
        world.promote(b"two", PROD, own)
    world.promote(b"two", PROD, world.approve(report, account, key=environment, through=by))
    (kept,) = world.desk().state(MODEL).entries[2].approvals
    assert kept.statement.through == by


@pytest.mark.data
def test_one_person_by_both_keys_is_one(world: World, environment: Path) -> None:
    world.hold_to(GOOD, BAD)
    report = world.report(b"two", GOOD, BAD)
    way: dict[str, Any] = {"came_from": Environment.DEV, "to": STAGING, "override": ["recall"]}
    both = [
        world.approve(report, ALICE, **way),
        world.approve(report, ALICE, key=environment, through=through("alice-of-github"), **way),
    ]
    with pytest.raises(Refused, match="by two people other than author"):
        world.promote(b"two", STAGING, *both, report=report)
    other = world.approve(report, BOB, key=environment, through=through("bob-of-github"), **way)
    world.promote(b"two", STAGING, both[1], other, report=report)


@pytest.mark.data
def test_what_github_did_not_vouch_for_counts_for_nothing(world: World, environment: Path) -> None:
    report = world.report(b"two")
    world.promote(b"two", STAGING)
    bob = through("bob-of-github")
    for given, says in (
        (world.approve(report, ALICE, key=environment), "is not signed by their key"),
        (world.approve(report, ALICE, through=through("alice-of-github")), "is not signed by their key"),
        (world.approve(report, BOB, key=environment), "bob is no approver"),
        (world.approve(report, ALICE, key=environment, through=bob), "bob-of-github of GitHub is not alice"),
        (world.approve(report, BOB, key=environment, through=through("mallory")), "mallory of GitHub is nobody of"),
        (
            world.approve(report, BOB, key=environment, through=through(bob.login, environment="dev")),
            "is no Environment",
        ),
        (
            world.approve(report, BOB, key=environment, through=through(bob.login, repository="mallory/fork")),
            "is no Envir",
        ),
    ):
        with pytest.raises(Refused, match=says):
            world.promote(b"two", PROD, given)
    made = world.approve(report, BOB, key=environment, through=bob)
    listed = yaml.safe_load(world.approvers.read_text())
    for part in ("account", "environment"):
        ended = [
            {**each, "until": datetime.now(UTC)} if each.get(part) in (BOB, "production") else each for each in listed
        ]
        world.approvers.write_text(yaml.safe_dump(ended))
        with pytest.raises(Refused, match="by a key that has ceased to count"):
            world.promote(b"two", PROD, made, desk=world.desk(after=timedelta(minutes=1)))


@pytest.mark.data
def test_a_run_that_nobody_reviewed_gives_no_approval(world: World, environment: Path) -> None:
    """An Environment that asks for no reviewer is one that anybody may run in."""
    people = world.rules.people
    for reviews, says in (
        ((), "approved for production by nobody"),
        ((review("bob-of-github", "rejected"),), "by nobody"),
        ((review("bob-of-github", environment="staging"),), "by nobody"),
        ((review("bob-of-github"), review("alice-of-github")), "by alice-of-github and bob-of-github"),
        ((review("mallory"),), "mallory of GitHub is nobody of the approvers' file"),
        (({"state": "QZPLANTED"},), "are not as GitHub tells them"),
    ):
        with pytest.raises(Refused, match=says) as refused:
            reviewed(told(world.folder, *reviews), "production", people, JOB)
        assert "QZPLANTED" not in str(refused.value)
    with pytest.raises(Refused, match="GITHUB_RUN_ID is not set"):
        reviewed(told(world.folder), "production", people, {"GITHUB_REPOSITORY": REPOSITORY})
    with pytest.raises(Refused, match="cannot be read"):
        reviewed(world.folder / "gone", "production", people, JOB)


@pytest.mark.data
def test_a_login_and_an_environment_are_in_the_file_once(world: World, environment: Path) -> None:
    listed = yaml.safe_load(world.approvers.read_text())
    for more, says in (
        ({"account": "carol", "github": "BOB-of-github"}, "The login BOB-of-github in .* is there twice"),
        ({**listed[-1], "environment": "other"}, "The key of other in .* is there twice"),
        ({"environment": "other", "repository": REPOSITORY}, "is not as it must be"),
    ):
        world.approvers.write_text(yaml.safe_dump([*listed, more]))
        with pytest.raises(Refused, match=says):
            approvers(world.approvers)


def test_the_workflow_lets_one_job_sign_and_only_behind_the_reviewers() -> None:
    assert set(WORKFLOW[True]) == {"workflow_dispatch"}  # YAML reads `on` as true
    assert WORKFLOW["permissions"] == {}
    jobs = WORKFLOW["jobs"]
    assert (jobs["approve"]["environment"], jobs["approve"]["needs"]) == ("production", "show")
    assert {name for name, job in jobs.items() if "secrets." in json.dumps(job)} == {"approve"}
    assert jobs["approve"]["permissions"] == {"contents": "read", "actions": "read"}
    assert jobs["show"]["permissions"] == {"contents": "read"}
    assert "environment" not in jobs["show"]
    for job in jobs.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "what somebody typed would be run"
            if "uses" in step:
                assert len(step["uses"].partition("@")[2]) == 40, step["uses"]
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.process
def test_what_the_workflow_runs_shows_first_and_then_signs(world: World, environment: Path) -> None:
    """Its script, with a reason and a name that a shell would take for more than they are."""
    folder = world.folder / "checkout"
    (folder / ".github").mkdir(parents=True)
    shutil.copytree(WORKFLOWS, folder / ".github" / "workflows")
    (folder / "parapet").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m cli "$@"\n')
    (folder / "parapet").chmod(0o755)
    why = "Better calibrated $(touch owned) for the ward."
    world.hold_to(GOOD, BAD)
    asked = {"MODEL": MODEL, "TO": "staging", "REPORT": world.report(b"two", GOOD, BAD).read_text(), "WHY": why}
    asked |= {"AUTHOR": AUTHOR}
    asked |= {"OVERRIDE": "recall", "PARAPET_APPROVERS": str(world.approvers), "PARAPET_GATES": str(world.declared)}
    asked |= {"PARAPET_AUDIT_BUCKET": AUDIT}

    def ran(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [".github/workflows/approve-model", *arguments]
        variables = os.environ | asked | JOB | changed
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)

    shown = ran("--show")
    assert (shown.returncode, "FAILED  recall is 0.5" in shown.stdout) == (0, True), shown.stderr
    assert not (folder / "approval.json").exists()
    assert ran("--show", OVERRIDE="").returncode == 1
    reviews = told(world.folder, review("bob-of-github"))
    given = ("--environment", "production", "--reviews", str(reviews), "--key", str(environment))
    done = ran(*given, "--out", "approval.json")
    assert (done.returncode, "Approved by bob until" in done.stdout) == (0, True), done.stderr
    made = approval.load(folder / "approval.json")
    assert (made.statement.approver, made.statement.reason, made.statement.stack) == (BOB, why, AUDIT)
    assert f"of {AUDIT}" in shown.stdout
    assert ran("--show", PARAPET_AUDIT_BUCKET="").returncode == 2, "a stack is named"
    assert made.statement.through == through("bob-of-github")
    assert (made.statement.author, made.statement.stack) == (AUTHOR, AUDIT)
    assert not (folder / "owned").exists()
    unreviewed = told(world.folder)
    assert unreviewed == reviews
    refused = ran(*given)
    assert (refused.returncode, "by nobody" in refused.stderr) == (1, True), refused.stderr
