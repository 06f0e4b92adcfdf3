"""The pods that work on a host, in both modes (contract 3.8): container, mounts, volumes."""

from kata_components.manifests import mounted_configs
from kata_components.manifests.builders import Manifest, image, pod_basics, without_empty
from kata_components.manifests.environment import environment
from kata_components.manifests.node_rbac import has_node_rights, service_account_name
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Mount

PROGRAM = "/usr/bin/kata-deploy"

_CONTAINERD_DIRECTORIES = {
    "k8s": "/etc/containerd/",
    "kubeadm": "/etc/containerd/",
    "k3s": "/var/lib/rancher/k3s/agent/etc/containerd/",
    "rke2": "/var/lib/rancher/rke2/agent/etc/containerd/",
    "k0s": "/etc/k0s/",
    "microk8s": "/var/snap/microk8s/current/args/",
}


def node_container(
    settings: Settings, name: str, arguments: list[str], *, on_host: bool = True
) -> Manifest:
    """Return a container of the node program; one that works on the host mounts its files."""
    container: Manifest = {
        "name": name,
        "image": image(settings),
        "imagePullPolicy": settings.image_pull_policy,
        "command": [PROGRAM, *arguments],
        "env": environment(settings),
        "securityContext": dict(settings.traits.host_security_context)
        if on_host
        else {"privileged": False},
    }
    if on_host:
        container["volumeMounts"] = [
            _mount(settings, m) for m in settings.traits.mounts
        ] + mounted_configs.mounts(settings)
    return container


def node_pod(settings: Settings) -> Manifest:
    """Return the pod spec around the containers."""
    account = {"serviceAccountName": service_account_name(settings)}
    return {
        **(account if has_node_rights(settings) else {"automountServiceAccountToken": False}),
        **({"hostPID": True} if settings.traits.host_pid else {}),
        **pod_basics(settings),
        "volumes": [_volume(settings, m) for m in settings.traits.mounts]
        + mounted_configs.volumes(settings),
    }


def _mount(settings: Settings, mount: Mount) -> Manifest:
    read_only = {"readOnly": True} if mount.read_only else {}
    return {"name": mount.name, "mountPath": _path(settings, mount.mount_path), **read_only}


def _volume(settings: Settings, mount: Mount) -> Manifest:
    if mount.host_path is None:
        return {"name": mount.name, "emptyDir": {}}
    return {
        "name": mount.name,
        "hostPath": without_empty(path=_path(settings, mount.host_path), type=mount.type),
    }


def _path(settings: Settings, path: str) -> str:
    env, containerd = settings.env, settings.containerd
    suffix = f"-{env.multi_install_suffix}" if env.multi_install_suffix else ""
    return path.format(
        install_dir=f"{env.installation_prefix}/opt/kata{suffix}",
        containerd_dir=containerd.config_dir or _CONTAINERD_DIRECTORIES[settings.k8s_distribution],
    )
