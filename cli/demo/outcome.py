"""What comes of a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.demo.calls import Caller
from cli.demo.shell import Failed


@dataclass(frozen=True)
class Outcome:
    """What came of a step."""

    happened: tuple[str, ...]
    look: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {"happened": list(self.happened), "look": self.look, "facts": dict(self.facts)}


def none_failed(caller: Caller) -> None:
    """Raises Failed where a call did, or there was none."""
    if caller.failed or not caller.calls:
        raise Failed(f"Of {caller.calls} calls there failed {caller.failed or 'none, for there were none'}.")
