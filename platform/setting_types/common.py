"""What settings of every kind are made of: lists, and what their parts have to do with each other."""

import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo

from foundation import retention
from setting_errors import refusal

One = TypeVar("One")


def parsed(value: Any) -> Any:
    """Lists reach the program as JSON."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def each_another(field: str) -> Callable[[tuple[One, ...]], tuple[One, ...]]:
    def checked(several: tuple[One, ...]) -> tuple[One, ...]:
        told = [getattr(one, field) for one in several]
        for index, value in enumerate(told):
            if value in told[:index]:
                raise refusal(f"[{index}].{field}", value, f"another {field} than that of [{told.index(value)}]")
        return several

    return checked


def distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) < len(items):
        raise ValueError
    return items


def of_the_account(where: str, arns: Iterable[str], info: ValidationInfo) -> None:
    """Refuses a role of another account than the stack's, by its place in the list `where`."""
    account = info.data.get("allowed_account_id", "")
    for index, arn in enumerate(arns):
        if account and arn.split(":")[4] != account:
            why = "whoever is of another takes a role of this one first (sts:AssumeRole)"
            raise refusal(f"{where}[{index}]", arn, f"one of the account {account}: {why}")


def kept_here(where: str, secret_arn: str, info: ValidationInfo) -> None:
    """Refuses a secret of another Region or account: pods read it where they are, by their own account's policy."""
    region, account = secret_arn.split(":")[3:5]
    for name, found in (("region", region), ("allowed_account_id", account)):
        if (own := info.data.get(name)) and own != found:
            raise refusal(where, secret_arn, f"a secret of {own}, where this stack is")


def _offered_retention(days: int) -> int:
    if days not in retention.LOG_DAYS:
        raise ValueError
    return days


TagValue = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.:/=+@-]([A-Za-z0-9 _.:/=+@-]{0,254}[A-Za-z0-9_.:/=+@-])?$",
        description="1 to 256 letters, digits, spaces and _ . : / = + - @, with no space at either end",
    ),
]
LogRetention = Annotated[
    int,
    AfterValidator(_offered_retention),
    Field(description=f"one of {', '.join(map(str, retention.LOG_DAYS))}"),
]
