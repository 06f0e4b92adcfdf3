"""The double of the node program refuses what its version does not know."""

import subprocess
from pathlib import Path

import pytest

from sandbox.real_node.images import node_program

ENVIRONMENT = {
    "NODE_NAME": "real-1",
    "DAEMONSET_NAME": "kata-deploy",
    "DEBUG": "false",
    "INSTALLATION_PREFIX": "",
    "MULTI_INSTALL_SUFFIX": "",
    **{f"SHIMS_{arch}": "qemu" for arch in ("X86_64", "AARCH64")},
    **{f"DEFAULT_SHIM_{arch}": "qemu" for arch in ("X86_64", "AARCH64")},
}
JOB = {"CONTAINER_RUNTIME_VERSION": "containerd://2.2.9", "KATA_DEPLOY_NODE_MACHINE_ID": "a"}
HOST_CHECK = ("install-stage-host-check",)


@pytest.fixture(scope="module")
def program() -> Path:
    return node_program()


@pytest.mark.parametrize(
    ("version", "arguments", "environment", "words"),
    [
        ("3.9.0", HOST_CHECK, {}, ["is no version of the node program"]),
        ("4.1.0", (), {}, ["one action is wanted"]),
        ("4.1.0", (*HOST_CHECK, "--force"), JOB, ["one action is wanted"]),
        ("4.1.0", ("install-stage-label",), JOB, ["4.1.0 has no action install-stage-label"]),
        ("4.0.0", ("install-stage-load-kernel-modules",), {}, ["4.0.0 has no action"]),
        ("4.0.0", HOST_CHECK, JOB, ["Invalid configuration", "4.0.0 does not know the variable"]),
        ("4.1.0", HOST_CHECK, {}, ["the variable CONTAINER_RUNTIME_VERSION is missing"]),
        ("4.2.0", HOST_CHECK, JOB, ["the variable NODE_MACHINE_ID is missing"]),
        ("4.1.0", HOST_CHECK, {**JOB, "SHIMS": "qemu"}, ["does not know the variable SHIMS"]),
        ("4.1.0", HOST_CHECK, {**JOB, "HEALTH_PORT": "1"}, ["the variable HEALTH_PORT"]),
        ("4.0.0", ("install",), {}, ["the variable HEALTH_PORT is missing"]),
        (
            "4.1.0",
            HOST_CHECK,
            {**JOB, "DEFAULT_SHIM_X86_64": "clh", "DEFAULT_SHIM_AARCH64": "clh"},
            ['the default shim "clh" is not among ["qemu"]'],
        ),
        (
            "4.1.0",
            HOST_CHECK,
            {**JOB, "K8S_DISTRIBUTION": "k3s"},
            ["Stage host-check failed", "the node runs plain Kubernetes, not k3s"],
        ),
    ],
)
def test_it_refuses(
    program: Path,
    version: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    words: list[str],
) -> None:
    given = {**ENVIRONMENT, **environment, "KATA_SANDBOX_NODE_PROGRAM": version}
    ended = subprocess.run(
        [program, *arguments], env=given, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ")
    assert [word for word in words if word not in ended.stderr] == []
