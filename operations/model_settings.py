"""Which version of a model a stack's settings name: `models` in a file, whose other lines stay as they are."""

import io
import json
from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from operations.refused import Refused
from setting_types import NAMESPACE

SETTING: Final = f"{NAMESPACE}:models"


def changed(text: str, model: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """A file's text with the model's entry as `model` says, by its name, and the entry that was there before.

    What `model` does not say of an entry stays, and what it says is None goes. Raises Refused where the setting is no
    list of objects.
    """
    file = _yaml()
    content = file.load(text) or {}
    config = content.setdefault("config", {})
    models = config.setdefault(SETTING, [])
    if isinstance(models, str):  # as `pulumi config set` writes it without --path
        models = config[SETTING] = json.loads(models or "[]")
    if not isinstance(models, list) or not all(isinstance(each, dict) for each in models):
        raise Refused(f"{SETTING} is no list of objects, each with name, version and digest.")
    before = next((each for each in models if each.get("name") == model["name"]), None)
    was = dict(before) if before is not None else None
    if before is None:
        before = dict[str, Any]()
        models.append(before)
    before.update({name: value for name, value in model.items() if value is not None})
    for name in [name for name in before if name in model and model[name] is None]:
        del before[name]
    out = io.StringIO()
    file.dump(content, out)
    return out.getvalue(), was


def _yaml() -> YAML:
    file = YAML()  # keeps comments, quotes and order
    file.preserve_quotes = True
    file.width = 4096
    file.indent(mapping=2, sequence=4, offset=2)
    return file
