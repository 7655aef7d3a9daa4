"""Who approved a run of GitHub's, as GitHub tells it to the job that runs for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from delivery.registry.approvers import People, Through
from delivery.registry.documents import told
from delivery.registry.refused import Refused

VARIABLES: Final = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID")
"""As every job has them (GitHub Docs, "Variables reference")."""


class User(Struct, frozen=True):
    login: str


class Environment(Struct, frozen=True):
    name: str


class Review(Struct, frozen=True):
    """One of `GET /repos/OWNER/NAME/actions/runs/ID/approvals` (GitHub REST API, "Get the review history")."""

    state: str
    environments: list[Environment]
    user: User


def reviewed(file: Path, environment: str, people: People, variables: Mapping[str, str]) -> tuple[str, Through]:
    """Who approved this run for that Environment, alone: their account, and by what it is known. Raises Refused."""
    if missing := [name for name in VARIABLES if not variables.get(name)]:
        raise Refused(f"{', '.join(missing)} is not set: reviews are those of a run of GitHub's, and this is none.")
    try:
        listed = msgspec.json.decode(file.read_bytes(), type=list[Review])
    except OSError as error:
        raise Refused(f"The reviews {file} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise Refused(f"The reviews {file} are not as GitHub tells them: {told(error)}.") from None
    logins = {
        each.user.login
        for each in listed
        if each.state == "approved" and environment in [place.name for place in each.environments]
    }
    if len(logins) != 1:
        who = " and ".join(sorted(logins)) or "nobody"
        raise Refused(
            f"This run was approved for {environment} by {who}, and an approval is one person's. Let the Environment "
            "ask for reviewers, and start a new run."
        )
    (login,) = logins
    repository, run = (variables[name] for name in VARIABLES)
    return people.account(login), Through(environment, repository, run, login)
