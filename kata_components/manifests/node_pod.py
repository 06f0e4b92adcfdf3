"""The pods that work on a host, in both modes (contract 3.8): container, mounts, volumes."""

from collections.abc import Iterable

from kata_components.manifests import mounted_configs
from kata_components.manifests.builders import (
    Manifest,
    image,
    pod_basics,
    termination_messages,
    without_empty,
)
from kata_components.manifests.environment import environment
from kata_components.manifests.node_rbac import has_node_rights, service_account_name
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Mount, Stage

PROGRAM = "/usr/bin/kata-deploy"

_CONTAINERD_DIRECTORIES = {
    "k8s": "/etc/containerd/",
    "kubeadm": "/etc/containerd/",
    "k3s": "/var/lib/rancher/k3s/agent/etc/containerd/",
    "rke2": "/var/lib/rancher/rke2/agent/etc/containerd/",
    "k0s": "/etc/k0s/",
    "microk8s": "/var/snap/microk8s/current/args/",
}


def node_container(settings: Settings, stage: Stage, arguments: list[str]) -> Manifest:
    """Return a container that runs the node program."""
    return {
        "name": stage.name,
        "image": image(settings),
        "imagePullPolicy": settings.image_pull_policy,
        "command": [PROGRAM, *arguments],
        **termination_messages(settings),
        "env": environment(settings),
        **host_access(settings, stage),
    }


def host_access(settings: Settings, stage: Stage) -> Manifest:
    """Return the part of a container that says what it may do on its host, and what it mounts."""
    context = settings.traits.host_security_context | stage.security_context
    if stage.selinux_type and settings.selinux.enabled:
        context["seLinuxOptions"] = {"type": stage.selinux_type, "level": "s0"}
    shared = settings.traits.mounts if stage.host_files else ()
    configs = mounted_configs.mounts(settings) if stage.host_files else []
    return without_empty(
        securityContext=context,
        volumeMounts=[_mount(settings, m) for m in (*shared, *stage.mounts)] + configs,
    )


def node_pod(settings: Settings, stages: Iterable[Stage]) -> Manifest:
    """Return the pod spec around the containers of some stages."""
    account = {"serviceAccountName": service_account_name(settings)}
    own = (mount for stage in stages for mount in stage.mounts)
    volumes = {mount.name: _volume(settings, mount) for mount in (*settings.traits.mounts, *own)}
    return {
        **(account if has_node_rights(settings) else {"automountServiceAccountToken": False}),
        **({"hostPID": True} if settings.traits.host_pid else {}),
        **pod_basics(settings),
        "volumes": [*volumes.values(), *mounted_configs.volumes(settings)],
    }


def _mount(settings: Settings, mount: Mount) -> Manifest:
    read_only = {} if mount.read_only is None else {"readOnly": mount.read_only}
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
