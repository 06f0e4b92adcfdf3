"""Label selectors, evaluated as the API server does it."""

import pytest

from kata_components.planning.selection import matches

LABELS = {"pool": "kata", "zone": "a", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("pool=kata", True),
        ("pool==kata", True),
        ("pool=other", False),
        ("gone=kata", False),
        ("empty=", True),
        ("gone=", False),
        ("pool!=other", True),
        ("gone!=other", True),
        ("pool!=kata", False),
        ("pool in (kata,other)", True),
        ("pool in (other, kata)", True),
        ("pool in (other)", False),
        ("gone in (kata)", False),
        ("pool notin (other)", True),
        ("pool notin (kata,other)", False),
        ("gone notin (kata)", True),
        ("pool", True),
        ("gone", False),
        ("!gone", True),
        ("!pool", False),
        ("node-role.kubernetes.io/master", False),
        ("pool=kata,zone in (a,b),!gone", True),
        ("pool in (kata,other),zone notin (a,b)", False),
        ("!node-role.kubernetes.io/control-plane,!node-role.kubernetes.io/master", True),
    ],
)
def test_a_selector_matches_labels_as_kubernetes_says(selector: str, fits: bool) -> None:
    assert matches(selector, LABELS) is fits
