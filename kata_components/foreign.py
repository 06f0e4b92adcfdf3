"""Makes text from clusters and plugins safe to show: no terminal control, bounded length."""

from typing import Final

LONGEST: Final = 500
"""How many characters of foreign text are quoted."""


def printable(text: str) -> str:
    """Return text whose only control characters are newlines; the others are escaped."""
    return text if text.replace("\n", "").isprintable() else "".join(map(_escaped, text))


def bounded(text: str, longest: int = LONGEST) -> str:
    """Return text as one printable line of bounded length, so that it cannot forge a line."""
    # Joined after escaping: some characters that become spaces also separate lines.
    line = " ".join(printable(text[: 8 * longest]).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def _escaped(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()
