"""A server with sign-on: people by a real provider, jobs by their passwords, roles by groups."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.delivery import browser, identity
from tests.delivery.conftest import prepared
from tests.delivery.identity import CLIENT, SECRET, Provider
from tests.delivery.mlflow import ADMINISTRATOR, ALICE, BOB, Mlflow
from tests.delivery.postgres import Postgres

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

CURRENT = "/api/2.0/mlflow/users/current"
EXPERIMENTS = "/api/2.0/mlflow/experiments"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with identity.serve() as served:
        yield served


@pytest.fixture(scope="module")
def served(
    image: Path, database: Postgres, aws: str, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mlflow]:
    with prepared(image, database, aws, tmp_path_factory.mktemp("sign-on")) as mlflow:
        declared = {
            "issuer": provider.issuer,
            "clientId": CLIENT,
            "url": mlflow.url,
            "roles": {"ward-7": "ward-7-readers"},
            "administrators": "mlflow-administrators",
        }
        mlflow.environment["PARAPET_SIGN_ON"] = json.dumps(declared)
        mlflow.secret("sign-on", SECRET)
        mlflow.with_schema()
        mlflow.start(workers="1")
        yield mlflow


def call(mlflow: Mlflow, method: str, path: str, token: str, **options: Any) -> requests.Response:
    headers = {"authorization": f"Bearer {token}"}
    return requests.request(method, mlflow.url + path, headers=headers, timeout=60, **options)


def sign_in(mlflow: Mlflow, provider: Provider, subject: str) -> tuple[requests.Response, str]:
    """As a browser does, from the page on; returns the last answer and the session's cookie."""
    page = requests.get(mlflow.url + "/", headers={"accept": "text/html"}, allow_redirects=False, timeout=60)
    assert (page.status_code, "location.replace('/sign-in?next='" in page.text) == (200, True)
    begun = requests.get(mlflow.url + "/sign-in?next=%2F", allow_redirects=False, timeout=60)
    back = provider.agrees(begun.headers["location"], subject)
    cookie = begun.headers["set-cookie"].partition(";")[0]
    done = requests.get(back, headers={"cookie": cookie}, allow_redirects=False, timeout=60)
    return done, done.headers.get("set-cookie", "").partition(";")[0]


def test_a_person_signs_in_and_works_with_the_page(served: Mlflow, provider: Provider) -> None:
    provider.knows("1001", preferred_username="Dora.Doe")
    done, cookie = sign_in(served, provider, "1001")
    assert (done.status_code, done.headers["location"]) == (302, "/"), done.text
    with requests.Session() as page:
        page.headers["cookie"] = cookie
        told = page.get(served.url + CURRENT, timeout=60).json()
        assert (told["user"]["username"], told["user"]["is_admin"], told["is_basic_auth"]) == ("dora.doe", False, False)
        assert "<title>MLflow</title>" in page.get(served.url + "/", timeout=60).text
        new = {"name": "of-dora"}
        assert (
            page.post(f"{served.url}/ajax-api/2.0/mlflow/experiments/create", json=new, timeout=60).status_code == 403
        )
        page.headers["sec-fetch-site"] = "same-origin"
        made = page.post(f"{served.url}/ajax-api/2.0/mlflow/experiments/create", json=new, timeout=60)
        assert made.ok, made.text
        # It is hers: the same person by a token, and nobody else.
        experiment = f"{EXPERIMENTS}/get?experiment_id={made.json()['experiment_id']}"
        assert call(served, "GET", experiment, provider.token("1001")).ok
        assert served.call("GET", experiment, ALICE).status_code == 403
    lines = [line for line in served.audit() if line.get("user") == "dora.doe"]
    told = [(line["action"], line.get("status"), line["from"]) for line in lines]
    assert told[:2] == [("sign-on/account", None, "127.0.0.1"), ("sign-in/done", 302, "127.0.0.1")]
    assert lines[0]["request"] == lines[1]["request"]
    assert told.count(("sign-on/account", None, "127.0.0.1")) == 1, "the same person by a token is none"
    assert ("experiments/create", 200, "127.0.0.1") in told


