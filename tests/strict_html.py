"""Reads a page strictly: every tag closed in order; keeps the numbers, links, anchors and tags."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """What a page has. Fails where a tag is left open, and where one asks for something from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.numbers: dict[str, int] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._number: str | None = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        assert not {"src", "onload", "onerror", "onclick"} & given.keys()
        for key in ("data-total", "data-specifications"):
            if key in given:
                self._number = f"{key.removeprefix('data-')}.{given[key]}"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data
        if self._number:
            self.numbers[self._number] = int(data)
            self._number = None
