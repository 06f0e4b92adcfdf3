"""What a configuration demands of nodes: no more than the node program requires."""

from typing import Any

import pytest

from kata_components.manifests.node_demands import containerd_version, distribution
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings

QEMU = {"disableAll": True, "qemu": {"enabled": True}}
NYDUS = QEMU | {"qemu": {"enabled": True, "containerd": {"snapshotter": "nydus"}}}


def load(**config: Any) -> Settings:
    return load_settings({"kataVersion": "4.0.0", "cluster": {"context": "c"}, **config})


@pytest.mark.parametrize(
    ("config", "least"),
    [
        ({}, "1.7"),
        ({"shims": QEMU}, ""),
        ({"shims": NYDUS}, "1.7"),
        ({"shims": QEMU, "snapshotter": {"setup": ["erofs"]}}, "2.2"),
        ({"shims": QEMU, "env": {"multiInstallSuffix": "b"}}, "2.0"),
        ({"shims": QEMU, "env": {"multiInstallSuffix": "b"}, "k8sDistribution": "k0s"}, ""),
    ],
)
def test_oldest_sufficient_containerd(config: dict[str, Any], least: str) -> None:
    version, why = containerd_version(load(**config))
    assert (version, bool(why)) == (least, bool(least))


@pytest.mark.parametrize(
    ("config", "demanded"),
    [
        ({}, "k8s"),
        ({"k8sDistribution": "kubeadm"}, "k8s"),
        ({"k8sDistribution": "k3s"}, "k3s"),
        ({"containerd": {"configDir": "/var/lib/rancher/k3s/agent/etc/containerd/"}}, ""),
    ],
)
def test_distribution_that_nodes_must_have(config: dict[str, Any], demanded: str) -> None:
    assert distribution(load(**config)) == demanded