@browser.NEEDED
def test_a_person_signs_in_and_out_with_a_real_browser(served: Mlflow, provider: Provider) -> None:
    """From a page within, by the provider's own page, back to it; with the page's own writes; and out."""
    provider.knows("1020", preferred_username="paula")
    name = f"of-paula-{uuid4().hex[:8]}"
    with browser.opened(served.url) as viewer:
        page = viewer.page
        page.goto(f"{served.url}/#/account")
        page.get_by_role("button", name="Deny").click()
        viewer.shows("You are not signed in")
        page.goto(f"{served.url}/#/account")
        page.locator("input[name=sub]").fill("1020")
        page.get_by_role("button", name="Authorize").click()
        viewer.shows("Logged in as paula")
        assert page.url == f"{served.url}/#/account"
        (cookie,) = [each for each in page.context.cookies() if each["name"] == "__Host-parapet-session"]
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        viewer.open("/experiments", "Experiments")
        page.get_by_role("button", name="Create experiment").click()
        page.get_by_placeholder("Input an experiment name").fill(name)
        page.get_by_role("dialog").get_by_role("button", name="Create").click()
        viewer.shows(name)
        # Another server's page: from this machine too, so that the browser sends the cookie along.
        page.goto(f"{provider.issuer}/")
        how = "{method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'}"
        assert page.evaluate(f"fetch('{served.url}{EXPERIMENTS}/create', {how}).then(told => told.type)") == "opaque"
        page.goto(f"{served.url}/sign-out")
        page.get_by_role("button", name="Sign out").click()
        viewer.shows("End Session")
        page.goto(f"{served.url}/#/account")
        page.wait_for_url(f"{provider.issuer}/**")
    assert not viewer.lacking
    refused = [(each.status, each.path) for each in viewer.refused if each.status in (401, 403)]
    assert refused == [(403, "/sign-in/done"), (403, f"{EXPERIMENTS}/create")]
    told = [(line["action"], line.get("status")) for line in served.audit() if line.get("user") == "paula"]
    for action in (("sign-on/account", None), ("sign-in/done", 302), ("experiments/create", 200), ("sign-out", 303)):
        assert told.count(action) == 1, action


