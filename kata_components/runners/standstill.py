"""Requests of one kind that get nowhere although the API server answers others: said, and in the end given up."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from kata_components.errors import RolloutStoppedError
from kata_components.runners.run import Run
from kata_components.wording import duration

SAY_SECONDS: Final = 60.0
GIVE_UP_SECONDS: Final = 300.0
"""As long as a Lease is tried to be kept."""
_FORGET_SECONDS: Final = 90.0
"""Whatever fails is tried again sooner: one that is not is not tried any more."""


@dataclass
class _Failing:
    since: float
    last: float
    text: str
    said: bool = False


@dataclass
class Standstill:
    """The kinds of requests of one run that fail, each since its last success.

    While the Lease is stale the API server is out of reach: then nothing counts, and the Lease ends
    the run.
    """

    run: Run
    _kinds: dict[str, _Failing] = field(default_factory=dict)
    _moved: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def failed(self, kind: str, text: str) -> None:
        """Take note that a request has settled nothing and will be repeated; `kind` says what it does: `create Jobs`.

        Raises:
            RolloutStoppedError: none of its kind, and nothing else, has got on for minutes.
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
                f"{self._told(kind, known)}; it is tried again, and given up after {duration(GIVE_UP_SECONDS)}"
            )
        if now - max(known.since, self._moved) >= GIVE_UP_SECONDS:
            raise RolloutStoppedError(
                f"stopped: {self._told(kind, known)}. Jobs that run go on; no further one is started. "
                "Run the same command again to go on from here."
            )

    def succeeded(self, kind: str) -> None:
        """Take note that a request has settled something."""
        self._kinds.pop(kind, None)

    def moved(self) -> None:
        """Take note that a node has got on: whatever fails, not everything does."""
        self._moved = asyncio.get_running_loop().time()

    @property
    def notes(self) -> list[str]:
        """What to show on the row."""
        now = asyncio.get_running_loop().time()
        lasting = {
            kind: known for kind, known in self._kinds.items() if now - known.since >= SAY_SECONDS
        }
        return [
            self._told(kind, known)
            for kind, known in lasting.items()
            if now - known.last <= _FORGET_SECONDS
        ]

    @staticmethod
    def _told(kind: str, known: _Failing) -> str:
        seconds = asyncio.get_running_loop().time() - known.since
        return f"the API server has not let this run {kind} for {duration(seconds)}: {known.text}"
