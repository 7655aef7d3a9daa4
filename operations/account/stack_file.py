"""Where a stack's state and secrets are kept, as its file says it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from operations.account.step import Action
from operations.refused import Refused
from operations.stack_settings import StackFile

_LINE = re.compile(r"^secretsprovider:.*\n?", re.MULTILINE)
_LOGIN = re.compile(r"^# State: pulumi login .*\n", re.MULTILINE)


@dataclass(frozen=True)
class SecretsProvider:
    """Writes `secretsprovider` and the backend into a stack's file, and leaves every other line as it is.

    Pulumi reads the secrets provider there, the backend it does not (it knows one a project, in Pulumi.yaml, or one
    that is logged in to): that is a comment, for whoever comes next.
    """

    stack: StackFile
    provider: str
    backend: str

    def missing(self) -> Iterator[Action]:
        text = self.stack.path.read_text()
        content: dict[str, Any] = yaml.safe_load(text) or {}
        found = content.get("secretsprovider")
        if found not in (None, self.provider):
            raise Refused(
                f"{self.stack.path.name} has the secrets provider {found}, and secrets may be under it. "
                f'To change over: pulumi stack change-secrets-provider --stack {self.stack.name} "{self.provider}"'
            )
        if content.get("encryptionsalt"):
            raise Refused(
                f"{self.stack.path.name} keeps its secrets under a passphrase (encryptionsalt). "
                f'To change over: pulumi stack change-secrets-provider --stack {self.stack.name} "{self.provider}"'
            )
        wanted = self._written(text)
        if wanted != text:
            yield Action(
                f"write the state's backend and secrets provider into {self.stack.path.name}",
                lambda: self.stack.path.write_text(wanted),
            )

    def lost(self) -> str:
        """What is told where the bucket is gone that the file names: a new and empty one would hide it."""
        return (
            f"{self.stack.path.name} says that the state is in {self.backend.partition('?')[0]}, and that bucket is "
            "gone. Make it again and put a copy of the state into it: without one, an up makes everything a second "
            "time. Where nothing was ever made of this stack, take the lines `# State:` and `secretsprovider:` out of "
            "the file instead, and run ./parapet account bootstrap"
        )

    def _written(self, text: str) -> str:
        lines = f"# State: pulumi login '{self.backend}'\n"
        if not _LINE.search(text):
            lines += f"secretsprovider: {self.provider}\n"
        if _LOGIN.search(text):
            return _LOGIN.sub(lambda _: lines, text, count=1)
        at = re.search(r"^[A-Za-z]", text, re.MULTILINE)  # after the comment that opens the file
        place = at.start() if at else len(text)
        return text[:place] + lines + text[place:]
