"""A series as a job's relabelling leaves it."""

import re
from collections.abc import Mapping
from hashlib import md5
from typing import Any


def kept(job: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str] | None:
    """None where it is dropped (Prometheus, "Configuration", relabel_config)."""
    left = dict(labels)
    for each in job["metric_relabel_configs"]:
        told = ";".join(left.get(name, "") for name in each.get("source_labels", []))
        match each["action"]:
            case "keep":
                if not re.fullmatch(each["regex"], told):
                    return None
            case "hashmod":
                hashed = md5(told.encode(), usedforsecurity=False).digest()
                left[each["target_label"]] = str(int.from_bytes(hashed[8:], "big") % each["modulus"])
            case "replace":
                if found := re.fullmatch(each["regex"], told):
                    left[each["target_label"]] = found.expand(each["replacement"].replace("$", "\\"))
            case "labelkeep":
                left = {name: value for name, value in left.items() if re.fullmatch(each["regex"], name)}
            case other:
                raise AssertionError(other)
    return {name: value for name, value in left.items() if value}
