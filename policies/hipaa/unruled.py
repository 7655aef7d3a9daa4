"""What a program has that no rule looks at: to whom that is not said, silence reads as a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from hipaa.rule import Rule

_BOOKKEEPING = ("pulumi:pulumi:", "pulumi:providers:")
_COMPONENTS = ("kubernetes:helm.sh/v4:Chart", "kubernetes:kustomize/v2:", "kubernetes:yaml/v2:")
_WITHOUT_A_FILE = ("aws-native:", "azure-native:", "google-native:", "command:", "docker-build:", "pulumi-")
"""Providers whose resources' types have no slash in the middle."""

MAKERS = {
    "aws:cloudcontrol/resource:Resource": "the resource of its `desired_state`",
    "aws:cloudformation/stack:Stack": "the resources of its template",
    "aws:cloudformation/stackSet:StackSet": "the resources of its template",
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": "the resources of its template",
    "aws:servicecatalog/provisionedProduct:ProvisionedProduct": "the resources of its product",
    "kubernetes:helm.sh/v3:Release": "the objects of its chart",
}
"""Resources by which others are made that neither the engine nor a rule is shown, and what these are."""


def knows_what_it_judges(rule: Rule) -> bool:
    """Whether a rule speaks of what a resource is; one over whatever AWS has (is there a secret in it?) does not."""
    return not rule.may_be_about("aws:nobody/yet:Yet")


def is_bookkeeping(type_: str) -> bool:
    """Whether it is the stack itself, a provider or a component, which is nothing but what is in it.

    A component's type has no slash in the middle, where that of a provider's resource has its file; but for those of
    the Kubernetes SDK itself, and but for providers that are made from another's list of types.
    """
    if type_.startswith((*_BOOKKEEPING, *_COMPONENTS)):
        return True
    return "/" not in type_.partition(":")[2].partition(":")[0] and not type_.startswith(_WITHOUT_A_FILE)


def told(resources: Iterable[tuple[str, bool]], looked_at: Collection[str]) -> tuple[str, ...]:
    """What to say of resources, each a type and whether a rule spoke of it: one sentence for each kind of silence."""
    met: Counter[str] = Counter()
    made: Counter[str] = Counter()
    for type_, spoken in resources:
        if type_ in MAKERS:
            made[type_] += 1
        elif not spoken and type_ not in looked_at and not is_bookkeeping(type_):
            met[type_] += 1
    said = []
    if met:
        counted = ", ".join(f"{type_} ({met[type_]})" for type_ in sorted(met))
        said.append(f"no rule looks at these, and silence on them is no pass: {counted}")
    said += [f"{type_} ({made[type_]}): no rule sees {MAKERS[type_]}" for type_ in sorted(made)]
    return tuple(said)
