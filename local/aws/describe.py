"""For who writes a declaration: what the SDK says of a type and what follows from its declaration.

`python -m local.aws.describe TOKEN...`
"""

from __future__ import annotations

import sys

from local.aws import sdk_types
from local.aws.facts import facts
from local.aws.sdk_types import ResourceModel, Type

_DEPTH = 5


def _type(kind: Type, model: ResourceModel, depth: int = 0) -> str:
    if not isinstance(kind, list):
        return str(kind)
    if kind[0] == "list":
        return f"[{_type(kind[1], model, depth)}]"
    if kind[0] == "map":
        return f"map of {_type(kind[1], model, depth)}"
    if depth >= _DEPTH:
        return "..."
    members = model.nested[kind[1]].items()
    inner = [f"{key}{'!' if one.required else ''}: {_type(one.type, model, depth + 1)}" for key, one in members]
    return f"{{{', '.join(inner)}}}"


def describe(token: str) -> str:
    """Inputs (`!` required, `~` computed when left out), outputs, and what was derived from a declaration."""
    model = sdk_types.resource_model(token)
    if model is None:
        return f"pulumi_aws has no type {token}"
    lines = [token]
    for name, prop in model.inputs.items():
        computed = not prop.required and name in model.outputs and model.outputs[name].required
        mark = "!" if prop.required else "~" if computed else ""
        lines.append(f"  in  {name}{mark}: {_type(prop.type, model)}")
    for name, prop in model.outputs.items():
        if name not in model.inputs:
            lines.append(f"  out {name}: {_type(prop.type, model)}")
    if model.secret_outputs:
        lines.append(f"  secret: {', '.join(model.secret_outputs)}")
    known = facts(token)
    if known is None:
        return "\n".join([*lines, "  not declared"])
    untold = sorted(model.outputs.keys() - set(known.covered) - {"tags", "tagsAll", "region"})
    lines.append(f"  replaces: {', '.join(known.replaces)}")
    lines += [f"  {step} takes: {', '.join(names)}" for step, names in known.fills.items()]
    lines.append(f"  no read tells: {', '.join(untold)}")
    lines += [f"  allowed {path}: {constraint}" for path, constraint in sorted(known.constraints.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    print("\n\n".join(describe(token) for token in sys.argv[1:]))
