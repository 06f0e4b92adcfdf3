"""The DaemonSet of daemonset mode: its pods install at their start and clean at their end."""

from kata_components.manifests.affinity import daemon_set_affinity
from kata_components.manifests.builders import Manifest, base, without_empty
from kata_components.manifests.mounted_configs import checksum_annotations
from kata_components.manifests.node_pod import node_container, node_pod
from kata_components.settings.pods import Health, Probe
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Stage

TERMINATION_SECONDS = 600
"""How long a pod may take to clean its node."""
_STAGE = Stage(name="kube-kata")


def daemon_set(settings: Settings) -> Manifest:
    """Return the DaemonSet."""
    name = base(settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": settings.namespace},
        "spec": {
            "selector": {"matchLabels": {"name": name}},
            "updateStrategy": settings.update_strategy.model_dump(
                by_alias=True, exclude_unset=True
            ),
            "template": pod_template(settings),
        },
    }


def pod_template(settings: Settings) -> Manifest:
    """Return the template of the DaemonSet's pods; a change of it restarts them."""
    labels = {**settings.pod_labels, "name": base(settings)}
    annotations = {**settings.pod_annotations, **checksum_annotations(settings)}
    return {
        "metadata": without_empty(labels=labels, annotations=annotations),
        "spec": _pod(settings),
    }


def _pod(settings: Settings) -> Manifest:
    level = settings.log_level or ("debug" if settings.debug else "")
    arguments = ["--log-level", level, "install"] if level else ["install"]
    container = node_container(settings, _STAGE, arguments)
    container["env"].append({"name": "HEALTH_PORT", "value": str(settings.health.port)})
    return {
        **node_pod(settings, [_STAGE]),
        **without_empty(
            nodeSelector=settings.node_selector, affinity=daemon_set_affinity(settings)
        ),
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "containers": [
            container | without_empty(resources=settings.resources) | _probes(settings.health)
        ],
    }


def _probes(health: Health) -> Manifest:
    probes = {
        "startupProbe": (health.startup_probe, "/readyz"),
        "livenessProbe": (health.liveness_probe, "/healthz"),
        "readinessProbe": (health.readiness_probe, "/readyz"),
    }
    return {
        name: _probe(probe, path, health.port)
        for name, (probe, path) in probes.items()
        if probe.enabled
    }


def _probe(probe: Probe, path: str, port: int) -> Manifest:
    timing: Manifest = probe.model_dump(by_alias=True, exclude={"enabled"})
    return {"httpGet": {"path": path, "port": port}, **timing}
