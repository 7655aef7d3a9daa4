"""What programs of `delivery/` that people's commands start have in common: how they are asked, and how they refuse."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from delivery.registry.refused import Refused

Asked = Mapping[str, Any]


def run(steps: Mapping[str, Callable[[Asked], int]], within: AbstractContextManager[None] | None = None) -> int:
    """The exit status of the step that a JSON object on standard input names; 1 where it is refused, with the reason on
    standard error."""
    asked = json.load(sys.stdin)
    try:
        with within or nullcontext():
            return steps[asked["step"]](asked)
    except Refused as error:
        print(f"parapet: {error}", file=sys.stderr)
        return 1


@contextmanager
def of_aws(rights: str, otherwise: str = "") -> Iterator[None]:
    """What AWS refuses here is Refused, with the `rights` that are needed; or what can be done `otherwise` where nobody
    is signed in."""
    from botocore.exceptions import BotoCoreError, ClientError  # here: half a second, which no other step waits for

    try:
        yield
    except ClientError as error:
        raise Refused(f"AWS refuses {error.operation_name} ({error.response['Error']['Code']}). {rights}") from None
    except BotoCoreError as error:
        raise Refused(f"AWS cannot be asked: {error}. Sign in, and set AWS_DEFAULT_REGION{otherwise}.") from None
