"""Amazon ECR repositories with what completes them: the policy by which old images go."""

from __future__ import annotations

from hipaa.aws.ecr import REPOSITORY
from hipaa.resource import Resource
from hipaa.rule import LOW, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, violation

LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"

_REPOSITORY = Resource(REPOSITORY, {"id": "ward", "name": "ward"}, name="ward")


@stack_rule(
    "ecr-repository-lets-old-images-go",
    on=REPOSITORY,
    severity=LOW,
    advisory="an old image is no ePHI; what nobody runs is merely one more thing to scan",
    fix="Add a LifecyclePolicy with the repository's name.",
    sound=[[_REPOSITORY, Resource(LIFECYCLE, {"repository": "ward", "policy": '{"rules": []}'})]],
    unsound=[[_REPOSITORY], [_REPOSITORY, Resource(LIFECYCLE, {"repository": "another", "policy": '{"rules": []}'})]],
)
def repository_lets_old_images_go(repository: Resource, stack: Stack) -> Verdict:
    """A repository says which images go, and when."""
    if stack.companions(repository, LIFECYCLE, by="repository"):
        return Verdict()
    return violation("no LifecyclePolicy of the program names the repository")
