"""What is really on a host, as far as one installation is concerned."""

from dataclasses import dataclass, field

from kata_components import names
from tests.model.store import Object


@dataclass
class Machine:
    """`installed` is the digest it has in full, `dirty` whether anything of the installation is on it.

    `failed` are the digests whose last Job failed here, with its UID.
    `tampered`: somebody removed what could have told.
    """

    name: str
    uid: str
    machine_id: str
    kind: int
    dirty: bool = False
    installed: str = ""
    installed_at: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    failed_before_cleanup: set[str] = field(default_factory=set)
    """A cleanup that is cut off leaves failed Jobs and traces: by them the machine may go on to
    count as failed."""
    begun_at: str = ""
    """The digest of the last install Job that has worked on it."""
    tried_before: bool = False
    """Whether that one was not the first at its digest."""
    foreign: bool = False
    """Kata of a Helm release is on it, and no Job of ours has worked there."""
    tampered: bool = False
    unlabelled: bool = False
    """Somebody took its label since its last Job."""
    was_down: bool = False
    swapped: bool = False
    """It took the place of another machine while a Job was at work: whose Job it is cannot be
    told."""
    doubted_by: str = ""
    """The run that was about to replace what is installed; if it is cut off, the next one has to
    install again."""
    worked_on_by: str = ""
    """The run that made its last Job."""
    cleaned_by: str = ""
    """The run whose cleanup has succeeded, with no install since. One that is cut off may leave the
    next in doubt."""
    gone: bool = False
    """Another machine has its name, or none."""
    undoing: bool = False
    """The last Job that has begun to work on it cleans."""
    excused: bool = False
    """Something befell it for which it may count as failed though no Job of it failed."""
    not_ready_since: float | None = None
    deselected_since: float | None = None
    selected_since: float | None = 0.0

    def begun(self, digest: str) -> bool:
        """Whether it was tried at that digest."""
        return digest in {self.installed, self.begun_at, *self.failed}

    @property
    def unfit(self) -> bool:
        """Whether it has been gone, NotReady or not selected at times."""
        return (
            self.gone or self.was_down or self.selected_since is None or self.selected_since > 0.0
        )

    @property
    def murky(self) -> bool:
        """Whether a plan may see less than what really happened to it."""
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
