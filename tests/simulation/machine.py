"""The true state of a host, as far as one installation is concerned."""

from dataclasses import dataclass, field

from kata_components import names
from tests.model.history import Object


@dataclass
class Machine:
    """One machine, seen by one installation; times are in seconds of the world's clock."""

    name: str
    uid: str
    """The UID of its node."""
    machine_id: str
    kind: int
    dirty: bool = False
    """Whether anything of the installation is on it."""
    installed: str = ""
    """The digest that is completely installed, empty if none is."""
    installed_at: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    """The digests whose last Job failed here, with the UID of that Job."""
    failed_before_cleanup: set[str] = field(default_factory=set)
    """Digests that had failed before a cleanup. If it is cut off, failed Jobs and traces are left,
    so the machine may still count as failed."""
    begun_at: str = ""
    """The digest of the last install Job that worked on it."""
    tried_before: bool = False
    """Whether that Job was not the first of its digest."""
    foreign: bool = False
    """Whether it has Kata of a Helm release, and no Job of ours has worked there."""
    kept_label: bool = False
    """Whether the label of its node is from that release, even if this machine does not have it."""
    tampered: bool = False
    """Whether somebody removed evidence of what happened to it."""
    unlabelled: bool = False
    """Whether somebody removed its label since its last Job."""
    was_down: bool = False
    """Whether it has been NotReady since its last failed Job."""
    swapped: bool = False
    """Whether it replaced another machine while a Job was running, so nobody can tell whose Job it
    is."""
    doubted_by: str = ""
    """The run that was about to replace what is installed; if it is cut off, the next one has to
    install again."""
    worked_on_by: str = ""
    """The run that created its last Job."""
    cleaned_by: str = ""
    """The run whose cleanup succeeded, with no install since. If it is cut off, the next run may
    not know."""
    gone: bool = False
    """Whether its name belongs to another machine, or to none."""
    undoing: bool = False
    """Whether the last Job that began to work on it is a cleanup."""
    excused: bool = False
    """Whether something happened to it for which it may count as failed without a failed Job."""
    awaits: str = ""
    """The digest that its Job, which has no token, has installed, until its mark says so."""
    awaits_since: float = 0.0
    is_canary: bool = False
    """Whether its last Job was the first one of that digest on its kind."""
    misleads: bool = False
    """Whether that had no effect, and the handlers from before are reported for a moment."""
    not_ready_since: float | None = None
    deselected_since: float | None = None
    selected_since: float | None = 0.0

    def begun(self, digest: str) -> bool:
        """Return whether an install of that digest has begun on it."""
        return digest in {self.installed, self.begun_at, *self.failed}

    @property
    def unfit(self) -> bool:
        """Whether it has ever been gone, NotReady or deselected."""
        return (
            self.gone or self.was_down or self.selected_since is None or self.selected_since > 0.0
        )

    @property
    def murky(self) -> bool:
        """Whether a plan may see less than what happened to it."""
        hidden = self.foreign or self.tampered or self.unlabelled or self.undoing
        return bool(hidden or self.swapped or self.was_down or self.doubted_by)


def digest_of(job: Object) -> str:
    digest: str = job["metadata"]["annotations"][names.DIGEST_ANNOTATION]
    return digest


def is_of(job: Object, machine: Machine) -> bool:
    annotations = job["metadata"]["annotations"]
    stamped = (annotations[names.NODE_UID_ANNOTATION], annotations[names.MACHINE_ID_ANNOTATION])
    return bool(stamped == (machine.uid, machine.machine_id))


def stage_of(job: Object) -> str:
    stage: str = job["metadata"]["labels"][names.STAGE_LABEL]
    return stage
