"""What is proven: reads what the engine said about the policies and writes it against the law.

Nothing here evaluates a rule. `review` computes the one model that every rendering and every closing line takes its
numbers from; `write` renders it.
"""

from compliance.events import UnreadableLog
from compliance.model import SCHEMA, Enforcement, Outcome, Review, Status, Totals
from compliance.render import ReviewFiles, write
from compliance.review import review
from compliance.run import PackNotRun

__all__ = [
    "SCHEMA",
    "Enforcement",
    "Outcome",
    "PackNotRun",
    "Review",
    "ReviewFiles",
    "Status",
    "Totals",
    "UnreadableLog",
    "review",
    "write",
]
