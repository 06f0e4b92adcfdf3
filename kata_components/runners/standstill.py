"""Requests of one kind that keep failing while others are answered: reported, then given up."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from kata_components.errors import RolloutStoppedError
from kata_components.runners.run import Run
from kata_components.wording import duration

SAY_SECONDS: Final = 60.0
GIVE_UP_SECONDS: Final = 300.0
"""The same as for the renewal of the Lease."""
_FORGET_SECONDS: Final = 90.0
"""Whatever fails is repeated sooner than this, or is no longer needed."""


@dataclass
class _Failing:
    since: float
    last: float
    text: str
    said: bool = False


@dataclass
class Standstill:
    """The kinds of requests of one run that fail, each since its last success.

    Nothing counts while the Lease is stale: then the API server is unreachable, and the Lease ends
    the run if that lasts.
    """

    run: Run
    _kinds: dict[str, _Failing] = field(default_factory=dict)
    _moved: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def failed(self, kind: str, text: str) -> None:
        """Take note that a request failed and will be repeated; `kind` says what it does.

        Raises:
            RolloutStoppedError: requests of its kind have failed for minutes, and no node has made
                progress.
        """
        now = asyncio.get_running_loop().time()
        if not self.run.lease.fresh:
            self._kinds.pop(kind, None)
            return
        known = self._kinds.get(kind)
        if known is None or now - known.last > _FORGET_SECONDS:
            known = self._kinds[kind] = _Failing(since=now, last=now, text=text)
        known.last, known.text = now, text
        if now - known.since >= SAY_SECONDS and not known.said:
            known.said = True
            self.run.reporter.message(
                f"{self._text(kind, known)}; this is repeated for up to {duration(GIVE_UP_SECONDS)}"
            )
        if now - max(known.since, self._moved) >= GIVE_UP_SECONDS:
            raise RolloutStoppedError(
                f"stopped: {self._text(kind, known)}. Running Jobs continue; no new Job is "
                "started. Run the same command again to continue."
            )

    def succeeded(self, kind: str) -> None:
        """Take note that a request succeeded."""
        self._kinds.pop(kind, None)

    def moved(self) -> None:
        """Take note that a node has made progress: not everything fails."""
        self._moved = asyncio.get_running_loop().time()

    @property
    def notes(self) -> list[str]:
        """What to show with the progress."""
        now = asyncio.get_running_loop().time()
        lasting = {
            kind: known for kind, known in self._kinds.items() if now - known.since >= SAY_SECONDS
        }
        return [
            self._text(kind, known)
            for kind, known in lasting.items()
            if now - known.last <= _FORGET_SECONDS
        ]

    @staticmethod
    def _text(kind: str, known: _Failing) -> str:
        seconds = asyncio.get_running_loop().time() - known.since
        return f"the API server has not let this run {kind} for {duration(seconds)}: {known.text}"
