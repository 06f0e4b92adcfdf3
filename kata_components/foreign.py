"""Foreign text, of clusters and plugins, as it may be shown: it steers no terminal, forges no line, and has an end."""

from typing import Final

LONGEST: Final = 500
"""Characters of foreign text that are quoted."""


def printable(text: str) -> str:
    """Return text in which nothing but newlines does anything to a terminal.

    What could is spelled out.
    """
    return text if text.replace("\n", "").isprintable() else "".join(map(_shown, text))


def bounded(text: str, longest: int = LONGEST) -> str:
    """Return text as one printable line of limited length."""
    # Split after that: some of what is spelled out as a space separates lines.
    line = " ".join(printable(text[: 8 * longest]).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()