def test_the_published_client_logs_with_a_token(served: Mlflow, provider: Provider) -> None:
    provider.knows("1002", preferred_username="erik")
    program = """
import mlflow
mlflow.set_experiment("of-erik")
with mlflow.start_run():
    mlflow.log_metric("loss", 0.5)
    mlflow.log_text("some text", "a.txt")
    print(mlflow.artifacts.load_text(mlflow.get_artifact_uri("a.txt")))
"""
    environment = {"MLFLOW_TRACKING_URI": served.url, "MLFLOW_TRACKING_TOKEN": provider.token("1002")}
    done = subprocess.run(
        [str(served.image / "bin" / "python"), "-c", program],
        env=served.variables() | environment | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "some text" in done.stdout


def test_a_job_logs_in_with_its_password_and_a_person_has_none(served: Mlflow, provider: Provider) -> None:
    assert served.call("GET", CURRENT, ALICE).json()["user"]["username"] == "alice"
    provider.knows("1003", preferred_username="frida")
    assert call(served, "GET", CURRENT, provider.token("1003")).ok
    new = {"username": "frida", "password": "a-password-for-frida-then"}
    path = "/api/2.0/mlflow/users/update-password"
    answer = served.call("PATCH", path, ADMINISTRATOR, json=new)
    assert (answer.status_code, "signs in with the identity provider" in answer.text) == (400, True), answer.text
    assert served.call("GET", CURRENT, (new["username"], new["password"])).status_code == 401


def test_a_name_that_a_job_has_is_given_to_nobody(served: Mlflow, provider: Provider) -> None:
    provider.knows("1004", preferred_username="alice")
    answer = call(served, "GET", CURRENT, provider.token("1004"))
    assert (answer.status_code, "not this person's" in answer.text) == (401, True)
    done, cookie = sign_in(served, provider, "1004")
    assert (done.status_code, cookie) == (403, "")
    refused = [
        (line["action"], line["status"]) for line in served.audit() if "not this person's" in line.get("reason", "")
    ]
    assert refused == [("users/current", 401), ("sign-in/done", 403)]
    # Nor the name of another person: it is the subject that is one's own, and who has an account keeps it.
    provider.knows("1005", preferred_username="gil")
    provider.knows("1006", preferred_username="gil")
    assert call(served, "GET", CURRENT, provider.token("1005")).ok
    assert call(served, "GET", CURRENT, provider.token("1006")).status_code == 401
    provider.knows("1005", preferred_username="gilbert")
    assert call(served, "GET", CURRENT, provider.token("1005")).json()["user"]["username"] == "gil"


def test_a_persons_account_does_not_become_a_jobs(
    served: Mlflow, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.knows("1010", preferred_username="nightly")
    assert call(served, "GET", CURRENT, provider.token("1010")).ok
    secrets = shutil.copytree(served.secrets, tmp_path / "secrets")
    (secrets / "user-nightly").write_text("the-password-of-a-job-of-the-night")
    monkeypatch.setitem(served.environment, "PARAPET_SECRETS_DIR", str(secrets))
    refused = served.run("migrate", f"--backend-store-uri={served.postgres.uri(served.database)}")
    assert (refused.returncode, "user-nightly is a person's" in refused.stderr) == (1, True), refused.stderr
    assert served.call("GET", CURRENT, ("nightly", "the-password-of-a-job-of-the-night")).status_code == 401


def test_groups_give_roles_and_take_them_away(served: Mlflow, provider: Provider) -> None:
    roles = "/api/3.0/mlflow/users/current/permissions"
    experiment = served.call("POST", f"{EXPERIMENTS}/create", ALICE, json={"name": "of-ward-7"}).json()["experiment_id"]
    provider.knows("1007", preferred_username="hana", groups=["ward-7", "choir"])
    assert call(served, "GET", roles, provider.token("1007")).json()["permissions"] == []
    role = served.postgres.sql("SELECT id FROM roles WHERE name = 'ward-7-readers'", served.database)
    grant = {"role_id": int(role), "resource_type": "experiment", "resource_pattern": experiment, "permission": "READ"}
    added = served.call("POST", "/api/3.0/mlflow/roles/permissions/add", ADMINISTRATOR, json=grant)
    assert added.ok, added.text
    read = f"{EXPERIMENTS}/get?experiment_id={experiment}"
    assert call(served, "GET", read, provider.token("1007")).ok
    provider.knows("1007", preferred_username="hana", groups=["choir"])
    assert {call(served, "GET", read, provider.token("1007")).status_code for _ in range(6)} == {403}
    of_her = [line for line in served.audit() if line.get("user") == "hana"]
    told = [line for line in of_her if line["action"] == "sign-on/groups"]
    for line in told:
        (beside,) = [each for each in of_her if each["request"] == line["request"] and "method" in each]
        assert line["from"] == beside["from"] == "127.0.0.1"
    assert [(line.get("given_role_id"), line.get("taken_role_id"), "is_admin" in line) for line in told] == [
        ([role], None, False),
        (None, [role], False),
    ]


def test_an_older_token_gives_nothing_back_that_a_newer_one_took_away(served: Mlflow, provider: Provider) -> None:
    provider.knows("1011", preferred_username="kira", groups=["mlflow-administrators"])
    before = provider.token("1011")
    time.sleep(1.1)  # `iat` has whole seconds
    provider.knows("1011", preferred_username="kira")
    for token, told in ((provider.token("1011"), "the newer one"), (before, "the older one")):
        user = call(served, "GET", CURRENT, token).json()["user"]
        assert (user["username"], user["is_admin"]) == ("kira", False), told


def test_signing_out_ends_the_session_whoever_has_its_cookie(served: Mlflow, provider: Provider) -> None:
    provider.knows("1012", preferred_username="lars")
    _, cookie = sign_in(served, provider, "1012")
    here = {"cookie": cookie, "sec-fetch-site": "same-origin"}
    assert requests.get(served.url + CURRENT, headers=here, timeout=60).ok
    assert requests.post(f"{served.url}/sign-out", headers=here, allow_redirects=False, timeout=60).ok
    assert requests.get(served.url + CURRENT, headers=here, timeout=60).status_code == 401
    (told,) = [line for line in served.audit() if (line["action"], line.get("user")) == ("sign-out", "lars")]
    assert (told["method"], told["status"], told["from"]) == ("POST", 303, "127.0.0.1")
    _, cookie = sign_in(served, provider, "1012")
    assert requests.get(served.url + CURRENT, headers={"cookie": cookie}, timeout=60).ok


def test_a_name_in_other_letters_is_the_same_name(served: Mlflow, provider: Provider) -> None:
    create, password = "/api/2.0/mlflow/users/create", "the-password-of-an-account"
    assert served.call("POST", create, ADMINISTRATOR, json={"username": "Mona.M", "password": password}).ok
    provider.knows("1013", preferred_username="mona.m")
    answer = call(served, "GET", CURRENT, provider.token("1013"))
    assert (answer.status_code, "Have the administrator delete it" in answer.text) == (401, True), answer.text
    provider.knows("1014", preferred_username="nora.n")
    assert call(served, "GET", CURRENT, provider.token("1014")).ok
    answer = served.call("POST", create, ADMINISTRATOR, json={"username": "Nora.N", "password": password})
    assert (answer.status_code, "signs in with the identity provider" in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("3.0/mlflow/roles/create", {"name": "a-role-of-two"}),
        ("2.0/mlflow/users/create", {"username": "a-user-of-two"}),
    ],
    ids=["role", "user"],
)
def test_what_is_there_already_is_told_without_the_statement(served: Mlflow, path: str, what: dict[str, str]) -> None:
    new = {**what, **({"password": "the-password-of-an-account"} if "username" in what else {"workspace": "default"})}
    answers = [served.call("POST", f"/api/{path}", ADMINISTRATOR, json=new) for _ in range(2)]
    assert answers[0].ok, answers[0].text
    told = answers[1].json()
    assert (told["error_code"], told["message"]) == ("RESOURCE_ALREADY_EXISTS", "There is one of this name already.")


def test_an_outage_of_the_database_is_told_without_its_address(served: Mlflow, provider: Provider) -> None:
    provider.knows("1015", preferred_username="olaf")
    _, cookie = sign_in(served, provider, "1015")
    provider.knows("1016", preferred_username="pia")
    # None of these is remembered by the worker.
    headers = [{"authorization": f"Bearer {provider.token('1016')}"}, {"cookie": cookie}]
    before = served.log.stat().st_size
    served.postgres.sql(f"ALTER DATABASE {served.database} ALLOW_CONNECTIONS false")
    try:
        of_this = f"datname = '{served.database}'"
        served.postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of_this}")  # noqa: S608 (ours)
        answers = [requests.get(served.url + CURRENT, headers=each, timeout=60) for each in headers]
        answers.append(served.call("GET", CURRENT, BOB))
    finally:
        served.postgres.sql(f"ALTER DATABASE {served.database} ALLOW_CONNECTIONS true")
    for answer in answers:
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE"), answer.text
        assert "does not answer" in answer.json()["message"]
    logged = served.log.read_text()[before:]
    assert logged.count("log-in: the database of the accounts does not answer: OperationalError\n") == 3, logged
    assert not [word for word in ("Traceback", "SELECT", "INSERT", served.database, "127.0.0.1:5") if word in logged]
    assert served.call("GET", CURRENT, BOB).ok


