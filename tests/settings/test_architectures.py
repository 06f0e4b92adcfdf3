"""What the node program would refuse on nodes of an architecture, with the fix."""

from typing import Any

import pytest

from kata_components.settings.architectures import architecture_problems
from kata_components.settings.load import load_settings

RUNTIME = (
    "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: kata-x}\nhandler: kata-x\n"
)


def problems(version: str = "4.0.0", **config: Any) -> dict[str, str]:
    """Return the problems of the architectures that have one."""
    settings = load_settings({"kataVersion": version, "cluster": {"context": "c"}, **config})
    return {arch: text for arch, text in architecture_problems(settings).items() if text}


def only(*names: str) -> dict[str, Any]:
    return {"disableAll": True, **{name: {"enabled": True} for name in names}}


@pytest.mark.parametrize("version", ["4.0.0", "4.1.0"])
def test_defaults_suit_every_architecture(version: str) -> None:
    assert problems(version) == {}
    settings = load_settings({"kataVersion": version, "cluster": {"context": "c"}})
    assert list(architecture_problems(settings)) == ["amd64", "arm64", "s390x", "ppc64le"]


def test_one_shim_without_its_default_and_architectures_without_any() -> None:
    found = problems(shims=only("clh"))
    assert found["amd64"] == (
        "defaultShim.amd64 is qemu-runtime-rs, which is not enabled for amd64, so the node program "
        "would stop; set `defaultShim.amd64: clh`"
    )
    assert found["arm64"] == (
        "no shim is enabled for arm64, so the node program would install all of its shims; "
        "set `shims.qemu-runtime-rs.enabled: true` and `defaultShim.arm64: qemu-runtime-rs`"
    )
    assert found.keys() == {"amd64", "arm64", "s390x", "ppc64le"}
    assert "amd64" not in problems(shims=only("clh"), defaultShim={"amd64": "clh"})


def test_several_shims_to_choose_the_default_from() -> None:
    found = problems(
        shims=only("qemu", "clh", "fc"), defaultShim={"s390x": "qemu", "arm64": "qemu"}
    )
    assert found == {
        "amd64": (
            "defaultShim.amd64 is qemu-runtime-rs, which is not enabled for amd64, so the node "
            "program would stop; set `defaultShim.amd64` to clh, fc or qemu"
        )
    }


def test_default_of_another_architecture_and_disabled_default() -> None:
    assert problems(defaultShim={"arm64": "clh"})["arm64"].startswith(
        "defaultShim.arm64 is clh, which is not enabled for arm64, so the node program would fall "
        "back to qemu-runtime-rs; set `defaultShim.arm64` to qemu, "
    )
    assert problems(
        shims={"dragonball": {"enabled": False}}, defaultShim={"amd64": "dragonball"}
    ).keys() == {"amd64"}


def test_empty_default_means_the_fallback_of_the_node_program() -> None:
    assert problems(defaultShim={"amd64": ""}) == {}
    off = {"qemu-runtime-rs": {"enabled": False}}
    assert problems(defaultShim={"amd64": ""}, shims=off).keys() == {"amd64", "arm64", "s390x"}
    found = problems(
        shims=only("qemu"), defaultShim={"amd64": "", "arm64": "qemu", "s390x": "qemu"}
    )
    assert found["amd64"].startswith(
        "defaultShim.amd64 is empty, which means qemu-runtime-rs, which is not enabled for amd64"
    )


@pytest.mark.parametrize("key", ["httpsProxy", "noProxy"])
def test_proxy_of_a_shim_that_is_not_installed(key: str) -> None:
    found = problems(shims={"qemu-snp": {"agent": {key: "http://proxy:3128"}}})
    assert found.keys() == {"arm64", "s390x", "ppc64le"}
    assert found["arm64"] == (
        f"shims.qemu-snp.agent.{key} is set, which the node program refuses where qemu-snp is not "
        f"installed, "
        "as on arm64; remove it"
    )
    assert (
        problems(shims={"qemu-snp": {"enabled": False, "agent": {key: "http://proxy:3128"}}}) == {}
    )


def test_supported_architectures_of_the_user_count() -> None:
    clh = {"enabled": True, "supportedArches": ["amd64", "arm64"]}
    found = problems(
        shims={"disableAll": True, "clh": clh}, defaultShim={"amd64": "clh", "arm64": "clh"}
    )
    assert found.keys() == {"s390x", "ppc64le"}


def test_disabled_base_of_a_custom_runtime() -> None:
    custom = {"enabled": True, "runtimes": {"mine": {"baseConfig": "fc", "runtimeClass": RUNTIME}}}
    found = problems(customRuntimes=custom, shims={"fc": {"enabled": False}})
    assert found["amd64"] == (
        "customRuntimes.runtimes.mine.baseConfig is fc, which is not enabled, so its hypervisor "
        "would not be installed; set `shims.fc.enabled: true`"
    )
    assert problems(customRuntimes=custom) == {}
    assert problems(customRuntimes=custom, shims={"disableAll": True}) == {}
