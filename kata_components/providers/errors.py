"""How errors reach the engine: every error leaves a provider method as one complete, clean text."""

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
    """What the engine is given; it shows the text to the user unchanged."""


# Newer SDKs print the class with its module in front of the text.
ProviderError.__module__ = "builtins"


@contextmanager
def provider_errors(operation: str) -> Iterator[None]:
    """Turn every error raised inside into a `ProviderError`; `operation` names what fails.

    BaseException too: the engine never gets an answer to a method that raises SystemExit or
    KeyboardInterrupt, and the CLI hangs. Set KATA_DEPLOY_DEBUG to see the traceback of an error
    that is not a `KataDeployError`.
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
            f"{operation} failed unexpectedly ({type(error).__name__}: {error}). "
            f"This is a bug; please report it with the output of a run with {_DEBUG}=1."
        )
        raise ProviderError(printable(msg)) from None


def check_failures(refusals: Iterable[str]) -> list[CheckFailure]:
    """Return refusals as `check` answers them."""
    return [CheckFailure("", printable(text)) for text in refusals]
