"""What of a stack is made before what: the program under mocks, with what each resource waits for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.platform.mocked import Made, Recorder, Resource, run_program


@dataclass(frozen=True)
class Order:
    """The order in which the engine makes a stack of these settings."""

    asked: Recorder
    _known: dict[Resource, set[Resource]] = field(default_factory=dict)

    @classmethod
    def of(cls, **settings: Any) -> "Order":
        return cls(run_program(**settings))

    def before(self, each: Made) -> set[Resource]:
        """All that is there when it is made."""
        return self._before((each.type, each.name))

    def _before(self, each: Resource) -> set[Resource]:
        if each not in self._known:
            direct = self.asked.waits_for.get(each, set())
            self._known[each] = direct.union(*map(self._before, direct))
        return self._known[each]

    @cached_property
    def attachments(self) -> Mapping[str, set[Resource]]:
        """What gives each role its rights, by the role's name."""
        found: dict[str, set[Resource]] = {each.name: set() for each in self.asked.of("iam/role:Role")}
        for kind in ("iam/rolePolicyAttachment:RolePolicyAttachment", "iam/rolePolicy:RolePolicy"):
            for each in self.asked.of(kind):
                found[each.inputs["role"]].add((each.type, each.name))
        return found

    def roles_of(self, each: Made) -> set[str]:
        """The roles that AWS is told to take for a resource; that a policy names one is another matter."""
        arns = {f"role/{name}": name for name in self.attachments}
        told = {name for text in _texts(each.inputs) for arn, name in arns.items() if text.endswith(f":{arn}")}
        return told | self._launched_as(each)

    def _launched_as(self, each: Made) -> set[str]:
        """The role of the instances that an Auto Scaling group launches, by their template's profile."""
        template = each.inputs.get("launchTemplate", {}) if each.type == "aws:autoscaling/group:Group" else {}
        profiles = {
            made.inputs.get("iamInstanceProfile", {}).get("name")
            for made in self.asked.of("ec2/launchTemplate:LaunchTemplate")
            if made.id == template.get("id")
        }
        made_for = self.asked.of("iam/instanceProfile:InstanceProfile")
        return {str(profile.inputs["role"]) for profile in made_for if profile.name in profiles}


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)
