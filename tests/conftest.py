"""What all tests have in common."""

import pytest
from hypothesis import settings

# A loaded machine is no counterexample, and a commit fails or passes whenever it is tried.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each of two workers begin with half of the end-to-end tests.

    When they take over each other's tests at the end, nobody should wait long for the last one.
    """
    long = {"e2e", "real_node"}
    end_to_end = [item for item in items if item.path.parent.name in long]
    others = [item for item in items if item.path.parent.name not in long]
    # One worker begins with all of those on real nodes, which take longest.
    end_to_end.sort(key=lambda item: item.path.parent.name != "real_node")
    # Those of the sandbox share a cluster.
    others.sort(key=lambda item: item.get_closest_marker("e2e") is None)
    half = len(end_to_end) // 2
    first = len(items) // 2 - half
    items[:] = [*end_to_end[:half], *others[:first], *end_to_end[half:], *others[first:]]
