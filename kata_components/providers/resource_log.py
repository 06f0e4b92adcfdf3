"""What a run reports of itself, on its resource in the engine's display."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kata_components.operations import report
from kata_components.pacing.progress import Progress
from kata_components.planning.node_jobs import JobKind
from kata_components.providers import engine

_DONE: Final[Mapping[JobKind, str]] = {"install": "installed", "cleanup": "cleaned"}


@dataclass(frozen=True)
class ResourceLog:
    """The `Reporter` of a run on the resource with that URN."""

    urn: str

    def message(self, text: str) -> None:
        """Show a message that stays."""
        engine.info(text, self.urn)

    def progress(self, kind: JobKind, progress: Progress, seconds: float) -> None:
        """Show the progress of the run; the next call replaces it."""
        engine.status(report.progress_line(_DONE[kind], progress, seconds), self.urn)
