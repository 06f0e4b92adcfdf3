"""Objects that the configuration holds as YAML text: custom runtimes and the verification pod."""

from typing import Any

import pytest
import yaml

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings


def load(**config: Any) -> Settings:
    return load_settings({"kataVersion": "4.1.0", "cluster": {"context": "c"}, **config})


def runtime(**changes: Any) -> dict[str, Any]:
    made = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "kata-x"},
        "handler": "kata-x",
    }
    return {"baseConfig": "qemu", "runtimeClass": yaml.safe_dump(made | changes)}


def problem(**config: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**config)
    (line,) = caught.value.problems
    return line


def test_custom_runtimes_count_only_when_enabled_and_are_sorted_by_name() -> None:
    b = runtime(metadata={"name": "kata-b"}, handler="kata-b")
    assert list(
        load(
            customRuntimes={"enabled": True, "runtimes": {"b": b, "a": runtime()}}
        ).custom_runtimes.active
    ) == [
        "a",
        "b",
    ]
    assert (
        load(customRuntimes={"enabled": False, "runtimes": {"a": runtime()}}).custom_runtimes.active
        == {}
    )


def test_quoted_handler_is_read_as_yaml() -> None:
    text = runtime()["runtimeClass"].replace("handler: kata-x", 'handler: "kata-x"')
    made = {"baseConfig": "qemu", "runtimeClass": text}
    assert (
        load(customRuntimes={"enabled": True, "runtimes": {"a": made}})
        .custom_runtimes.active["a"]
        .handler
        == "kata-x"
    )


def test_dates_stay_text() -> None:
    text = (
        runtime(metadata={"name": "kata-x"})["runtimeClass"]
        + "scheduling: {nodeSelector: {since: 2026-01-01}}\n"
    )
    loaded = load(
        customRuntimes={
            "enabled": True,
            "runtimes": {"a": {"baseConfig": "qemu", "runtimeClass": text}},
        }
    )
    assert loaded.custom_runtimes.active["a"].class_object["scheduling"] == {
        "nodeSelector": {"since": "2026-01-01"}
    }


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"baseConfig": "qemu"}, "runtimeClass: is required"),
        (
            {"baseConfig": "qemu", "runtimeClass": "x: [", "dropIn": ""},
            "runtimeClass: must be a RuntimeClass as YAML",
        ),
        (
            {"baseConfig": "qemu", "runtimeClass": "[" * 100_000},
            "runtimeClass: must be a RuntimeClass as YAML",
        ),
        (
            {"baseConfig": "qemu", "runtimeClass": "a: b"},
            "runtimeClass: must be a node.k8s.io/v1 RuntimeClass",
        ),
        (
            runtime(metadata={}),
            "runtimeClass: must be a valid RuntimeClass: it needs metadata.name",
        ),
        (
            runtime(handler=None),
            "runtimeClass: must be a valid RuntimeClass: its handler must be a valid string, got "
            "None",
        ),
        (runtime(handlr="x"), "runtimeClass: must be a valid RuntimeClass: it has no field handlr"),
        (
            runtime(overhead="1Gi"),
            "runtimeClass: must be a valid RuntimeClass: its overhead must be a map, got '1Gi'",
        ),
        (runtime() | {"crio": {"pullType": "never"}}, "crio.pullType: must be '' or 'guest-pull'"),
        (
            runtime(handler="kata-qemu"),
            "runtimeClass: 'kata-qemu' is already used by a shim; use another name",
        ),
        (runtime() | {"baseConfig": "a b"}, "baseConfig: 'a b' is not a shim of 4.1.0"),
    ],
)
def test_runtime_that_cannot_work_is_refused(spec: dict[str, Any], what: str) -> None:
    line = problem(customRuntimes={"enabled": True, "runtimes": {"x": spec}})
    assert line.startswith(f"customRuntimes.runtimes.x.{what}")
    assert len(line) < 1_000


def test_two_runtimes_with_one_handler_are_refused() -> None:
    twice = {"a": runtime(), "b": runtime(metadata={"name": "kata-y"})}
    line = problem(customRuntimes={"enabled": True, "runtimes": twice})
    assert (
        "customRuntimes: must give each runtime a handler of its own; kata-x is used 2 times"
        in line
    )


@pytest.mark.parametrize(
    "pod", ["just text", "kind: Pod", "apiVersion: v1\nkind: Pod\nmetadata: {}\n", "x: [", "- a"]
)
def test_verification_pod_must_be_a_pod_with_a_name(pod: str) -> None:
    assert problem(verification={"pod": pod}).startswith(
        (
            "verification.pod: must be a Pod",
            "verification.pod: must be a v1 Pod",
            "verification.pod: must be a valid Pod",
        )
    )


def test_custom_runtimes_may_be_the_only_ones() -> None:
    only = load(
        shims={"disableAll": True}, customRuntimes={"enabled": True, "runtimes": {"a": runtime()}}
    )
    assert only.shims.enabled == {}
    assert problem(shims={"disableAll": True}, customRuntimes={"enabled": False}).startswith(
        "shims: all are disabled"
    )


def test_verification_is_off_without_a_pod() -> None:
    assert not load(verification={"pod": " \n"}).verification.enabled
