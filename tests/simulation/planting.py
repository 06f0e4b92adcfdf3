"""How a bug is planted: a part of the product is replaced for a while, by a public name."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

Patch = contextlib.AbstractContextManager[Any]


@dataclass(frozen=True)
class Bug:
    """A bug to plant."""

    plant: Callable[[], Patch]
    often: dict[str, float]
    """Faults that must be more likely than usual for it to be found soon."""


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
