"""The files of real nodes agree with the modules that serve and run them."""

import tomllib
from pathlib import Path
from typing import Any

import yaml

from sandbox.kwok_configuration import SERVICE_ADDRESS, configuration
from sandbox.nodes import control_plane, worker
from sandbox.real_node.disks import FILES
from sandbox.real_node.images import PAUSE
from sandbox.real_node.network import REGISTRY_PORT


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads((FILES / path).read_text("utf-8"))


def test_images_come_from_where_the_registry_is_reached() -> None:
    hosts = toml("etc/containerd/certs.d/_default/hosts.toml")
    assert hosts == {"server": f"http://{SERVICE_ADDRESS}:{REGISTRY_PORT}"}


def test_the_kubelet_finds_the_api_server_by_its_service() -> None:
    config = yaml.safe_load((FILES / "etc/kubernetes/kubeconfig").read_text("utf-8"))
    assert config["clusters"][0]["cluster"]["server"] == f"https://{SERVICE_ADDRESS}"


def test_the_image_of_pod_sandboxes_is_one_of_ours() -> None:
    plugins = toml("etc/containerd/config.toml")["plugins"]
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == PAUSE


def test_kwok_plays_the_kubelet_of_all_simulated_nodes_and_of_no_other() -> None:
    kwokctl = configuration(Path("tools"), {}, Path("users"), Path("pki"))[0]
    (kwok,) = (
        {argument["key"]: argument["value"] for argument in patch["extraArgs"]}
        for patch in kwokctl["componentsPatches"]
        if patch["name"] == "kwok-controller"
    )
    assert kwok["manage-all-nodes"] == "false"
    key, value = kwok["manage-nodes-with-annotation-selector"].split("=")
    for node in (worker(1), control_plane(1)):
        assert node["metadata"]["annotations"][key] == value
