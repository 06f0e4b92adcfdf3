"""Reads pages for the tests: what they are made of, and that nothing in them can do harm."""

from html.parser import HTMLParser

from hypothesis import strategies as st

SVG = {"svg", "title", "text", "g", "rect", "line", "polygon"}
HTML = {"html", "head", "meta", "style", "body", "header", "main", "p", "h1", "h2", "dl", "div"}
HTML |= {"dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li", "span"}
HTML |= {"i", "figure", "h3", "pre", "code"}
VOID = {"meta", "line", "rect", "polygon"}


class Parsed(HTMLParser):
    """The elements of a page, and the text of each; every element must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1], data.strip()))

    def of(self, tag: str) -> list[str]:
        return [text for where, text in self.texts if where == tag]


def assert_harmless(html: str) -> None:
    """Fail if a text became markup, or if anything would be fetched."""
    parsed = Parsed(html)
    assert {tag for tag, _ in parsed.elements} <= HTML | SVG
    attributes = {name for _, attrs in parsed.elements for name in attrs}
    assert not [name for name in attributes if name.startswith("on") or name in {"src", "href"}]
    assert "url(" not in html
    assert "@import" not in html


hostile = st.text(max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '" onload="x',
        "</style></svg>",
        "{{ 7 * 7 }}",
        "&amp;",
        "\x00\x1b",
    ]
)
