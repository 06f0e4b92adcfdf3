"""The promises of the project, checked on the cluster's side, where a wrong write would do its harm."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kata_components import names
from kata_components.rollout.mark import Mark
from tests.runner.cluster import node_of
from tests.runner.store import Object


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


@dataclass
class Machine:
    """What is really on a host. `installed` is the digest it has in full, `dirty` whether anything of Kata is on it.

    `failed` are the digests whose last Job failed here, with its UID.
    `tampered`: somebody removed what could have told.
    """

    name: str
    uid: str
    machine_id: str
    kind: int
    dirty: bool = False
    installed: str = ""
    failed: dict[str, str] = field(default_factory=dict)
    failed_before_cleanup: set[str] = field(default_factory=set)
    """A cleanup that is cut off leaves the failed Jobs standing: by them the machine may go on to count as failed."""
    tampered: bool = False
    was_down: bool = False
    swapped: bool = False
    """It took the place of another machine while a Job was at work: whose Job it is cannot be told."""
    doubted_by: str = ""
    """The run that was about to replace what is installed; if it is cut off, the next one has to install again."""
    worked_on_by: str = ""
    """The run that made its last Job."""
    cleaned_by: str = ""
    """The run whose cleanup has succeeded, with no install since. One that is cut off may leave the next in doubt."""


@dataclass
class Promises:
    """`canaries` says whether the waves begin with them; `max_failures` is the budget."""

    parallelism: int
    max_failures: int
    canaries: bool
    machines: dict[str, Machine] = field(default_factory=dict)
    proven: set[tuple[int, str]] = field(default_factory=set)
    """Kinds on which a digest has succeeded."""
    run: str = ""
    """The run whose request is being served."""
    known: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """The machines and digests that had failed before a run began: it has to know of them."""
    planned_with: set[str] = field(default_factory=set)
    """The failed Jobs that any plan was made with."""
    installs: int = 0
    cleanups: int = 0

    def serve(self, run: str) -> None:
        """The next request is one of that run."""
        self.run = run
        if run not in self.known:
            self.known[run] = {(m.machine_id, digest) for m in self.machines.values() for digest in m.failed}

    def before_create(self, job: Object, active: Sequence[Object], at_work: int) -> None:
        node, digest = node_of(job), _digest(job)
        if at_work >= self.parallelism:
            raise BrokenPromiseError(f"{node} is one more than {self.parallelism} Jobs in flight")
        if any(node_of(other) == node for other in active):
            raise BrokenPromiseError(f"two Jobs on {node}")
        machine = self.machines.get(node)
        if _stage(job) == "install" and machine and _is_of(job, machine):
            self._may_install(machine, digest, active)
        if _stage(job) == "cleanup" and machine and machine.cleaned_by == self.run and not machine.tampered:
            raise BrokenPromiseError(f"{machine.name} is cleaned a second time by {self.run}")
        self.installs += _stage(job) == "install"
        self.cleanups += _stage(job) == "cleanup"
        if machine:
            machine.worked_on_by = self.run
            self.touched(machine, job)

    def _may_install(self, machine: Machine, digest: str, active: Sequence[Object]) -> None:
        excused = machine.tampered or machine.swapped or machine.doubted_by not in {"", self.run}
        if machine.installed == digest and not excused:
            raise BrokenPromiseError(f"{machine.name} is done a second time")
        if digest in machine.failed:
            if machine.failed[digest] not in self.planned_with:
                raise BrokenPromiseError(f"{machine.name} is tried again, and no plan knew that it had failed")
            return
        if digest in machine.failed_before_cleanup:
            return
        failed = [other for other in self.machines.values() if digest in other.failed]
        known = [other for other in failed if (other.machine_id, digest) in self.known[self.run]]
        # What fails in the meantime may be news on its way, of as many Jobs as are in flight beside this one.
        if len(known) > self.max_failures or len(failed) > self.max_failures + self.parallelism - 1:
            raise BrokenPromiseError(f"{machine.name} starts though {', '.join(m.name for m in failed)} failed")
        working = {node_of(other) for other in active if _digest(other) == digest}
        alike = [m for m in self.machines.values() if m.kind == machine.kind and m is not machine]
        unproven = [m.name for m in alike if (digest in m.failed or m.name in working) and not m.was_down]
        if self.canaries and (machine.kind, digest) not in self.proven and unproven:
            raise BrokenPromiseError(f"{machine.name} starts before {unproven[0]}, its kind's canary, succeeded")

    def touched(self, machine: Machine, job: Object) -> None:
        """A Job begins its work on a machine."""
        machine.swapped |= not _is_of(job, machine)
        if _stage(job) == "install":
            machine.dirty = True
            machine.installed = machine.doubted_by = machine.cleaned_by = ""
            machine.failed = {made: uid for made, uid in machine.failed.items() if made == _digest(job)}
        else:
            machine.failed_before_cleanup |= machine.failed.keys()
            machine.failed.clear()

    def before_delete(self, job: Object, *, active: bool) -> None:
        if active and node_of(job) in self.machines:
            raise BrokenPromiseError(f"the Job of {node_of(job)} is deleted in mid-work")

    def tampered(self, job: Object) -> None:
        machine = self.machines.get(node_of(job))
        if machine:
            machine.tampered = True
            machine.failed.clear()

    def ended(self, job: Object, *, ok: bool, half_clean: bool) -> None:
        machine = self.machines.get(node_of(job))
        if machine is None:
            return
        if _stage(job) == "cleanup":
            if ok or half_clean:
                machine.installed = ""
            if ok:
                machine.dirty = False
                machine.cleaned_by = machine.worked_on_by
            else:
                # An up that waited for its end may not rely on the host being as before.
                machine.doubted_by = job["metadata"]["name"]
        elif ok:
            machine.installed = _digest(job)
            machine.failed.clear()
            machine.failed_before_cleanup.clear()
            self.proven.add((machine.kind, _digest(job)))
        elif _is_of(job, machine):
            machine.failed[_digest(job)] = job["metadata"]["uid"]
            machine.was_down = False

    def marked(self, node: str, mark: Mark | None) -> None:
        machine = self.machines[node]
        if machine.tampered:
            return
        if mark is None:
            if machine.dirty:
                raise BrokenPromiseError(f"the mark is taken off {node}, which was not cleaned")
            return
        if not mark.digest:
            machine.doubted_by = machine.doubted_by or self.run
        of_machine = (mark.node_uid, mark.machine_id) == (machine.uid, machine.machine_id)
        if of_machine and mark.digest and mark.digest != machine.installed:
            raise BrokenPromiseError(f"{node} is marked {mark.digest} and has {machine.installed or 'nothing whole'}")

    def all_installed(self, nodes: dict[str, Any], digest: str, marks: dict[str, Mark | None]) -> None:
        """After the last run, every machine has what was asked for, and says so."""
        for name in nodes:
            machine, mark = self.machines[name], marks[name]
            if mark is None or mark.digest != digest:
                raise BrokenPromiseError(f"{name} was lost: the last run left it without a mark")
            if machine.installed != digest and not machine.tampered:
                raise BrokenPromiseError(f"{name} says {digest} and has {machine.installed or 'nothing whole'}")

    @staticmethod
    def no_finished_jobs(nodes: dict[str, Any], jobs: dict[str, Any]) -> None:
        """After the last run, no Job is left that has succeeded, unless its node is gone."""
        if left := [name for name, job in jobs.items() if job["status"].get("succeeded") and node_of(job) in nodes]:
            raise BrokenPromiseError(f"the last up left the finished Jobs {', '.join(left)}")

    def nothing_left(self, nodes: dict[str, Any], jobs: dict[str, Any], leases: dict[str, Any]) -> None:
        """After destroy, nothing of the installation is in the cluster or on a machine."""
        if jobs or leases:
            raise BrokenPromiseError(f"destroy left {', '.join([*jobs, *leases])}")
        for name, node in nodes.items():
            machine, metadata = self.machines[name], node["metadata"]
            if machine.tampered:
                continue
            if names.mark_annotation("") in metadata["annotations"] or names.RUNTIME_LABEL in metadata["labels"]:
                raise BrokenPromiseError(f"destroy left mark or label on {name}")
            if machine.dirty:
                raise BrokenPromiseError(f"destroy left {name} as it was")


def _digest(job: Object) -> str:
    digest: str = job["metadata"]["annotations"][names.DIGEST_ANNOTATION]
    return digest


def _is_of(job: Object, machine: Machine) -> bool:
    annotations = job["metadata"]["annotations"]
    stamped = (annotations[names.NODE_UID_ANNOTATION], annotations[names.MACHINE_ID_ANNOTATION])
    return bool(stamped == (machine.uid, machine.machine_id))


def _stage(job: Object) -> str:
    stage: str = job["metadata"]["labels"][names.STAGE_LABEL]
    return stage
