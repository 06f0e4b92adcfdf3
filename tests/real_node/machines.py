"""A real node as tests see it: what is on its disks, what its kubelet reports, pods that run."""

from dataclasses import dataclass
from typing import Any

from sandbox.kube import Kube
from sandbox.real_node.images import PAUSE
from sandbox.real_node.node import RealNode
from tests.sandbox.waiting import until

_PODS = "/api/v1/namespaces/default/pods"


@dataclass(frozen=True)
class Machine:
    node: RealNode
    kube: Kube

    @property
    def name(self) -> str:
        return self.node.name

    def expect_kata(self, version: str) -> None:
        """Check that its disk has this version, and wait until its kubelet reports the handler."""
        assert self._text("opt/kata/version") == version
        until(lambda: self.handlers() == {"kata-qemu"})

    def expect_nothing(self) -> None:
        """Check that its disk has nothing, and wait until its kubelet reports no handler."""
        assert self._text("opt/kata/version") == ""
        assert self._text("etc/containerd/conf.d/kata-deploy.toml") == ""
        until(lambda: not self.handlers())

    def handlers(self) -> set[str]:
        """Return the handlers of Kata in its status, which its kubelet updates with some delay."""
        status = self.kube.get(f"/api/v1/nodes/{self.name}")["status"]
        names = {handler["name"] for handler in status["runtimeHandlers"]}
        return {name for name in names if name.startswith("kata")}

    def start_pod(self, name: str, **spec: Any) -> dict[str, Any]:
        """Start a pod here that stays, wait until it is running, and return it."""
        container = {"name": "main", "image": PAUSE}
        pod = {
            "metadata": {"name": name},
            "spec": {"nodeName": self.name, "containers": [container], **spec},
        }
        self.kube.create(_PODS, {"apiVersion": "v1", "kind": "Pod", **pod})
        until(lambda: self.pod(name)["status"]["phase"] == "Running")
        return self.pod(name)

    def pod(self, name: str) -> dict[str, Any]:
        return self.kube.get(f"{_PODS}/{name}")

    def remove_pod(self, name: str) -> None:
        self.kube.delete(f"{_PODS}/{name}?gracePeriodSeconds=0")

    def _text(self, path: str) -> str:
        file = self.node.root / path
        return file.read_text(encoding="utf-8") if file.exists() else ""
