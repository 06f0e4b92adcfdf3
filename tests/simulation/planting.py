"""How a bug is planted: by taking the place of a part of the product for a while."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

Patch = contextlib.AbstractContextManager[Any]


@dataclass(frozen=True)
class Bug:
    """How to plant it, and what has to happen more often than usual to meet it soon."""

    plant: Callable[[], Patch]
    often: dict[str, float]


BUGS: dict[str, Bug] = {}


def bug(**often: float) -> Callable[[Callable[[], Patch]], Callable[[], Patch]]:
    def known(plant: Callable[[], Patch]) -> Callable[[], Patch]:
        BUGS[plant.__name__] = Bug(plant, often)
        return plant

    return known


def around(owner: Any, name: str, wrapper: Callable[..., Any]) -> Patch:
    """Replace a method by `wrapper(original, self, …)`."""
    original = getattr(owner, name)

    def replaced(*arguments: Any, **keywords: Any) -> Any:
        return wrapper(original, *arguments, **keywords)

    return mock.patch.object(owner, name, replaced)
