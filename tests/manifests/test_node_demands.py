"""Which containerd a configuration needs on its nodes: no newer one than the node program insists on."""

from typing import Any

import pytest

from kata_components.manifests.node_demands import containerd_version
from kata_components.settings.load import load_settings

QEMU = {"disableAll": True, "qemu": {"enabled": True}}
NYDUS = QEMU | {"qemu": {"enabled": True, "containerd": {"snapshotter": "nydus"}}}


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
def test_oldest_containerd_that_will_do(config: dict[str, Any], least: str) -> None:
    settings = load_settings({"kataVersion": "4.0.0", "cluster": {"context": "c"}, **config})
    version, why = containerd_version(settings)
    assert (version, bool(why)) == (least, bool(least))
