"""What a run tells the one who started it."""

from collections.abc import Callable

from kata_components.rollout.jobs import Stage
from kata_components.rollout.phase import Progress

Say = Callable[[str], None]
"""Takes a message: one or more complete lines that stay."""

OnProgress = Callable[[Stage, Progress, float], None]
"""Takes what is done to nodes, how far they are and for how many seconds it has gone on; called every second."""
