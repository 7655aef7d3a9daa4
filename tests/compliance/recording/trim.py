"""Trims an engine's event log (stdin) to what a reader of it may need: no debug lines, paths or property values."""

import json
import sys


def main() -> None:
    for line in sys.stdin:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            sys.stdout.write(line)  # A killed engine's last half line stays as it was.
            continue
        diagnostic = event.get("diagnosticEvent", {})
        if diagnostic.get("severity") == "debug" or "$PATH" in diagnostic.get("message", ""):
            continue
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            if kind in event:
                for half in ("old", "new"):
                    state = event[kind]["metadata"].get(half)
                    if state:
                        state.update(inputs={}, outputs={})
        if end := event.get("summaryEvent"):
            packs = end["PolicyPacks"].items()
            end["PolicyPacks"] = {"|".join([*name.split("|")[:2], name.rsplit("/", 1)[-1]]): v for name, v in packs}
        print(json.dumps(event, separators=(",", ":")))


if __name__ == "__main__":
    main()
