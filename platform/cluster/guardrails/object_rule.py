"""What a rule over objects other than pods is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cluster.guardrails.rule import Check, cel
from cluster.roles import GROUP_PREFIX

LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
"""A name, as DNS and Kubernetes have it."""
SPEC: Final = {"spec": "dyn(object).spec"}
PEOPLE: Final = f"has(request.userInfo.groups) && request.userInfo.groups.exists(g, g.startsWith({cel(GROUP_PREFIX)}))"
"""CEL: whether the caller is one of the people, whatever the group."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Objects of a namespace: each request there is judged beside each of them, which CEL knows as `params`.

    They are looked for before the rule asks whose request it is, and where there is none what it judges is refused to
    everybody. So it judges what has labels of its own alone, and nobody else's is held up.
    """

    api_version: str
    kind: str
    namespace: str
    labels: Mapping[str, str]
    judges: Mapping[str, str]
    """The labels of what is judged beside them: another rule sees that whoever is held by it has them."""


@dataclass(frozen=True, kw_only=True)
class ObjectRule:
    """A ValidatingAdmissionPolicy over kinds of one API group."""

    name: str
    group: str
    """A star is every group's kinds of these names."""
    resources: tuple[str, ...]
    checks: tuple[Check, ...]
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    only: str = ""
    """Whose requests it judges (CEL); all of them are judged then, of what is on its way out too."""
    variables: Mapping[str, str] = field(default_factory=dict)
    beside: Beside | None = None
    exempt: tuple[str, ...] = ()
    why_exempt: str = ""


def cel_map(values: Mapping[str, str]) -> str:
    """A map, as CEL writes it."""
    return "{" + ", ".join(f"{cel(key)}: {cel(value)}" for key, value in values.items()) + "}"


def foreign(words: str, known: tuple[str, ...]) -> str:
    """CEL: the keys of a map that are not among those known, in one string."""
    return f"{words}.filter(k, !(k in {cel(known)})).map(k, string(k)).join(', ')"
