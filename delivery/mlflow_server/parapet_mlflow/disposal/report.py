"""What a disposal did and left: counts by kind, no name and no identifier."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class Report:
    keep: Mapping[str, int]
    """Milliseconds for which something of a kind is kept after its deletion."""
    old_versions_days: int | None
    """For how long the bucket keeps what was deleted from it; None where nobody said so."""
    deleted: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    """`KIND not old enough`, `KIND in the registry`, ...: a kind and why."""
    failed: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        return json.dumps(
            {
                "disposal": 1,
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "kept_days": {kind: round(kept / 86_400_000, 3) for kind, kept in self.keep.items()},
                "deleted": dict(sorted(self.deleted.items())),
                "left": dict(sorted((kind, count) for kind, count in self.left.items() if count)),
                "failed": dict(sorted(self.failed.items())),
                "old_versions_days": self.old_versions_days,
            },
            separators=(",", ":"),
        )
