"""What the log of a stage that failed ends with, as one line. Pure."""

from typing import Final

from kata_components.foreign import printable

LINES: Final = 30
"""So many lines of a log are worth reading: a chain of causes has up to eight."""
_LAST_LINES: Final = 3
"""So many are told of a log that tells of no error of the program's own."""
_MAX_TEXT: Final = 400
_ERROR: Final = "Error:"
"""How the node program begins its last words: a chain of causes, one a line, the most general one
first."""


def last_words(log: str) -> str:
    """Return the last error of a log and its causes, less the middle where that is too long.

    The deepest cause tells most, and stands at the end.
    """
    lines = [line.strip() for line in printable(log).splitlines() if line.strip()]
    begin = max(
        (number for number, line in enumerate(lines) if line.startswith(_ERROR)),
        default=-_LAST_LINES,
    )
    told = " | ".join(lines[begin:]).removeprefix(_ERROR).strip()
    return (
        told
        if len(told) <= _MAX_TEXT
        else f"{told[: _MAX_TEXT // 4 - 3]} … {told[-_MAX_TEXT * 3 // 4 :]}"
    )
