"""The promises to one installation, checked in the cluster, where a wrong write does harm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kata_components import names
from kata_components.planning.node_mark import Mark
from tests.model.history import Object
from tests.model.node_jobs import is_token_free, node_of
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.machine import Machine, digest_of, is_of, stage_of
from tests.simulation.pace import Pace
from tests.simulation.setting import Setting

LOOKED_SECONDS = 20.0
"""How old the last look at a node may be when its Job is created."""


@dataclass
class Promises:
    """What must hold for one installation."""

    namespace: str
    suffix: str
    setting: Setting
    clock: Callable[[], float]
    """Returns the world's time."""
    clocks_agree: Callable[[], bool]
    """Returns whether all machines have the same time of day."""
    machines: dict[str, Machine] = field(default_factory=dict)
    """The machines by the names of their nodes."""
    lost: set[str] = field(default_factory=set)
    """Names of nodes that failed and then left the cluster: a run that saw it still counts them."""
    proven: set[tuple[int, str]] = field(default_factory=set)
    """Kinds and the digests that have succeeded on them."""
    run: str = ""
    """The run whose request is being served."""
    destroys: bool = False
    """Whether that run uninstalls."""
    began: dict[str, float] = field(default_factory=dict)
    """When each run began."""
    known: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """For each run, the machine IDs and digests that had failed before it began, which it has to
    know about."""
    planned_with: set[str] = field(default_factory=set)
    """The UIDs of failed Jobs that any plan has seen."""
    asks_for_both: bool = False
    """Whether its RuntimeClasses select nodes by its own label as well as by the shared one."""
    installs: int = 0
    """The number of install Jobs so far."""
    cleanups: int = 0
    """The number of cleanup Jobs so far."""

    def __post_init__(self) -> None:
        self.pace = Pace(self.setting, self.clocks_agree)

    def serve(self, run: str, *, destroys: bool) -> None:
        """Take note of the run that sends the next request."""
        self.run, self.destroys = run, destroys
        if run not in self.known:
            self.began[run] = self.clock()
            self.known[run] = {
                (m.machine_id, digest) for m in self.machines.values() for digest in m.failed
            }

    def plan(self, seen_failed: frozenset[str], selected: Sequence[str]) -> None:
        """Take note of what the run plans with: the nodes it reads now, and the Jobs before."""
        self.planned_with |= seen_failed
        self.pace.plan(self.run, [self.machines[name] for name in selected])

    # Before a Job.

    def before_create(self, job: Object, active: Sequence[Object], at_work: int) -> None:
        node, digest, parallelism = node_of(job), digest_of(job), self.setting.parallelism
        if at_work >= parallelism:
            raise BrokenPromiseError(f"{node} is one more than {parallelism} Jobs in flight")
        machine, canary = self.machines.get(node), False
        if stage_of(job) == "install" and machine and is_of(job, machine):
            if not self.pace.has_asked(self.run, node):
                self._may_work_on(machine)
            self._may_install(machine, digest, active)
            canary = not any(m.begun(digest) for m in self._alike(machine))
            at_work = self._fresh_at_work(active, digest)
            self.pace.before_install(
                self.run, machine, digest, at_work, self.clock(), canary=canary
            )
        if stage_of(job) == "cleanup" and machine and is_of(job, machine):
            self._may_clean(machine)
        self.installs += stage_of(job) == "install"
        self.cleanups += stage_of(job) == "cleanup"
        if machine:
            machine.worked_on_by = self.run
            self.touched(machine, job)
            machine.is_canary = canary

    def _may_work_on(self, machine: Machine) -> None:
        """Check that the node of a Job was Ready and selected a moment before."""
        last = self.clock() - LOOKED_SECONDS
        if (
            machine.not_ready_since is not None
            and machine.not_ready_since < last
            and self.setting.not_ready == "skip"
        ):
            raise BrokenPromiseError(
                f"{machine.name} gets a Job, NotReady since {machine.not_ready_since:.0f} s"
            )
        if machine.deselected_since is not None and machine.deselected_since < last:
            raise BrokenPromiseError(
                f"{machine.name} gets a Job, deselected since {machine.deselected_since:.0f} s"
            )

    def _may_clean(self, machine: Machine) -> None:
        if machine.cleaned_by == self.run and not machine.tampered:
            raise BrokenPromiseError(f"{machine.name} is cleaned a second time by {self.run}")
        last = self.clock() - LOOKED_SECONDS
        if (
            not self.destroys
            and machine.selected_since is not None
            and machine.selected_since < last
        ):
            raise BrokenPromiseError(
                f"{machine.name} is cleaned, selected since {machine.selected_since:.0f} s"
            )

    def _may_install(self, machine: Machine, digest: str, active: Sequence[Object]) -> None:
        excused = (
            machine.tampered
            or machine.swapped
            or machine.unlabelled
            or machine.doubted_by not in {"", self.run}
        )
        if machine.installed == digest and not excused:
            raise BrokenPromiseError(f"{machine.name} is done a second time")
        if digest in machine.failed:
            if machine.failed[digest] not in self.planned_with:
                raise BrokenPromiseError(
                    f"{machine.name} is tried again, but no plan knew that it had failed"
                )
            return
        if digest in machine.failed_before_cleanup:
            return
        planned = self.pace.planned(self.run)
        failed = [other for other in planned if digest in other.failed]
        allowed = self.setting.allowed
        # The run may not have heard yet of failures among the other Jobs in flight.
        too_many = len(failed) > allowed + self.setting.parallelism - 1
        if too_many or len(self.known_failures(digest)) > allowed:
            raise BrokenPromiseError(
                f"{machine.name} starts although {', '.join(m.name for m in failed)} failed"
            )
        working = {node_of(other) for other in active if digest_of(other) == digest}
        tried = [
            m
            for m in planned
            if m is not machine
            and (digest in m.failed or m.name in working or (m.awaits == digest and not m.unfit))
        ]
        unproven = [m.name for m in tried if m.kind == machine.kind and not m.was_down]
        canaries = self.setting.sizes[:1] == ("canary",)
        if canaries and (machine.kind, digest) not in self.proven and unproven:
            raise BrokenPromiseError(
                f"{machine.name} starts before {unproven[0]}, its kind's canary, succeeded"
            )

    def known_failures(self, digest: str) -> list[Machine]:
        """Return those of which the run knew from the start that they had failed at a digest."""
        known, planned = self.known[self.run], self.pace.planned(self.run)
        return [m for m in planned if digest in m.failed and (m.machine_id, digest) in known]

    def _alike(self, machine: Machine) -> list[Machine]:
        return [m for m in self.machines.values() if m.kind == machine.kind and m is not machine]

    def _fresh_at_work(self, active: Sequence[Object], digest: str) -> int:
        """Count the nodes that are being tried at a digest for the first time."""
        found = (self.machines.get(node_of(job)) for job in active if digest_of(job) == digest)
        return sum(machine is not None and not machine.tried_before for machine in found)

    # What Jobs and others do.

    def touched(self, machine: Machine, job: Object) -> None:
        """Take note that a Job begins to work on a machine."""
        is_of_another = not is_of(job, machine)
        machine.swapped |= is_of_another
        # One that does not say which machine it is, is not Ready for the run either.
        is_down = is_of_another or machine.not_ready_since is not None
        machine.excused = self.setting.token_free and is_down
        machine.unlabelled = machine.foreign = machine.kept_label = machine.misleads = False
        machine.awaits = ""
        machine.undoing = stage_of(job) == "cleanup"
        if stage_of(job) == "install":
            machine.dirty = True
            machine.tried_before, machine.begun_at = machine.begun(digest_of(job)), digest_of(job)
            machine.installed = machine.doubted_by = machine.cleaned_by = ""
            machine.failed = {
                made: uid for made, uid in machine.failed.items() if made == digest_of(job)
            }
        else:
            machine.failed_before_cleanup |= machine.failed.keys()
            machine.failed.clear()
            machine.begun_at = ""

    def before_delete(self, job: Object, mark: Mark | None, *, active: bool) -> None:
        machine = self.machines.get(node_of(job))
        if machine is None:
            return
        if active:
            raise BrokenPromiseError(f"the Job of {node_of(job)} is deleted while it is running")
        self._note_if_marked(machine, job, mark)

    def tampered(self, job: Object) -> None:
        """Take note that somebody removes a Job, and with it what only the Job could tell."""
        machine = self.machines.get(node_of(job))
        if machine:
            machine.tampered = machine.excused = True
            machine.failed.clear()
            machine.begun_at = ""

    def swept(self, job: Object, mark: Mark | None) -> None:
        """Take note that somebody removes a failed Job; the failure is known if the mark has it."""
        machine = self.machines.get(node_of(job))
        if machine is None:
            return
        # A machine that was swapped under the Job did not fail, but nothing else tells about it.
        if machine.failed.get(digest_of(job)) != job["metadata"]["uid"] and not machine.swapped:
            return
        if not self._note_if_marked(machine, job, mark):
            self.tampered(job)

    def _note_if_marked(self, machine: Machine, job: Object, mark: Mark | None) -> bool:
        """Note that from now on every plan knows of a failure, if the mark has it."""
        is_marked = (
            mark is not None
            and (mark.node_uid, mark.machine_id) == (machine.uid, machine.machine_id)
            and mark.failed == digest_of(job)
        )
        if is_marked:
            self.planned_with.add(job["metadata"]["uid"])
        return is_marked

    def ended(self, job: Object, *, ok: bool, half_clean: bool) -> None:
        machine = self.machines.get(node_of(job))
        if machine is None:
            return
        machine.excused |= not ok
        if stage_of(job) == "cleanup":
            if ok or half_clean:
                machine.installed = ""
            if ok:
                machine.dirty = False
                machine.cleaned_by = machine.worked_on_by
            else:
                # An up that waited for its end cannot rely on the host being as before.
                machine.doubted_by = job["metadata"]["name"]
        elif ok:
            machine.installed, machine.installed_at = digest_of(job), self.clock()
            machine.failed.clear()
            machine.failed_before_cleanup.clear()
            if is_token_free(job) and is_of(job, machine):
                machine.awaits, machine.awaits_since = digest_of(job), self.clock()
            elif not is_token_free(job):
                self.proven.add((machine.kind, digest_of(job)))
        elif is_of(job, machine):
            machine.failed[digest_of(job)] = job["metadata"]["uid"]
            machine.was_down = False

    # Marks.

    def may_mark(self, node: str, key: str, before: Mark | None) -> None:
        """Check that a mark to be written or removed belongs to this installation."""
        if key != names.mark_annotation(self.suffix) or (
            before and before.is_of_another(self.namespace)
        ):
            raise BrokenPromiseError(
                f"{self.run} changes the mark of another installation on {node}"
            )

    def marked(self, node: str, mark: Mark | None) -> None:
        machine = self.machines[node]
        if mark is not None and mark.failed:
            # A run has seen it fail, even if its Job has been removed since.
            machine.failed_before_cleanup.add(mark.failed)
        if mark and mark.digest and mark.digest == machine.awaits:
            self._settled(machine)
        if machine.tampered:
            return
        if mark is None:
            if machine.dirty:
                raise BrokenPromiseError(f"the mark of {node} is removed before it was cleaned")
            return
        if not mark.digest:
            machine.doubted_by = machine.doubted_by or self.run
        of_machine = (mark.node_uid, mark.machine_id) == (machine.uid, machine.machine_id)
        if of_machine and mark.adopted and machine.foreign:
            machine.installed, machine.dirty = mark.digest, True
        if of_machine and mark.digest and mark.digest != machine.installed:
            raise BrokenPromiseError(
                f"{node} is marked {mark.digest} but has {machine.installed or 'nothing complete'}"
            )

    def _settled(self, machine: Machine) -> None:
        """Take note that a run has found a machine to serve what its Job has installed."""
        self.proven.add((machine.kind, machine.awaits))
        machine.awaits = ""
        if machine.is_canary and machine.misleads and self.setting.sizes[:1] == ("canary",):
            raise BrokenPromiseError(
                f"{machine.name} passes for a canary that serves, and does not"
            )
