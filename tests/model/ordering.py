"""In which order Jobs, labels and taints of a node may change: the invariants of contract 8.2."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from kata_components import names
from kata_components.planning import node_mark
from tests.model.history import Object
from tests.model.kubelet import serves
from tests.model.node_jobs import handlers_of, installs, is_token_free, node_of, suffix_of

HOLD_SECONDS = 12.0
"""How long labels must hold where kubelets register old ones again, before taints are lifted."""
_LABEL_PREFIX = f"{names.ANNOTATION_PREFIX}/"
_Machine = tuple[str, str]
"""UID of the node and machine ID."""


@dataclass
class _Work:
    """The last Job of an installation on a machine."""

    job: Object
    succeeded: bool | None = None
    """None until it has ended."""
    serves: bool = False
    """Whether the node was seen Ready, and with a handler of the Job, since its success."""

    def objection(self) -> str:
        """Return why the node must not be offered to Kata's pods."""
        if not installs(self.job):
            return "its last Job was a cleanup"
        if not self.succeeded:
            return "its Job has not succeeded"
        if is_token_free(self.job) and not self.serves:
            return "it has not been Ready with a handler since its Job"
        return ""


@dataclass
class Ordering:
    """Judges each change; what breaks an invariant is added to `violations`."""

    violations: list[str]
    now: Callable[[], float]
    _works: dict[_Machine, dict[str, _Work]] = field(default_factory=dict)
    """By installation: its suffix, or `default`."""
    _labelled_since: dict[_Machine, float] = field(default_factory=dict)
    _predecessors: dict[_Machine, _Machine] = field(default_factory=dict)

    def job_created(self, job: Object, node: Object) -> None:
        """Judge that a Job begins to write to its node."""
        installation = suffix_of(job) or "default"
        self._works.setdefault(_machine(node), {})[installation] = _Work(job)
        if not is_token_free(job) or _is_of_another(job, node):
            return
        labels = _labels(node)
        own = f"{_LABEL_PREFIX}{installation}"
        if installs(job):
            for key in (names.RUNTIME_LABEL, own):
                if key not in labels:
                    self.violations.append(f"install of {node_of(job)} before the label {key}")
        elif labels.get(own) == "true":
            self.violations.append(f"cleanup of {node_of(job)} while {own} is true")
        elif labels.get(names.RUNTIME_LABEL) == "true" and not _has_another(node, installation):
            self.violations.append(f"cleanup of {node_of(job)} while the shared label is true")

    def machine_replaced(self, before: Object, after: Object) -> None:
        """Let a machine pass for the one before it: a write may be on its way to that one."""
        self._predecessors[_machine(after)] = _machine(before)
        self._works[_machine(after)] = {
            installation: replace(work)
            for installation, work in self._works.get(_machine(before), {}).items()
        }

    def job_goes_on(self, job: Object, node: Object) -> None:
        """Note that a Job works on another machine from now on, which has taken its node's name."""
        self._works.setdefault(_machine(node), {})[suffix_of(job) or "default"] = _Work(job)

    def job_ended(self, job: Object, node: Object, *, succeeded: bool) -> None:
        """Note how a Job ended, and what its node says by then."""
        work = self._works.get(_machine(node), {}).get(suffix_of(job) or "default")
        if work and work.job["metadata"]["uid"] == job["metadata"]["uid"]:
            work.succeeded = succeeded
        self.observe(node)

    def observe(self, node: Object) -> None:
        """Note what a node says of itself."""
        for work in self._works.get(_machine(node), {}).values():
            if work.succeeded and serves(node, handlers_of(work.job)):
                work.serves = True
        if _is_labelled(node):
            self._labelled_since.setdefault(_machine(node), self.now())
        else:
            self._labelled_since.pop(_machine(node), None)

    def patched(self, before: Object, after: Object) -> None:
        """Judge a change of labels and taints by somebody who paces Jobs."""
        self.observe(before)
        old, new = _labels(before), _labels(after)
        for key in sorted(key for key, value in new.items() if value == "true" != old.get(key)):
            self._judge_offer(before, after, key)
        if old.get(names.RUNTIME_LABEL) == "true" != new.get(names.RUNTIME_LABEL):
            for key in _true_instances(old):
                if new.get(key) == "true":
                    self.violations.append(f"{after['metadata']['name']} is hidden from {key}")
        for taint in before["spec"]["taints"]:
            if taint not in after["spec"]["taints"]:
                self._judge_lifting(before, taint)

    def _judge_offer(self, before: Object, after: Object, label: str) -> None:
        """Judge that a label becomes true."""
        if label == names.RUNTIME_LABEL:
            installations = list(self._installations(after))
        elif label.startswith(_LABEL_PREFIX):
            installations = [label.removeprefix(_LABEL_PREFIX)]
            is_offered = _labels(before).get(names.RUNTIME_LABEL) == "true"
            if is_offered and (
                self._is_adopted(after, installations[0])
                or self._is_prelabelled(before, after, installations[0])
            ):
                return
        else:
            return
        objections = [self._objection(before, installation) for installation in installations]
        if all(objections):
            why = next(iter(objections), "nothing is installed on it")
            name = after["metadata"]["name"]
            self.violations.append(f"{label} of {name} becomes true: {why}")

    def _is_adopted(self, node: Object, installation: str) -> bool:
        """Return whether it was only marked as it was found, with something that serves."""
        mark = _mark(node, installation)
        machine = _machine(node)
        machines = {machine, self._predecessors.get(machine, machine)}
        return bool(mark and mark.adopted and mark.machine in machines)

    def _is_prelabelled(self, before: Object, after: Object, installation: str) -> bool:
        """Return whether a node of 4.0.0 only stays offered, when RuntimeClasses ask for more."""
        work = self._works.get(_machine(before), {}).get(installation)
        if work is None or is_token_free(work.job) or not installs(work.job):
            return False
        return _mark(before, installation) == _mark(after, installation) is not None

    def _judge_lifting(self, node: Object, taint: Object) -> None:
        since = self._labelled_since.get(_machine(node))
        hold = HOLD_SECONDS if _registers_again(node) else 0.0
        if since is None or self.now() < since + hold:
            self.violations.append(
                f"{taint['key']} of {node['metadata']['name']} is lifted before the labels hold"
            )

    def _installations(self, node: Object) -> Iterator[str]:
        """Yield those that may have the shared label set."""
        yield from self._works.get(_machine(node), {})
        for key in node["metadata"]["annotations"]:
            if names.is_mark_annotation(key):
                yield names.installation_of(key)

    def _objection(self, node: Object, installation: str) -> str:
        work = self._works.get(_machine(node), {}).get(installation)
        if work:
            return work.objection()
        return "" if _is_marked(node, installation) else "nothing is installed on it"


