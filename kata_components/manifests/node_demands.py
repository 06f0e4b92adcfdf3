"""What the node program requires of its node's container runtime (contract 3.9, host-check)."""

from kata_components.settings.settings import Settings


def distribution(settings: Settings) -> str:
    """Return the Kubernetes distribution that nodes must have; empty with the user's own directory.

    Clusters made by kubeadm are plain Kubernetes.
    """
    if settings.containerd.config_dir:
        return ""
    return "k8s" if settings.k8s_distribution == "kubeadm" else settings.k8s_distribution


def containerd_version(settings: Settings) -> tuple[str, str]:
    """Return the oldest sufficient containerd, as `major.minor`, and what needs it.

    Both are empty if any version will do.
    """
    if "erofs" in settings.snapshotter.setup:
        return "2.2", "the erofs snapshotter"
    if settings.env.multi_install_suffix and settings.k8s_distribution != "k0s":
        return "2.0", "env.multiInstallSuffix"
    if any(shim.containerd.snapshotter for shim in settings.shims.enabled.values()):
        return "1.7", "a shim with its own snapshotter"
    return "", ""
