"""The stages of per-node Jobs at 4.2.0, tested without the chart's renders."""

from typing import Any

import pytest

from kata_components.manifests.builders import Manifest
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.planning.host_digest import host_digests
from kata_components.planning.node_jobs import privileged
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings

GPU = "qemu-nvidia-gpu"
BINARIES = {
    "nodeBinaries": {
        "tools": {"image": "example.com/tools:1", "binaries": ["a", "b"]},
        "erofs": {"image": "example.com/erofs:1", "binaries": ["c"], "pullPolicy": "Never"},
    }
}
SELINUX = {"selinux": {"enabled": True}}


def settings(**values: Any) -> Settings:
    base = {
        "kataVersion": "4.2.0",
        "cluster": {"context": "c"},
        "deploymentMode": "job",
        "rollout": {"runsIn": "cluster"},
        "shims": {"disableAll": True, "qemu": {"enabled": True}, GPU: {"enabled": True}},
    }
    return load_settings(base | values)


def containers(job: Manifest) -> dict[str, dict[str, Any]]:
    pod = job["spec"]["template"]["spec"]
    return {c["name"]: c for c in pod["initContainers"] + pod["containers"]}


def volumes(job: Manifest) -> set[str]:
    return {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}


def mounts(container: dict[str, Any]) -> dict[str, tuple[str, bool | None]]:
    return {m["name"]: (m["mountPath"], m.get("readOnly")) for m in container["volumeMounts"]}


@pytest.mark.parametrize(
    ("values", "install", "cleanup"),
    [
        ({}, [], []),
        (BINARIES, ["erofs", "tools", "node-binaries-install"], []),
        (SELINUX, ["selinux-policy"], ["selinux-policy"]),
        (
            BINARIES | SELINUX,
            ["selinux-policy", "erofs", "tools", "node-binaries-install"],
            ["selinux-policy"],
        ),
    ],
)
def test_stages_come_in_order_and_only_where_configured(
    values: dict[str, Any], install: list[str], cleanup: list[str]
) -> None:
    always = ["load-kernel-modules", "host-check", "artifacts", "cri"]
    assert list(containers(install_job(settings(**values)))) == install + always
    # Nodes may have files of entries that are not configured any more.
    always = ["revert-cri", "node-binaries-remove", "remove-artifacts"]
    assert list(containers(cleanup_job(settings(**values)))) == cleanup + always


def test_one_container_is_privileged_and_reads_the_root_of_the_host() -> None:
    job = install_job(settings(**BINARIES))
    assert privileged(job) == ["load-kernel-modules"]
    assert privileged(cleanup_job(settings())) == []
    with_root = {name for name, c in containers(job).items() if "host-root" in mounts(c)}
    assert with_root == {"load-kernel-modules"}
    assert mounts(containers(job)["load-kernel-modules"])["host-root"] == ("/host", True)
    assert "host-root" not in volumes(cleanup_job(settings()))


def test_selinux_gives_each_stage_its_domain_and_loads_them_first() -> None:
    install, cleanup = install_job(settings(**SELINUX)), cleanup_job(settings(**SELINUX))
    assert privileged(install) == ["selinux-policy", "load-kernel-modules"]
    assert privileged(cleanup) == ["selinux-policy"]
    domains = {
        name: container["securityContext"]["seLinuxOptions"]["type"]
        for job in (install, cleanup)
        for name, container in containers(job).items()
        if "seLinuxOptions" in container["securityContext"]
    }
    assert domains == {
        "host-check": "kata_deploy_check_t",
        "artifacts": "kata_deploy_artifacts_t",
        "cri": "kata_deploy_cri_t",
        "revert-cri": "kata_deploy_cri_t",
        "node-binaries-remove": "kata_deploy_node_binaries_t",
        "remove-artifacts": "kata_deploy_artifacts_t",
    }
    (command,) = {tuple(containers(job)["selinux-policy"]["command"]) for job in (install, cleanup)}
    assert command[1] == "install-stage-selinux-policy"
    assert mounts(containers(cleanup)["selinux-policy"])["host-root"] == ("/host", False)


