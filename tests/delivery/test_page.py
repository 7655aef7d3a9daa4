"""MLflow's page in a real browser: each of its pages is whole, nothing on it fails, and what is refused says why."""

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.delivery.browser import NEEDED, signed_in
from tests.delivery.mlflow import ALICE, BOB, Mlflow
from tests.delivery.teams import API, GRANT, asked
from tests.delivery.test_attacks_served import account

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow"), NEEDED]

SEED = Path(__file__).parent / "page_seed.py"
EXPERIMENT, RUN = "/experiments/:experimentId", "/experiments/:experimentId/runs/:runUuid"
MODEL, VERSION = "/models/:modelName", "/models/:modelName/versions/:version"
PAGES: dict[str, list[tuple[str, ...]]] = {
    # Each as the page's own table of routes has it, to what is opened of it and the words that are then to be read.
    "/": [("/", "Ward 7/:word")],
    "/experiments": [("/experiments", "Ward 7/:word")],
    EXPERIMENT: [(EXPERIMENT, "Usage")],
    f"{EXPERIMENT}/runs": [(f"{EXPERIMENT}/runs", "run 0 of :word", "cohort")],
    f"{EXPERIMENT}/overview/:overviewTab": [(f"{EXPERIMENT}/overview/{tab}", "Usage") for tab in ("usage", "quality")],
    RUN: [(RUN, "run 0 of :word", "rate", "sepsis-:word")],
    f"{RUN}/*": [
        (f"{RUN}/model-metrics", "auc", "loss"),
        (f"{RUN}/system-metrics", "cpu_utilization_percentage"),
        (f"{RUN}/traces", "because"),
        (f"{RUN}/artifacts", "picture.png"),
    ],
    f"{RUN}/artifactPath/*": [(f"{RUN}/artifactPath/rows.csv", "rows.csv")],
    "/runs/:runUuid": [("/runs/:runUuid", "run 0 of :word", "rate")],
    "/compare-runs": [('/compare-runs?runs=[":runUuid",":otherRun"]&experiments=[":experimentId"]', "rate", "auc")],
    "/compare-experiments/:searchString": [
        ('/compare-experiments/s?experiments=[":experimentId",":otherExperiment"]', "run 0 of :word")
    ],
    f"{EXPERIMENT}/models": [(f"{EXPERIMENT}/models", "logged-:word")],
    f"{EXPERIMENT}/models/:loggedModelId": [(f"{EXPERIMENT}/models/:loggedModelId", "logged-:word", "sepsis-:word")],
    f"{EXPERIMENT}/models/:loggedModelId/:tabName": [
        (f"{EXPERIMENT}/models/:loggedModelId/artifacts", "MLmodel"),
        (f"{EXPERIMENT}/models/:loggedModelId/traces", "logged-:word"),
    ],
    f"{EXPERIMENT}/traces": [(f"{EXPERIMENT}/traces", "because")],
    f"{EXPERIMENT}/traces/:traceId": [(f"{EXPERIMENT}/traces/:traceId", "look up")],
    f"{EXPERIMENT}/chat-sessions": [(f"{EXPERIMENT}/chat-sessions", "The Sessions view has moved")],
    f"{EXPERIMENT}/chat-sessions/:sessionId": [(f"{EXPERIMENT}/chat-sessions/:sessionId", "because")],
    f"{EXPERIMENT}/datasets": [(f"{EXPERIMENT}/datasets", "records-:word")],
    f"{EXPERIMENT}/datasets/:datasetId": [(f"{EXPERIMENT}/datasets/:datasetId", '{"q":"a"}')],
    f"{EXPERIMENT}/evaluation-runs": [(f"{EXPERIMENT}/evaluation-runs", "run 0 of :word")],
    f"{EXPERIMENT}/evaluation-runs/:runUuid": [(f"{EXPERIMENT}/evaluation-runs/:runUuid", "About this run")],
    f"{EXPERIMENT}/judges": [(f"{EXPERIMENT}/judges", "New LLM judge")],
    f"{EXPERIMENT}/review-queue": [(f"{EXPERIMENT}/review-queue", "Review")],
    f"{EXPERIMENT}/prompts": [(f"{EXPERIMENT}/prompts", "prompt-:word")],
    f"{EXPERIMENT}/prompts/:promptName": [(f"{EXPERIMENT}/prompts/:promptName", "Hello {{name}}, number 1")],
    "/prompts": [("/prompts", "prompt-:word")],
    "/prompts/:promptName": [("/prompts/:promptName", "Hello {{name}}, number 1")],
    "/models": [("/models", "sepsis-:word")],
    MODEL: [(MODEL, "of sepsis", "champion")],
    VERSION: [("/models/:modelName/versions/1", "run 0 of :word")],
    "/compare-model-versions": [
        ('/compare-model-versions?name=":modelName"&runs={"1":":runUuid","2":":otherRun"}', "run 0 of :word")
    ],
    "/settings": [("/settings", "General")],
    "/settings/:section": [("/settings/general", "General")],
    "/account": [("/account", "Logged in as alice")],
}
OTHERS = {
    "/admin*": "An administrator's; that others are told why is tried below.",
    "/gateway*": "The AI gateway is not offered.",
    f"{EXPERIMENT}/playground": "It calls models through the AI gateway.",
    "/mcp-registry*": "The registry of MCP servers is not offered; that it says so is tried below.",
    "/metric/*": "Its address has the state of its plot; the same chart is on a run's page.",
    "/compare-experiments": "It is opened with the experiments' numbers, as above.",
    "/createModel": "A name without a page behind it.",
    f"{EXPERIMENT}/:tabName": "Every page of an experiment above is one.",
    f"{EXPERIMENT}/s": "An older address of an experiment's runs.",
    f"{EXPERIMENT}/evaluation-runs/:runUuid/*": "Parts of the page without them.",
    f"{MODEL}/:subpage*": "Older addresses of a model's page.",
}
"""Pages that are not walked, with the reason."""
FILES = {"table.json": "question", "some.json": "some.json", "picture.png": "picture.png", "page.html": "page.html"}
"""Files of a run that are opened on its page, and what is then to be read."""
DECLARED = re.compile(r'static get \w+\(\)\{return\(0,\w+\.\w+\)\("(/[^"]*)"\)\}')
"""How the page's own files declare a page."""


