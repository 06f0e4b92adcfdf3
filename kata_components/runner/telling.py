"""What a run tells the one who started it."""

from collections.abc import Callable

from kata_components.rollout.phase import Progress

Say = Callable[[str], None]
"""Takes a message: one or more complete lines that stay."""

OnProgress = Callable[[Progress, float], None]
"""Takes how far the nodes are and for how many seconds they have been worked on, every second; the last one stands."""
