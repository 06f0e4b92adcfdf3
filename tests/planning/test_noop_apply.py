"""Whether applying a manifest changes a live object."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.manifests.daemon_set import daemon_set
from kata_components.planning.noop_apply import is_noop_apply
from kata_components.settings.load import load_settings

SETTINGS = load_settings(
    {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "tolerations": [{"operator": "Exists"}]}
)
TEMPLATE: dict[str, Any] = daemon_set(SETTINGS)["spec"]["template"]


def live() -> dict[str, Any]:
    """Return the template as the API server has it: with defaults, and what somebody else added."""
    template = copy.deepcopy(TEMPLATE)
    template["metadata"] |= {"annotations": {"added": "by somebody"}, "creationTimestamp": None}
    pod = template["spec"]
    pod |= {
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "restartPolicy": "Always",
    }
    (container,) = pod["containers"]
    # The API server drops empty values.
    variables = [
        {key: value for key, value in variable.items() if value != ""}
        for variable in container["env"]
    ]
    container["env"] = [{"name": "ADDED", "value": "1"}, *reversed(variables)]
    container["startupProbe"]["successThreshold"] = 1
    return template


def test_defaults_additions_and_order_are_not_a_change() -> None:
    assert is_noop_apply(live(), TEMPLATE)
    assert is_noop_apply(TEMPLATE, TEMPLATE)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("spec", "containers", 0, "image"), "other"),
        (("spec", "containers", 0, "env"), [{"name": "NODE_NAME", "value": "x"}]),
        (("spec", "containers", 0, "command"), ["/usr/bin/kata-deploy"]),
        (("spec", "containers", 0, "command"), ["/usr/bin/kata-deploy", "install", "more"]),
        (("spec", "volumes"), []),
        (("spec", "tolerations"), []),
        (("spec", "hostPID"), False),
        (("metadata", "labels"), None),
    ],
)
def test_a_field_that_differs_is_a_change(where: tuple[Any, ...], value: Any) -> None:
    template = at = live()
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = value
    assert not is_noop_apply(template, TEMPLATE)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner)
    ),
    max_leaves=8,
)


@given(values, values)
def test_any_two_values_can_be_compared(one: Any, other: Any) -> None:
    assert isinstance(is_noop_apply(one, other), bool)


@pytest.mark.parametrize(
    ("live", "wanted", "same"),
    [
        ("2Gi", "2048Mi", True),
        ("1", "1.0", True),
        ("1", "1000m", True),
        ("1G", "1Gi", False),
        ("250m", "1", False),
        ("odd", "1", False),
    ],
)
def test_quantities_are_compared_by_value(live: str, wanted: str, same: bool) -> None:
    assert is_noop_apply({"podFixed": {"memory": live}}, {"podFixed": {"memory": wanted}}) is same


def test_texts_that_look_like_quantities_are_not() -> None:
    assert not is_noop_apply({"value": "1"}, {"value": "1.0"})
