"""The plan document and what an approved one binds (`rollout.approvedPlan`). Pure: texts in, decisions out.

A preview writes the document; a person approves it by naming the file; `up` then touches the nodes in it and no
others, in the way it says. It is also the confirmation of the guard rails it lists.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import msgspec

from kata_components.errors import GuardError
from kata_components.rollout.plan import Plan
from kata_components.rollout.report import some
from kata_components.rollout.step import Action, Step

_SCHEMA: Final = 1
_WAITS: Final = "waits for approval"
_JOBS: Final = (Action.INSTALL, Action.UPGRADE, Action.REBUILT, Action.RETRY, Action.RESUME)
"""Actions that mean an install Job of the digest: which of them it is may change while the approved work goes on."""


def document(plan: Plan, *, parallelism: int, cleanup: Plan, guards: Iterable[str]) -> dict[str, Any]:
    """Return what is written to plan.json: every node with its action, and the guard rails that had to be confirmed."""
    steps = sorted([*plan.steps, *cleanup.steps], key=lambda step: step.node)
    return {
        "schema": _SCHEMA,
        "digest": plan.digest,
        "parallelism": parallelism,
        "guards": sorted(guards),
        "counts": dict(Counter(plan.counts) + Counter(cleanup.counts)),
        "nodes": [
            {"node": s.node, "uid": s.node_uid, "action": s.action.value, "reason": s.reason, "wave": s.wave}
            for s in steps
        ],
    }


def guards_only(guards: Iterable[str]) -> dict[str, Any]:
    """Return the document of a preview that a guard rail stopped before it could plan."""
    return {"schema": _SCHEMA, "guards": sorted(guards)}


class _Node(msgspec.Struct):
    node: str
    uid: str
    action: Action


class _Document(msgspec.Struct):
    schema: Literal[1]
    guards: list[str]
    digest: str = ""
    parallelism: int = 0
    nodes: list[_Node] | None = None


@dataclass(frozen=True, kw_only=True)
class Approval:
    """What was approved. `nodes` maps each node to its UID and action; None: guard rails alone, no plan yet."""

    path: str
    guards: frozenset[str]
    digest: str = ""
    parallelism: int = 0
    nodes: Mapping[str, tuple[str, Action]] | None = None

    @classmethod
    def parse(cls, text: str, path: str) -> Self:
        """Return the approval that a plan document is.

        Raises:
            GuardError: it is no plan document of a preview.
        """
        try:
            found = msgspec.json.decode(text, type=_Document)
        except msgspec.DecodeError as error:
            msg = f"rollout.approvedPlan: {path} is no plan.json that a preview of this version has written ({error})"
            raise GuardError(msg) from None
        nodes = None if found.nodes is None else {n.node: (n.uid, n.action) for n in found.nodes}
        return cls(
            path=path,
            guards=frozenset(found.guards),
            digest=found.digest,
            parallelism=found.parallelism,
            nodes=nodes,
        )

    def bound(self, step: Step) -> Step:
        """Return the step, skipped where it would touch a node that was not approved."""
        return step if self.nodes is None or self._approves(step) else step.skipped(_WAITS)

    def cleans(self, cleanup: Plan) -> bool:
        """Whether a bound cleanup takes only nodes that were approved as such, however many are left of them."""
        return self.nodes is not None and all(map(self._alike, cleanup.pending))

    def departures(self, plan: Plan, cleanup: Plan, parallelism: int) -> list[str]:
        """Return in which ways bound plans are other or wider than what was approved: reasons to write nothing."""
        if self.nodes is None:
            return []
        found = []
        if plan.digest != self.digest:
            found.append(f"digest {self.digest} was approved, the configuration now gives {plan.digest}")
        if parallelism > self.parallelism:
            found.append(f"{self.parallelism} nodes at a time were approved, job.parallelism is {parallelism}")
        other = [self._other(step) for step in (*plan.pending, *cleanup.pending) if not self._alike(step)]
        if other:
            found.append(f"other actions on {some(other)}")
        return [self._departure(text) for text in found]

    def _approved(self, step: Step) -> tuple[str, Action]:
        return (self.nodes or {}).get(step.node, ("", Action.SKIPPED))

    def _approves(self, step: Step) -> bool:
        uid, action = self._approved(step)
        return not step.action.pending or (uid == step.node_uid and action.pending)

    def _alike(self, step: Step) -> bool:
        _, action = self._approved(step)
        return action is step.action or (action in _JOBS and step.action in _JOBS)

    def _other(self, step: Step) -> str:
        return f"{step.node} ({self._approved(step)[1]} was approved, now it is {step.action})"

    def _departure(self, what: str) -> str:
        return (
            f"rollout.approvedPlan {self.path} does not cover this: {what}. Nothing was written. Run `pulumi preview` "
            "without rollout.approvedPlan, review the new plan.json and approve that."
        )
