"""What a pod that works on a host has in both modes (contract 3.8, version 4.0.0): container, mounts, volumes."""

from kata_components.manifests.builders import Manifest, image, pod_basics
from kata_components.manifests.environment import environment
from kata_components.manifests.node_rbac import service_account_name
from kata_components.settings.settings import Settings

PROGRAM = "/usr/bin/kata-deploy"

_CONTAINERD_DIRECTORIES = {
    "k8s": "/etc/containerd/",
    "k3s": "/var/lib/rancher/k3s/agent/etc/containerd/",
    "rke2": "/var/lib/rancher/rke2/agent/etc/containerd/",
    "k0s": "/etc/k0s/",
    "microk8s": "/var/snap/microk8s/current/args/",
}
_MOUNTS = {"crio-conf": "/etc/crio/", "containerd-conf": "/etc/containerd/", "host": "/host/"}


def node_container(settings: Settings, name: str, arguments: list[str], *, on_host: bool = True) -> Manifest:
    """Return a container of the node program; one that works on the host is privileged and sees its files."""
    container: Manifest = {
        "name": name,
        "image": image(settings),
        "imagePullPolicy": settings.image_pull_policy,
        "command": [PROGRAM, *arguments],
        "env": environment(settings),
        "securityContext": {"privileged": on_host},
    }
    if on_host:
        container["volumeMounts"] = [{"name": volume, "mountPath": path} for volume, path in _MOUNTS.items()]
    return container


def node_pod(settings: Settings) -> Manifest:
    """Return the pod spec around the containers."""
    containerd = settings.containerd.config_dir or _CONTAINERD_DIRECTORIES[settings.k8s_distribution]
    paths = {"crio-conf": "/etc/crio/", "containerd-conf": containerd, "host": "/"}
    return {
        "serviceAccountName": service_account_name(settings),
        "hostPID": True,
        **pod_basics(settings),
        "volumes": [{"name": volume, "hostPath": {"path": path}} for volume, path in paths.items()],
    }