@pytest.fixture(scope="module")
def work(shared: Mlflow, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a team has, by the names that the page's table of routes has for it."""
    home = str(tmp_path_factory.mktemp("page"))
    done = subprocess.run(
        [str(shared.image / "bin" / "python"), "-P", str(SEED)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": home,
            "MLFLOW_TRACKING_URI": shared.url,
            "MLFLOW_TRACKING_USERNAME": ALICE[0],
            "MLFLOW_TRACKING_PASSWORD": ALICE[1],
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def filled(text: str, work: dict[str, str]) -> str:
    for name, value in work.items():
        text = text.replace(f":{name}", value)
    return text


def address(template: str, work: dict[str, str]) -> str:
    path, _, query = filled(template, work).partition("?")
    return quote(path) + (f"?{urlencode(dict(each.split('=', 1) for each in query.split('&')))}" if query else "")


def test_each_of_its_pages_is_walked_or_left_out_with_a_reason(image: Path) -> None:
    (folder,) = (image / "lib").glob("python*/site-packages/packages.pth")
    files = Path(folder.read_text().strip()) / "mlflow" / "server" / "js" / "build" / "static" / "js"
    pages = {page for file in files.glob("*.js") for page in DECLARED.findall(file.read_text())}
    assert len(pages) > 40
    left_out = {page for page in pages for other in OTHERS if re.fullmatch(re.escape(other).replace(r"\*", ".*"), page)}
    assert pages - left_out == set(PAGES)


def test_every_page_is_whole_and_nothing_on_it_fails(shared: Mlflow, work: dict[str, str]) -> None:
    with signed_in(shared.url, ALICE) as viewer:
        for several in PAGES.values():
            for template, *words in several:
                viewer.open(address(template, work), *(filled(word, work) for word in words))
        viewer.open(address(f"{RUN}/artifacts", work), "page.html")
        for file, word in FILES.items():
            viewer.page.get_by_text(file, exact=True).click()
            viewer.shows(word)
    assert not viewer.refused
    assert not viewer.complaints
    assert not viewer.lacking


def test_what_is_refused_says_why_in_the_page(shared: Mlflow, work: dict[str, str]) -> None:
    model, reason = work["modelName"], "READ is needed on the model of name. See docs/sharing.md."
    with signed_in(shared.url, BOB) as viewer:
        viewer.open(f"/models/{model}", f"Permission denied for {model}", reason)
        viewer.open(f"/models/{model}/versions/1", f"Permission denied for {model}", reason)
        viewer.open("/admin", "Permission denied: this is for an administrator.")
        viewer.open("/mcp-registry", "This is not offered here. A registry of tools for agents")
    assert not viewer.lacking
    assert {each.status for each in viewer.refused} == {403, 404}


def test_a_write_that_is_refused_says_why_where_it_was_made(shared: Mlflow, work: dict[str, str]) -> None:
    """A reader's, and one that nobody has; by the page's own buttons, and nothing is changed."""
    reader, run = account(shared), filled(RUN, work)
    for kind, name in (("experiment", work["experimentId"]), ("registered_model", work["modelName"])):
        what = {"resource_type": kind, "resource_id": name, "permission": "READ"}
        asked(shared, ALICE, "POST", GRANT, username=reader[0], **what)
    with signed_in(shared.url, reader) as viewer:
        page = viewer.page
        viewer.open("/experiments", "Experiments")
        page.get_by_test_id("create-experiment-button").click()
        page.get_by_placeholder("Input an experiment name").fill("of a reader")
        page.get_by_placeholder("Input an artifact location (optional)").fill("s3://elsewhere/files")
        page.get_by_role("dialog").get_by_role("button", name="Create").click()
        viewer.shows("artifact_location is the server's to choose. Leave it out.")
        viewer.open(run, "rate")
        page.get_by_role("button", name="Edit description").click()
        page.locator("textarea").first.fill("of a reader")
        page.get_by_role("button", name="Save").click()
        viewer.shows("EDIT is needed on the run of run_id. See docs/sharing.md.")
        viewer.open(run, "rate")
        page.get_by_test_id("overflow-menu-trigger").click()
        page.get_by_role("menuitem", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete selected").click()
        viewer.shows("MANAGE is needed on the run of run_id. See docs/sharing.md.")
        viewer.open(f"/models/{work['modelName']}", "of sepsis")
        page.get_by_test_id("descriptionEditButton").click()
        page.locator("textarea").first.fill("of a reader")
        page.get_by_role("button", name="Save").click()
        viewer.shows("EDIT is needed on the model of name. See docs/sharing.md.")
    assert not viewer.lacking
    assert [each.status for each in viewer.refused if each.method != "GET"] == [400, 403, 403, 403]
    told = asked(shared, ALICE, "GET", f"{API}/runs/get", run_id=work["runUuid"])["run"]
    assert (told["info"]["lifecycle_stage"], "of a reader" in json.dumps(told)) == ("active", False)
    assert "of a reader" not in json.dumps(asked(shared, ALICE, "GET", f"{API}/registered-models/search"))