def test_the_administrators_group_makes_administrators_while_one_is_in_it(served: Mlflow, provider: Provider) -> None:
    for groups, is_admin in ((["mlflow-administrators"], True), ([], False)):
        provider.knows("1008", preferred_username="ines", groups=groups)
        told = call(served, "GET", CURRENT, provider.token("1008")).json()
        assert told["user"]["is_admin"] == is_admin
    lines = [line for line in served.audit() if (line.get("user"), line["action"]) == ("ines", "sign-on/groups")]
    assert [line["is_admin"] for line in lines] == ["True", "False"]


def test_who_is_nobody_is_told_so(served: Mlflow, provider: Provider) -> None:
    provider.knows("1009", preferred_username="jan")
    token = provider.token("1009")
    for wrong in (token[:-4], provider.token("1009", client="another")):
        answer = call(served, "GET", CURRENT, wrong)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
    # No header makes anybody: what MLflow is told comes from the log-in alone.
    for name in ("x-forwarded-user", "x-parapet-user", "x-mlflow-authorization", "remote-user"):
        assert requests.get(served.url + CURRENT, headers={name: "alice"}, timeout=60).status_code == 401
    assert requests.get(served.url + "/health", timeout=60).text == "OK"


def test_a_secret_that_is_missing_keeps_the_server_from_starting(served: Mlflow) -> None:
    kept = (served.secrets / "sign-on").read_text()
    (served.secrets / "sign-on").unlink()
    try:
        refused = served.run("server", *served.options())
        assert (refused.returncode, "sign-on cannot be read" in refused.stderr) == (1, True), refused.stderr
    finally:
        served.secret("sign-on", kept)
