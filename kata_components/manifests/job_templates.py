"""Templates of the per-node Jobs of job mode, and the ConfigMap in which the dispatcher reads them.

A stage is a container, or one per entry of `nodeBinaries`: all but the last run as initContainers,
in order. The runner adds name, node name and deadline.
"""

from kata_components import names
from kata_components.manifests import builders
from kata_components.manifests.builders import Manifest, as_written, chart_labels, without_empty
from kata_components.manifests.mounted_configs import checksum_annotations
from kata_components.manifests.node_binaries import placing_container, staging_containers
from kata_components.manifests.node_pod import node_container, node_pod
from kata_components.manifests.yaml_text import yaml_text
from kata_components.settings.implied_tolerations import IMPLIED_TOLERATIONS
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Stage

_EVERY_TAINT = {"operator": "Exists"}


def install_job(settings: Settings) -> Manifest:
    """Return the Job that installs on one node."""
    return _job(settings, "install", settings.traits.install_stages)


def cleanup_job(settings: Settings) -> Manifest:
    """Return the Job that cleans one node."""
    return _job(settings, "cleanup", settings.traits.cleanup_stages)


def config_map_name(settings: Settings) -> str:
    """Return the name of the ConfigMap with the templates."""
    return names.job_templates(settings.env.multi_install_suffix)


def config_map(settings: Settings) -> Manifest:
    """Return the ConfigMap with both Jobs as YAML text."""
    return builders.config_map(settings, config_map_name(settings), template_files(settings))


def template_files(settings: Settings) -> dict[str, str]:
    """Return both Jobs as YAML text, by the names of their files in the ConfigMap."""
    jobs = {"install-job.yaml": install_job(settings), "cleanup-job.yaml": cleanup_job(settings)}
    return {file: yaml_text(job) for file, job in jobs.items()}


def _job(settings: Settings, kind: names.JobKind, stages: tuple[Stage, ...]) -> Manifest:
    labels = {**chart_labels(settings), names.STAGE_LABEL: kind}
    job = settings.job
    limits = {
        "backoffLimit": job.backoff_limit,
        "ttlSecondsAfterFinished": job.ttl_seconds_after_finished,
    }
    if settings.traits.token_free_jobs:
        limits["activeDeadlineSeconds"] = job.active_deadline_seconds
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": labels},
        "spec": {
            **limits,
            "template": {
                "metadata": _pod_metadata(settings, labels),
                "spec": _pod(settings, kind, stages),
            },
        },
    }


def _pod_metadata(settings: Settings, labels: Manifest) -> Manifest:
    if not settings.traits.pod_metadata_in_jobs:
        return {"labels": dict(labels)}
    annotations = {**settings.pod_annotations, **checksum_annotations(settings)}
    return without_empty(labels={**settings.pod_labels, **labels}, annotations=annotations)


def _pod(settings: Settings, kind: names.JobKind, stages: tuple[Stage, ...]) -> Manifest:
    wanted = [stage for stage in stages if _is_wanted(settings, stage)]
    *before, last = (c for stage in wanted for c in _containers(settings, kind, stage))
    pod = {
        **node_pod(settings, wanted),
        "restartPolicy": "Never",
        "initContainers": before,
        "containers": [last],
    }
    if settings.traits.token_free_jobs:
        pod["tolerations"] = _tolerations(settings, kind)
    return pod


def _is_wanted(settings: Settings, stage: Stage) -> bool:
    if stage.when is None:
        return True
    wanted = {"selinux": settings.selinux.enabled, "nodeBinaries": bool(settings.node_binaries)}
    return wanted[stage.when]


def _containers(settings: Settings, kind: names.JobKind, stage: Stage) -> list[Manifest]:
    if stage.script == "stage_binaries":
        return staging_containers(settings, stage)
    if stage.script == "place_binaries":
        return [placing_container(settings, stage)]
    return [node_container(settings, stage, [stage.argument or f"{kind}-stage-{stage.name}"])]


def _tolerations(settings: Settings, kind: names.JobKind) -> list[Manifest]:
    """Return what the Jobs tolerate on the nodes that the dispatcher assigns to them.

    A node is cleaned whatever taints it has by then; one given by name is worked on as it is.
    """
    if kind == "cleanup":
        return [dict(_EVERY_TAINT)]
    general = [_EVERY_TAINT] if settings.job.nodes else IMPLIED_TOLERATIONS
    return [*map(dict, general), *as_written(settings.tolerations)]