def _machine(node: Object) -> _Machine:
    return node["metadata"]["uid"], node["status"]["nodeInfo"].get("machineID", "")


def _is_of_another(job: Object, node: Object) -> bool:
    """Return whether a Job was made for a machine that has left its name to this one since."""
    annotations = job["metadata"].get("annotations") or {}
    stamped = (
        annotations.get(names.NODE_UID_ANNOTATION),
        annotations.get(names.MACHINE_ID_ANNOTATION),
    )
    return stamped not in {(None, None), _machine(node)}


def _labels(node: Object) -> dict[str, str]:
    return node["metadata"]["labels"]  # type: ignore[no-any-return] # an object of the wire


def _true_instances(labels: dict[str, str]) -> list[str]:
    return [k for k, value in labels.items() if k.startswith(_LABEL_PREFIX) and value == "true"]


def _is_labelled(node: Object) -> bool:
    labels = _labels(node)
    return labels.get(names.RUNTIME_LABEL) == "true" and bool(_true_instances(labels))


def _is_marked(node: Object, installation: str) -> bool:
    """Return whether a mark says that this machine has it."""
    mark = _mark(node, installation)
    return bool(mark and mark.digest and mark.machine == _machine(node))


def _mark(node: Object, installation: str) -> node_mark.Mark | None:
    key = names.mark_annotation("" if installation == "default" else installation)
    return node_mark.parse(node["metadata"]["annotations"].get(key))


def _has_another(node: Object, installation: str) -> bool:
    """Return whether another installation explains the shared label."""
    own = f"{_LABEL_PREFIX}{installation}"
    others = (
        value
        for key, value in _labels(node).items()
        if key.startswith(_LABEL_PREFIX) and key != own
    )
    marks = map(
        names.installation_of, filter(names.is_mark_annotation, node["metadata"]["annotations"])
    )
    return any(value != "false" for value in others) or any(
        other != installation and _is_marked(node, other) for other in marks
    )


def _registers_again(node: Object) -> bool:
    version = node["status"]["nodeInfo"].get("kubeletVersion", "")
    return "+k3s" in version or "+rke2" in version
