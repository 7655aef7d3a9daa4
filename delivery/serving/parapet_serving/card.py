"""The model's card: one page that asks nothing of anybody else."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from parapet_serving.bundle.folder import Bundle
from parapet_serving.bundle.manifest import Input
from parapet_serving.contract import BIGGEST, bounds

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page (Content Security Policy): show it."""


@cache
def _template() -> Template:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(
        files("parapet_serving").joinpath("card.html.j2").read_text("utf-8")
    )


def page(bundle: Bundle) -> bytes:
    """Of a bundle that was verified. Its texts are still texts, never markup."""
    declared = bundle.declared
    return (
        _template()
        .render(
            manifest=bundle.manifest,
            digest=bundle.digest,
            card=declared.card,
            inputs=declared.inputs,
            outputs=declared.outputs,
            allowed=_allowed,
        )
        .encode()
    )


def _allowed(field: Input) -> str:
    low, high = bounds(field)
    ends = [f"from {low:g}"] if low > -BIGGEST else []
    return " ".join([*ends, f"to {high:g}"] if high < BIGGEST else ends) or "any finite number"
