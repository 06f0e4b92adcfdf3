"""The command lines of upstream's dispatcher: it installs, cleans, or looks after late nodes."""

from collections.abc import Iterable, Iterator

from kata_components import names
from kata_components.manifests.builders import suffixed
from kata_components.manifests.dispatcher_rbac import warns_of_kubelet_timeouts
from kata_components.manifests.environment import ARCHES
from kata_components.manifests.selector import cleanup_selectors, install_selectors
from kata_components.settings.job import Selection
from kata_components.settings.settings import Settings

TEMPLATES = "/etc/kata-job"
"""Where the templates of the per-node Jobs are mounted."""
_SLOW_CREATE_SECONDS = 600
"""How long the creation of a container that pulls or converts its image may take."""


def install_command(settings: Settings) -> list[str]:
    """Return the command line that installs."""
    job = settings.job
    return [
        *_start(settings, "install"),
        _owner(settings, "install"),
        f"--parallelism={job.parallelism}",
        *_selection_flags(job, install_selectors(settings)),
        *_install_flags(settings),
    ]


def cleanup_command(settings: Settings) -> list[str]:
    """Return the command line that cleans."""
    return [
        *_start(settings, "cleanup"),
        _owner(settings, "cleanup"),
        f"--parallelism={settings.job.parallelism}",
        *_selection_flags(settings.job.cleanup, cleanup_selectors(settings)),
        *_cleanup_flags(settings),
    ]


def reconcile_command(settings: Settings) -> list[str]:
    """Return the command line that installs where it is still missing, unless another one does."""
    job = settings.job
    return [
        *_start(settings, "install"),
        "--owner-job-from-pod=$(POD_NAME)",
        "--yield-to-live-run",
        "--skip-satisfied-nodes",
        f"--parallelism={job.parallelism}",
        *_selection_flags(job, install_selectors(settings)),
        *(() if job.nodes else ("--wait-for-nodes-secs=0",)),
        *_shared_flags(settings),
        *_work_flags(settings),
    ]


def handlers(settings: Settings) -> list[str]:
    """Return the handlers, one of which a node must have: by architecture, then custom runtimes."""
    shims = settings.shims.enabled.items()
    ours = [
        suffixed(settings, f"kata-{name}")
        for arch in ARCHES
        for name, shim in shims
        if arch in shim.supported_arches
    ]
    return list(
        dict.fromkeys(
            ours + [runtime.handler for runtime in settings.custom_runtimes.active.values()]
        )
    )


def _start(settings: Settings, kind: names.JobKind) -> list[str]:
    return [
        settings.traits.dispatcher_program,
        f"--job-template={TEMPLATES}/{kind}-job.yaml",
        f"--name-prefix={names.job_prefix(settings.env.multi_install_suffix, kind)}",
    ]


def _owner(settings: Settings, kind: names.JobKind) -> str:
    return f"--owner-job-name={names.dispatcher_name(settings.env.multi_install_suffix, kind)}"


def _install_flags(settings: Settings) -> Iterator[str]:
    if not settings.traits.token_free_jobs:
        return
    job = settings.job
    yield f"--cleanup-job-template={TEMPLATES}/cleanup-job.yaml"
    if not job.nodes:
        yield f"--wait-for-nodes-secs={job.wait_for_nodes_seconds}"
        yield f"--node-settle-secs={job.node_settle_seconds}"
    yield from _shared_flags(settings)
    yield from _work_flags(settings)


def _work_flags(settings: Settings) -> Iterator[str]:
    yield "--node-label=true"
    yield "--claim-node-pending"
    yield f"--wait-node-ready-secs={settings.job.wait_node_ready_seconds}"
    if required := handlers(settings):
        yield f"--require-node-handlers={','.join(required)}"
    if settings.startup_taints:
        yield f"--remove-node-taints={','.join(settings.startup_taints)}"
    if warns_of_kubelet_timeouts(settings):
        yield f"--kubelet-timeout-warn-secs={_SLOW_CREATE_SECONDS}"


def _cleanup_flags(settings: Settings) -> Iterator[str]:
    if settings.traits.token_free_jobs:
        yield from _shared_flags(settings)
        yield "--remove-node-label"
        yield "--ignore-node-taints"


def _shared_flags(settings: Settings) -> Iterator[str]:
    yield from settings.traits.dispatcher_flags
    if suffix := settings.env.multi_install_suffix:
        yield f"--multi-install-suffix={suffix}"


def _selection_flags(selection: Selection, selectors: Iterable[str]) -> list[str]:
    if selection.nodes:
        return [f"--nodes={','.join(selection.nodes)}"]
    return [f"--node-selector={selector}" for selector in selectors]
