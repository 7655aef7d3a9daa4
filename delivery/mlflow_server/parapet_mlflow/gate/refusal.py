"""Why a request does not pass."""

from parapet_mlflow.gate.routes import Shape, fields_within

LONGEST_NAME = 64
"""Characters of a field's name that are told: an unknown one is the sender's own text."""


class Refusal(Exception):
    """Told to the sender in MLflow's form. No value is in it, which may be of a patient: the field's name at most.

    `field` is that name, and `reason` the rest, which is words of this program alone.
    """

    def __init__(self, status: int, code: str, reason: str, field: str = "") -> None:
        self.status, self.code, self.reason, self.field = status, code, reason, field
        plain = len(field) <= LONGEST_NAME and field.isascii() and field.replace(".", "_").isidentifier()
        self.message = f"{field if plain else 'A field'} {reason}" if field else reason
        super().__init__(self.message)

    def told(self, shape: Shape) -> str:
        """For the audit trail: with the field's name only if it is, as are all that it is within, the route's own."""
        known = {*shape, *(name for kind in shape.values() for name in fields_within(kind))}
        return f"{self.field} {self.reason}" if self.field and known.issuperset(self.field.split(".")) else self.reason


def invalid(reason: str) -> Refusal:
    return Refusal(400, "INVALID_PARAMETER_VALUE", reason)


def field(name: str, why: str) -> Refusal:
    """About one field, such as `run_id is given twice`."""
    return Refusal(400, "INVALID_PARAMETER_VALUE", why, name)