def test_scripts_are_told_where_their_mounts_are() -> None:
    values = BINARIES | {"env": {"multiInstallSuffix": "dev"}, "imagePullPolicy": "Always"}
    found = containers(install_job(settings(**values)))
    assert found["tools"]["args"][0].startswith(
        "entry=tools\nbinaries='a b'\n"
        "searched='/usr/local/bin /usr/local/sbin /usr/bin /usr/sbin /bin /sbin /'\n"
        "staged=/node-binaries\n"
    )
    assert (found["tools"]["image"], found["tools"]["imagePullPolicy"]) == (
        "example.com/tools:1",
        "Always",
    )
    assert found["erofs"]["imagePullPolicy"] == "Never"
    placing = found["node-binaries-install"]
    assert placing["args"][0].startswith(
        "staged=/node-binaries\ntarget=/host-usr-local/bin-writable\n"
        "marker=/host-usr-local/bin-writable/.kata-deploy-node-binaries-dev\n"
        "lock=/host-run-lock/kata-deploy.lock\n"
    )
    assert mounts(placing) == {
        "host-usr-local-bin": ("/host-usr-local/bin-writable", None),
        "host-run-lock": ("/host-run-lock", None),
        "node-binaries": ("/node-binaries", True),
    }
    removing = containers(cleanup_job(settings(**values)))["node-binaries-remove"]
    assert removing["args"][0].startswith("staged=''\n")
    assert "node-binaries" not in mounts(removing)


def test_shims_that_start_dcgm_are_named() -> None:
    def told(values: dict[str, Any]) -> dict[str, str]:
        env = containers(install_job(settings(**values)))["cri"]["env"]
        return {v["name"]: v["value"] for v in env if v["name"] == "NVRC_ENABLE_DCGM"}

    shims = dcgm(enabled=True)["shims"]
    another, off = shims | {f"{GPU}-snp": shims[GPU]}, shims[GPU] | {"enabled": False}
    assert told({"shims": another}) == {"NVRC_ENABLE_DCGM": f"{GPU};{GPU}-snp"}
    assert told({"shims": another | {GPU: off}}) == {"NVRC_ENABLE_DCGM": f"{GPU}-snp"}
    assert told(dcgm(enabled=False)) == {}


def dcgm(*, enabled: bool) -> dict[str, Any]:
    shims = {"disableAll": True, "qemu": {"enabled": True}}
    return {"shims": shims | {GPU: {"enabled": True, "nvrc": {"enableDCGM": enabled}}}}


def binaries(**entry: Any) -> dict[str, Any]:
    tools = {"image": "example.com/tools:1", "binaries": ["a"]}
    return {"nodeBinaries": {"tools": tools | entry}}


def digests(values: dict[str, Any]) -> dict[int, str]:
    return host_digests(install_job(settings(**values)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, BINARIES),  # other files are on the node
        (binaries(), binaries(binaries=["a", "b"])),
        (binaries(), binaries(image="example.com/tools:2")),
        ({}, SELINUX),  # stages run in other domains
        ({}, dcgm(enabled=True)),  # the guest's init gets another setting
        ({}, {"k8sDistribution": "k0s"}),  # the kubelet's directory is another one
        ({}, {"containerd": {"configDir": "/opt/containerd"}}),
        # Its shell places the files.
        (binaries(), binaries() | {"kubectlImage": {"reference": "example.com/k", "tag": "1"}}),
    ],
)
def test_what_changes_on_the_host_changes_the_digest(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert digests(one) != digests(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # They say when a dispatcher starts, not what it installs.
        ({}, {"job": {"reconcile": {"enabled": True}}}),
        ({}, {"job": {"reconcile": {"schedule": "0 * * * *"}}}),
        # They are for other pods than the Jobs'.
        ({}, {"monitor": {"enabled": True, "tls": {"secretName": "cert"}}}),
        ({}, {"job": {"dispatcherImage": {"reference": "example.com/d", "tag": "1"}}}),
        # Only the cleanup runs it here, whose Jobs are made when they are needed.
        ({}, {"kubectlImage": {"reference": "example.com/k", "tag": "1"}}),
        # They say how a container starts, not what it does.
        (BINARIES, BINARIES | {"resources": {"requests": {"cpu": "1m"}}}),
        (binaries(), binaries(pullPolicy="Never")),
        ({}, dcgm(enabled=False)),
    ],
)
def test_what_does_not_reach_the_host_leaves_the_digest(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert digests(one) == digests(other)
