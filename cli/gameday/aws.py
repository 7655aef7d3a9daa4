"""`aws SERVICE OPERATION --OPTION VALUE ...` of a runbook, against the AWS API of this machine and no other.

A machine may have no AWS CLI, and one that it has may be set to an account: a game day must not reach that. Operations
are the API's own, by botocore's models; `--query` and `--output text` are the CLI's. Raises SystemExit with the reason.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import Shape

SERVICES: Final = {"s3api": "s3"}
"""The CLI's own names."""
RAW: Final = "cli-binary-format"
"""That bytes are told as they are, and not in Base64."""


def ask(words: Sequence[str], endpoint: str) -> str:
    """What the command prints. Raises KeyError where service, operation or option is none."""
    service, operation, *rest = words
    client = botocore.session.get_session().create_client(SERVICES.get(service, service), endpoint_url=endpoint)
    model = client.meta.service_model
    name = {xform_name(each, "-"): each for each in model.operation_names}[operation]
    shape = model.operation_model(name).input_shape
    known: Iterable[tuple[str, Shape]] = shape.members.items() if shape else ()
    members = {xform_name(each, "-"): (each, kind) for each, kind in known}
    query, output = "", "json"
    asked: dict[str, Any] = {}
    for option, values in _options(rest):
        if option == "query":
            (query,) = values
        elif option == "output":
            (output,) = values
        elif option == RAW:
            continue  # as it is here always
        else:
            member, kind = members[option.removeprefix("no-") if option not in members else option]
            asked[member] = _value(kind, values, yes=option in members)
    called = xform_name(name)
    told = (
        client.get_paginator(called).paginate(**asked).build_full_result()
        if client.can_paginate(called)
        else getattr(client, called)(**asked)
    )
    told.pop("ResponseMetadata", None)
    found = jmespath.search(query, told) if query else told
    return _text(found) if output == "text" else json.dumps(found, indent=4, default=str)


def _options(words: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Each option with the words that follow it."""
    begin = [at for at, word in enumerate(words) if word.startswith("--")]
    for at, end in pairwise([*begin, len(words)]):
        yield words[at].removeprefix("--"), words[at + 1 : end]


def _value(kind: Shape, values: Sequence[str], *, yes: bool) -> Any:
    match kind.type_name:
        case "boolean":
            return yes
        case "list":
            return [json.loads(values[0])] if values[0].startswith("{") else list(values)
        case "structure" | "map":
            return json.loads(values[0])
        case "integer" | "long":
            return int(values[0])
        case "blob":
            return values[0].encode()
    return values[0]


def _text(found: object) -> str:
    return "\t".join(map(_text, found)) if isinstance(found, list) else str(found)


def main() -> None:
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint).hostname != "127.0.0.1":
        sys.exit(f"aws: a game day asks the AWS API of this machine alone, and AWS_ENDPOINT_URL is {endpoint!r}.")
    try:
        print(ask(sys.argv[1:], endpoint))
    except KeyError as error:
        sys.exit(f"aws: there is no {error.args[0]} in `aws {' '.join(sys.argv[1:])}`.")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"aws: {error}")


if __name__ == "__main__":
    main()
