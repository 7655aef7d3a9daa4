"""Another team's things, named beside one's own in every confused way, by every route and identifier of the table."""

import http.client
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.delivery import lawful
from tests.delivery.confusions import smuggled
from tests.delivery.mlflow import ADMINISTRATOR, BOB, Mlflow, authorization
from tests.delivery.teams import API, Team, Who, asked, made, requests_about, seen, share

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

REFUSED = {400, 403, 404, 405}


def every(own: Team, others: Team) -> Iterator[tuple[str, lawful.Request]]:
    mine, theirs = own.fields(), others.fields()
    for route, sent in requests_about(own):
        for name in sorted({need.field.rpartition(".")[2] for need in route.needs}):
            one = name.removesuffix("s")
            if one in mine and mine[one] != theirs[one]:
                for what, confused in smuggled(route, sent, name, mine[one], theirs[one]):
                    yield f"{route.name} {name}: {what}", confused


@pytest.fixture(scope="module")
def stranger(shared: Mlflow) -> Who:
    who = ("dave-who-has-nothing", f"the-password-of-{uuid4()}")
    asked(shared, ADMINISTRATOR, "POST", f"{API}/users/create", username=who[0], password=who[1])
    return who


def test_no_confusion_by_any_route_reads_or_changes_what_is_anothers(
    shared: Mlflow, alices: Team, carol: Who, stranger: Who
) -> None:
    share(shared, alices, carol, "READ", "experiment", "registered_model", "prompt")
    bobs, carols = made(shared, BOB), made(shared, carol)
    before, passed = seen(shared, alices), []
    by = (("another team", BOB, bobs), ("a reader", carol, carols), ("a stranger", stranger, bobs))
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=60)
    for role, who, own in by:
        count = 0
        for what, sent in every(own, alices):
            count += 1
            status, text = send(connection, who, sent)
            if status not in REFUSED:
                passed.append((role, what, status, text[:200]))
            assert not [word for word in alices.identifiers if word in text], (role, what, text)
        assert count > 1_500
    assert not passed
    assert seen(shared, alices) == before


def send(connection: http.client.HTTPConnection, who: Who, sent: lawful.Request) -> tuple[int, str]:
    """As it is: other clients would put a path or a body in order."""
    path = lawful.quote(sent.path, safe="/;") + (f"?{sent.query.decode()}" if sent.query else "")
    headers = authorization(who) | ({"Content-Type": sent.types[0].decode()} if sent.types else {})
    connection.request(sent.method, path.replace(" ", "%20"), sent.body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")
