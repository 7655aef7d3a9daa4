"""Default tags and ignored tags of a provider, merged with a resource's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.plugin.values import UNKNOWN, has_unknown


@dataclass(frozen=True)
class TagRules:
    """`defaultTags` and `ignoreTags` of a provider. `default` is UNKNOWN while a preview does not know it."""

    default: Any = field(default_factory=dict)
    ignored_keys: tuple[str, ...] = ()
    ignored_prefixes: tuple[str, ...] = ()

    def all_tags(self, own: Any) -> Any:
        """What a resource is tagged with: the defaults under its own tags, less the ignored ones."""
        if has_unknown(own) or has_unknown(self.default):
            return UNKNOWN
        return {key: str(value) for key, value in {**self.default, **(own or {})}.items() if not self._ignored(key)}

    def live(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The tags of a live resource that are anyone's to manage."""
        return {key: value for key, value in tags.items() if not key.startswith("aws:") and not self._ignored(key)}

    def own(self, live: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, str]:
        """Of a live resource's tags those that are not there by default alone; `given` are known to be its own."""
        default = self.default if isinstance(self.default, dict) else {}
        return {key: value for key, value in live.items() if key in given or default.get(key) != value}

    def _ignored(self, key: str) -> bool:
        return key in self.ignored_keys or key.startswith(self.ignored_prefixes or ("\0",))
