"""What the stack makes where people write too: theirs to read, and the stack's alone to write.

A role names kinds and no objects, so who may write ConfigMaps in a namespace could write the stack's there: what tells
all runs where their data goes, say. The next update would not put it back: without a refresh it asks no cluster what
became of an object.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.object_rule import PEOPLE, ObjectRule
from cluster.guardrails.rule import Check, cel
from cluster.labels import MANAGED

NAMES: Final = (
    f"configmaps {ns.PIPELINES.name}/kfp-launcher",
    *(f"configmaps {ns.MONITORING.name}/parapet-{each}" for each in ("dashboards", "watching")),
)
"""What people could make before the stack has: a kind of theirs in a namespace of theirs. A field that the stack does
not set would stay as they set it."""
_APART: Final = (ns.MODELS.name,)
"""Where nobody writes anything, by a rule of its own (`model_rules.py`)."""
_RESTARTED: Final = ("pods",)
"""What people end, and write none of (`people-make-no-bare-pods`)."""


def stacks_objects_rule() -> ObjectRule:
    """The rule. Of nodes and what else is in no namespace rules of their own say which fields are whose."""
    (label, value), *_ = MANAGED.items()
    own = f"o != null && dyn(o).?metadata.?labels[?{cel(label)}].orValue('') == {cel(value)}"
    what = (
        "request.resource.resource + ' ' + request.namespace + '/'"
        " + dyn(request.operation == 'DELETE' ? oldObject : object).?metadata.?name.orValue('')"
    )
    return ObjectRule(
        name="the-stacks-objects-are-the-stacks",
        group="*",
        resources=("*",),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=f"({PEOPLE}) && has(request.namespace) && request.namespace != ''"
        f" && !(request.namespace in {cel(_APART)}) && !(request.resource.resource in {cel(_RESTARTED)})",
        variables={"what": what},
        checks=(
            Check(
                holds=f"!(variables.what in {cel(NAMES)}) && ![object, oldObject].exists(o, {own})",
                found="variables.what + ' is the stack\\'s'",
                fix=f"Take another name, without the label {label}: {value}; what the stack makes, its settings say.",
            ),
        ),
    )
