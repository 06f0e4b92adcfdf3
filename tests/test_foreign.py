"""Text from clusters and plugins is safe to show."""

import pytest

from kata_components.foreign import LONGEST, bounded, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plan: 3 of 6\n  install node-ä", "plan: 3 of 6\n  install node-ä"),
        ("\x1b[2J\x9b31m", r"\x1b[2J\x9b31m"),
        ("done\r\nnothing to do\x85\u2028", "done \nnothing to do  "),
        ("a\tb\x00", r"a b\x00"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_foreign_text_is_one_line_of_bounded_length() -> None:
    assert bounded(" ben\n\x1b[1mplan: nothing to do\u2028 ") == r"ben \x1b[1mplan: nothing to do"
    assert bounded("x" * 200_000) == "x" * LONGEST + "…"
    assert bounded("four words are here", 4) == "four…"
