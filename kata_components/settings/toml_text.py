"""TOML that the configuration holds as text, for a program on the nodes."""

import tomllib
from typing import Annotated

from pydantic import AfterValidator

from kata_components.settings.model import IN_BLOCK, problem_in_text

_LONGEST = 100


def _parsed(text: str) -> str:
    """Return the text if it is TOML.

    A container runtime that cannot read its configuration does not start again, so nothing else may
    reach a node.
    """
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise problem_in_text(f"must be TOML: {str(error)[:_LONGEST]}") from None
    except (ValueError, RecursionError):  # numbers too long to read, nesting too deep
        raise problem_in_text("must be TOML; it cannot be parsed") from None
    return text


Toml = Annotated[str, AfterValidator(_parsed), IN_BLOCK]
"""TOML as text; blank means none."""
