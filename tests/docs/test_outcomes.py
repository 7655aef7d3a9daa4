"""How outcomes are delivered, as a page says, is the way that the right to deliver them is for: each once, in one
request (`platform/mlops/outcomes.py`)."""

from fnmatch import fnmatch

from tests.docs.checked import unknown_of_aws
from tests.docs.guide import ROOT, blocks, commands


def test_a_page_says_how_outcomes_are_delivered_so_that_they_are_taken() -> None:
    """Without the header each upload is refused, and one in parts, which `aws s3 cp` makes of what is large, too."""
    text = (ROOT / "docs" / "alerts.md").read_text()
    (words,) = (
        words for block in blocks(text) for words in commands(block.body) if words[:3] == ["aws", "s3api", "put-object"]
    )
    assert not unknown_of_aws(words)
    assert words[words.index("--if-none-match") + 1] == "*"
    assert fnmatch(words[words.index("--key") + 1], "labels/model=*/date=*/*.parquet")
