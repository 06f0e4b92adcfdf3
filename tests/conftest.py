"""What all tests have in common."""

from hypothesis import settings

# A loaded machine is no counterexample, and a commit fails or passes whenever it is tried.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
