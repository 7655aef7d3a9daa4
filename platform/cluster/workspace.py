"""A workspace: a namespace of one person's or one project's own, as a stack's settings declare it."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cluster import namespaces as ns
from cluster.roles import GROUP_PREFIX
from foundation.data_class import DataClass
from role_arn import RoleArn
from setting_errors import refusal

LONGEST: Final = 20
"""The role of a workspace's pods is called after it and the stack, and IAM takes 64 characters, of which the engine
adds 8."""
DATA_CLASSES: Final = (DataClass.PHI, DataClass.ARTIFACTS)
"""Those that have a bucket in which a workspace has a part."""
SERVICE_ACCOUNT: Final = "notebook"
"""What the pods of each workspace run as: each namespace has one of its own."""
_CLASSES: Final = " or ".join(DATA_CLASSES)


def _free(name: str) -> str:
    if name in ns.EVERY:
        raise refusal("", name, "a name of its own: the platform has a namespace of that name")
    if name in ns.RESERVED:
        raise refusal("", name, "a name of its own: what may be installed later has a namespace of that name")
    for prefix in ns.RESERVED_PREFIXES:
        if name.startswith(prefix):
            raise refusal("", name, f"a name of its own: those that begin with {prefix} are the system's")
    return name


def _of_a_bucket(data_class: DataClass) -> DataClass:
    if data_class not in DATA_CLASSES:
        raise ValueError
    return data_class


def _somebody(people: tuple[str, ...]) -> tuple[str, ...]:
    if not people:
        raise ValueError
    for place, arn in enumerate(people):
        if arn in people[:place]:
            raise refusal(f"[{place}]", arn, f"another role than [{people.index(arn)}]")
    return people


class Workspace(BaseModel):
    """Where people try things out that nobody else reaches (45 CFR 164.312(a)(1)). A field's description is what is
    allowed, as an error message says it.

    Whoever is one of its people may do everything in it that any other of them may: what only one may see has a
    workspace of one.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[
        str,
        Field(
            pattern=rf"^[a-z]([a-z0-9-]{{0,{LONGEST - 2}}}[a-z0-9])?$",
            description=f"1 to {LONGEST} lower-case letters, digits and hyphens, from a letter to a letter or digit: "
            "with the stack's name it is part of an IAM role's",
        ),
        AfterValidator(_free),
    ]
    people: Annotated[
        tuple[RoleArn, ...],
        Field(description="a list of ARNs of the IAM roles whose holders work there, one at least"),
        AfterValidator(_somebody),
    ]
    data_class: Annotated[DataClass, AfterValidator(_of_a_bucket), Field(description=_CLASSES)] = DataClass.PHI
    gpus: int = Field(default=0, ge=0, description="a whole number of GPUs, from 0")

    @property
    def group(self) -> str:
        """Who its people are in the cluster."""
        return f"{GROUP_PREFIX}workspace:{self.name}"

    @property
    def namespace(self) -> ns.Namespace:
        return ns.Namespace(
            name=self.name,
            data_class=self.data_class,
            mesh=True,
            gpu=self.gpus > 0,
            gpus=self.gpus,
            service_account=SERVICE_ACCOUNT,
        )
