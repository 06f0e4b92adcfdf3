"""One node while installations work on it: what they write is written, and Jobs do what they do."""

from dataclasses import dataclass, field, replace
from typing import Any

from kata_components import names
from kata_components.kubernetes.nodes import Node, RuntimeHandler
from kata_components.names import RUNTIME_LABEL
from kata_components.planning.cleanup_plan import cleanup_plan
from kata_components.planning.demands import Demands
from kata_components.planning.node_change import Changes, NodeChange
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob
from kata_components.planning.node_work import CleanupWork, InstallWork, NodeWork
from kata_components.planning.plan import plan
from kata_components.planning.step import Step
from tests.model.installation import CLEANUP, request, template
from tests.planning.builders import node

HANDLER = "kata-qemu"


def job_template(kind: str, *, token_free: bool) -> dict[str, Any]:
    """Return the template of the Jobs of 4.1.0, or of 4.0.0."""
    made = template(kind, "kata:4.1.0" if token_free else "kata:4.0.0")
    if token_free:
        made["spec"]["template"]["spec"]["automountServiceAccountToken"] = False
    return made


@dataclass
class Installation:
    """What one installation asks for."""

    token_free: bool
    suffix: str = ""

    def __post_init__(self) -> None:
        """Make its work."""
        own = [names.instance_label(self.suffix)] if self.token_free else []
        handler = f"{HANDLER}-{self.suffix}" if self.suffix else HANDLER
        self.install = InstallWork(
            request(
                suffix=self.suffix,
                existing="install",
                job=job_template("install", token_free=self.token_free),
                demands=Demands(labels=(RUNTIME_LABEL, *own), handlers=(handler,)),
            )
        )
        cleanup = job_template("cleanup", token_free=self.token_free)
        self.cleanup = CleanupWork(replace(CLEANUP, suffix=self.suffix, job=cleanup))


@dataclass
class Life:
    """The node `a` and its Jobs; every event takes a second."""

    on: Node = field(default_factory=lambda: node("a"))
    jobs: dict[tuple[str, JobKind], NodeJob] = field(default_factory=dict)
    """By suffix and kind."""
    seconds: int = 0

    @property
    def now(self) -> str:
        """The time of day."""
        return f"2026-02-01T00:{self.seconds // 60:02}:{self.seconds % 60:02}Z"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of Kata."""
        return {k: v for k, v in (self.on.metadata.labels or {}).items() if "kata" in k}

    @property
    def marks(self) -> dict[str, str]:
        """The annotations."""
        return dict(self.on.metadata.annotations or {})

    def step(self, of: Installation) -> Step:
        """Return what the next `up` does."""
        own = [job for (suffix, _), job in self.jobs.items() if suffix == of.suffix]
        foreign = [job for (suffix, _), job in self.jobs.items() if suffix != of.suffix]
        [step] = plan([self.on], own, of.install.request.rules(), foreign=foreign).steps
        return step

    def cleaning(self, of: Installation) -> Step | None:
        """Return what the next `destroy` does."""
        own = [job for (suffix, _), job in self.jobs.items() if suffix == of.suffix]
        planned = cleanup_plan(
            [self.on],
            own,
            of.suffix,
            of.cleanup.stamp.digest,
            namespace=of.cleanup.request.namespace,
            token_free=of.token_free,
        )
        return planned.steps[0] if planned.steps else None

    def write(self, change: NodeChange | None) -> None:
        """Write a change to the node."""
        self.seconds += 1
        if change is None:
            return
        metadata = self.on.metadata
        metadata.annotations = _merged(metadata.annotations, change.annotations)
        metadata.labels = _merged(metadata.labels, change.labels)

    def begin(self, work: NodeWork, step: Step) -> None:
        """Make room for the Job, and write what has to stand before it."""
        if step.stale_job:
            self.write(work.superseded(step, self.now))
            self.remove(work)
        self.write(work.begun(step, self.on.metadata, self.now))

    def start(self, work: NodeWork, step: Step) -> None:
        """Create the Job."""
        self.seconds += 1
        info = self.on.info
        self.jobs[work.request.suffix, work.stamp.kind] = NodeJob(
            name=work.stamp.name("a"),
            uid=f"uid-{self.seconds}",
            node="a",
            node_uid=step.node_uid,
            machine_id=info.machine_id,
            kind=work.stamp.kind,
            digest=work.stamp.digest,
            state=JobState.ACTIVE,
            created=self.now,
        )

    def end(self, of: Installation, kind: JobKind, state: JobState = JobState.SUCCEEDED) -> None:
        """Let the Job end; at 4.0.0, it has set or removed the shared label."""
        self.seconds += 1
        self.jobs[of.suffix, kind] = replace(self.jobs[of.suffix, kind], state=state)
        if state is JobState.SUCCEEDED and not of.token_free:
            value = "true" if kind == "install" else None
            self.write(NodeChange(labels={RUNTIME_LABEL: value}))

    def serve(self, *handlers: str) -> None:
        """Let the kubelet report these handlers."""
        assert self.on.status
        self.on.status.runtime_handlers = [RuntimeHandler(name=name) for name in handlers]

    def settle(self, work: NodeWork, step: Step) -> None:
        """Write that the work is done."""
        seen = self.on.metadata if work.reads_before_done else None
        self.write(work.done(step, seen, self.now))

    def remove(self, work: NodeWork) -> None:
        """Remove the Job."""
        self.seconds += 1
        self.jobs.pop((work.request.suffix, work.stamp.kind), None)

    def install(self, of: Installation) -> None:
        """Do all that an `up` does."""
        step = self.step(of)
        if step.needs_job:
            self.begin(of.install, step)
            self.start(of.install, step)
            self.end(of, "install")
        if step.action.pending:
            self.settle(of.install, step)

    def clean(self, of: Installation) -> None:
        """Do all that a `destroy` does."""
        step = self.cleaning(of)
        assert step
        self.begin(of.cleanup, step)
        self.start(of.cleanup, step)
        self.end(of, "cleanup")
        self.settle(of.cleanup, step)
        self.remove(of.cleanup)
        self.remove(of.install)


def _merged(found: dict[str, str] | None, changes: Changes) -> dict[str, str]:
    merged = {**(found or {}), **changes}
    return {key: value for key, value in merged.items() if value is not None}
