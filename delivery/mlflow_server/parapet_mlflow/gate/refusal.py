"""Why a request does not pass."""

LONGEST_NAME = 64
"""Characters of a field's name that are told: an unknown one is the sender's own text."""


class Refusal(Exception):
    """Told to the sender in MLflow's form. No value is in it, which may be of a patient: the field's name at most."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def invalid(message: str) -> Refusal:
    return Refusal(400, "INVALID_PARAMETER_VALUE", message)


def field(name: str, why: str) -> Refusal:
    """About one field, such as `run_id is given twice`."""
    plain = len(name) <= LONGEST_NAME and name.isascii() and name.replace(".", "_").isidentifier()
    return invalid(f"{name if plain else 'A field'} {why}")
