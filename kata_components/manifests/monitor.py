"""kata-monitor: a DaemonSet that exports metrics of the sandboxes on each node (contract 3.15)."""

from pathlib import PurePosixPath

from kata_components.manifests.builders import Manifest, pod_basics, without_empty
from kata_components.settings.monitor import MonitorTls
from kata_components.settings.settings import Settings

_NAME = "kata-monitor"
_SANDBOXES = "/run/vc/sbs/"
_CERTIFICATES = "/etc/kata-monitor/certs"
_SOCKETS = {
    "k3s": "/run/k3s/containerd/containerd.sock",
    "rke2": "/run/k3s/containerd/containerd.sock",
    "k0s": "/run/k0s/containerd.sock",
    "microk8s": "/var/snap/microk8s/common/run/containerd.sock",
    "k8s": "/run/containerd/containerd.sock",
    "kubeadm": "/run/containerd/containerd.sock",
}


def monitor(settings: Settings) -> list[Manifest]:
    """Return the DaemonSet, if it is enabled."""
    if not settings.monitor.enabled:
        return []
    labels = {
        "app.kubernetes.io/name": _NAME,
        "app.kubernetes.io/instance": settings.helm_release_name,
    }
    metadata = {"labels": dict(labels), "annotations": _scraping(settings)}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": _NAME, "namespace": settings.namespace, "labels": labels},
            "spec": {
                "selector": {"matchLabels": dict(labels)},
                "template": {"metadata": metadata, "spec": _pod(settings)},
            },
        }
    ]


def _pod(settings: Settings) -> Manifest:
    return {
        **pod_basics(settings),
        **without_empty(nodeSelector=settings.node_selector),
        "terminationGracePeriodSeconds": 30,
        "containers": [_container(settings)],
        "volumes": [
            {
                "name": "containerd-sock",
                "hostPath": {"path": _socket_directory(settings), "type": "Directory"},
            },
            {"name": "sbs", "hostPath": {"path": _SANDBOXES, "type": "DirectoryOrCreate"}},
            *_certificate_volumes(settings.monitor.tls),
        ],
    }


def _scraping(settings: Settings) -> Manifest:
    """Return the annotations by which Prometheus finds the metrics."""
    own, scrape = settings.monitor, {"prometheus.io/scrape": "true"}
    if not settings.traits.monitor_endpoint_annotations:
        return scrape
    scheme = "https" if own.tls.secret_name else "http"
    return scrape | {"prometheus.io/scheme": scheme, "prometheus.io/port": str(own.port)}


def _container(settings: Settings) -> Manifest:
    own = settings.monitor
    return {
        "name": _NAME,
        "image": own.image.name(settings.kata_version),
        "imagePullPolicy": settings.image_pull_policy,
        "args": [
            f"-listen-address={own.listen_address}",
            f"-log-level={_log_level(settings)}",
            f"-runtime-endpoint={_endpoint(settings)}",
            *_tls_arguments(own.tls),
        ],
        "ports": [{"containerPort": own.port}],
        **without_empty(securityContext=own.security_context, resources=own.resources),
        "volumeMounts": [
            {"name": "containerd-sock", "mountPath": _socket_directory(settings), "readOnly": True},
            {"name": "sbs", "mountPath": _SANDBOXES, "readOnly": True},
            *_certificate_mounts(own.tls),
        ],
    }


def _tls_arguments(tls: MonitorTls) -> list[str]:
    arguments = {
        "-tls-cert-file": f"{_CERTIFICATES}/cert.pem",
        "-tls-key-file": f"{_CERTIFICATES}/key.pem",
        "-tls-min-version": tls.min_version,
        "-tls-cipher-suites": tls.cipher_suites,
    }
    return [f"{name}={value}" for name, value in arguments.items() if value and tls.secret_name]


def _certificate_mounts(tls: MonitorTls) -> list[Manifest]:
    mount = {"name": "certs", "mountPath": _CERTIFICATES, "readOnly": True}
    return [mount] if tls.secret_name else []


def _certificate_volumes(tls: MonitorTls) -> list[Manifest]:
    volume = {"name": "certs", "secret": {"secretName": tls.secret_name}}
    return [volume] if tls.secret_name else []


def _log_level(settings: Settings) -> str:
    return (
        settings.monitor.log_level or settings.log_level or ("debug" if settings.debug else "info")
    )


def _endpoint(settings: Settings) -> str:
    usual = f"unix://{_SOCKETS[settings.k8s_distribution]}"
    return settings.monitor.runtime_endpoint or settings.containerd.runtime_socket or usual


def _socket_directory(settings: Settings) -> str:
    path = _endpoint(settings).removeprefix("unix:").removeprefix("//")
    return str(PurePosixPath(path).parent)
