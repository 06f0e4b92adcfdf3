"""The edge between the provider's methods and the engine: every error leaves as one complete, clean text."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from pulumi.dynamic import CheckFailure

from kata_components.errors import KataDeployError
from kata_components.foreign import printable

_DEBUG: Final = "KATA_DEPLOY_DEBUG"


class ProviderError(Exception):
    """What the engine is given; its text is shown to the user as it is."""


# Newer SDKs print the class with its module in front of the text.
ProviderError.__module__ = "builtins"


@contextmanager
def boundary(doing: str) -> Iterator[None]:
    """Turn whatever is raised inside into a `ProviderError`; `doing` says what was being done.

    BaseException too: a SystemExit or KeyboardInterrupt in a method of a dynamic provider is never
    answered and hangs the CLI. Set KATA_DEPLOY_DEBUG to see the traceback of an error that is none
    of ours.
    """
    try:
        yield
    except KataDeployError as error:
        raise ProviderError(printable(str(error))) from None
    except BaseException as error:
        if os.environ.get(_DEBUG):
            raise
        sys.tracebacklimit = 0
        msg = (
            f"{doing} failed in a way that was not foreseen ({type(error).__name__}: {error}). This is a bug; please "
            f"report it with what you see when {_DEBUG}=1 is set."
        )
        raise ProviderError(printable(msg)) from None


def refused(texts: Iterable[str]) -> list[CheckFailure]:
    """Return refusals as a check answers them."""
    return [CheckFailure("", printable(text)) for text in texts]
