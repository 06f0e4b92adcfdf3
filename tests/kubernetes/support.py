"""Shared by the tests of the client: kubeconfigs, sleeps without waiting, certificates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kata_components.kubernetes.client import HttpKubeApi
from tests.kubernetes.fake_server import InProcess

CONTEXT = "prod"

Opened = Callable[..., HttpKubeApi]


def kubeconfig(
    server: str = "http://api.test",
    user: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a kubeconfig with one context; `more` are further fields of its cluster."""
    return {
        "clusters": [{"name": "c", "cluster": {"server": server, **(more or {})}}],
        "users": [{"name": "u", "user": dict(user or {})}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "c", "user": "u"}}],
    }


@dataclass
class Pauses:
    """Replaces sleeping: takes no time, but records how long it was asked to."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class Wired:
    """A real client of a scripted server in the same process."""

    api: HttpKubeApi
    server: InProcess
    pauses: Pauses


@dataclass(frozen=True)
class Certificates:
    folder: Path

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()
