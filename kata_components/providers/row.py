"""The row of a resource in the engine's display, on which a run tells its messages and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kata_components.operations import report
from kata_components.pacing.progress import Progress
from kata_components.planning.node_jobs import JobKind
from kata_components.providers import engine

_DONE: Final[Mapping[JobKind, str]] = {"install": "installed", "cleanup": "cleaned"}


@dataclass(frozen=True)
class Row:
    """The row of the resource with that URN.

    Its methods are what a run calls `say` and `on_progress`.
    """

    urn: str

    def say(self, text: str) -> None:
        """Show a message that stays."""
        engine.info(text, self.urn)

    def on_progress(self, stage: JobKind, progress: Progress, seconds: float) -> None:
        """Show how far the run is; the next one replaces it."""
        engine.status(report.progress_line(_DONE[stage], progress, seconds), self.urn)
