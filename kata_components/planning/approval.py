"""What an approved plan binds (`rollout.approvedPlan`). Pure.

A preview writes the document; a person approves it by naming the file; `up` of that stack on that
cluster then touches only the nodes in it, in the way and at the pace it says. It also confirms the
guard rails it lists.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import msgspec

from kata_components.errors import GuardError
from kata_components.planning.guardrails import Refusal
from kata_components.planning.plan import Plan
from kata_components.planning.plan_document import SCHEMA, Pace, Place
from kata_components.planning.step import Action, Step
from kata_components.wording import some

_WAITS: Final = "waiting for approval"
_JOBS: Final = (Action.INSTALL, Action.UPGRADE, Action.REBUILT, Action.RETRY, Action.RESUME)
"""Actions that stand for an install Job of the digest: which one may change while the approved work
continues."""


PARALLELISM: Final = "job.parallelism"
"""The one key of a pace that may be lower than approved."""


class _Versioned(msgspec.Struct):
    schema: int


class _Node(msgspec.Struct):
    node: str
    uid: str
    action: Action


class _Document(msgspec.Struct, rename="camel"):
    stack: str
    cluster_uid: str
    guards: list[str]
    digest: str = ""
    pace: dict[str, Any] = {}
    nodes: list[_Node] | None = None


@dataclass(frozen=True, kw_only=True)
class Approval:
    """What was approved."""

    path: str
    """The file of the document."""
    place: Place
    guards: frozenset[str]
    """The guard rails it confirms."""
    digest: str = ""
    pace: Pace = field(default_factory=dict)
    nodes: Mapping[str, tuple[str, Action]] | None = None
    """Each node with its UID and action; None if only guard rails were approved, without a plan."""

    @classmethod
    def parse(cls, text: str, path: str) -> Self:
        """Return the approval in a plan document.

        Raises:
            GuardError: it is not a plan document, or one of another version.
        """
        try:
            schema = msgspec.json.decode(text, type=_Versioned).schema
            if schema != SCHEMA:
                raise GuardError(
                    f"rollout.approvedPlan: {path} was written by another version of this program "
                    f"(schema {schema}, this one reads {SCHEMA}). Remove rollout.approvedPlan, "
                    "run `pulumi preview` again, review the new plan.json and approve that."
                )
            found = msgspec.json.decode(text, type=_Document)
        except msgspec.DecodeError as error:
            msg = f"rollout.approvedPlan: {path} is not a plan.json written by a preview ({error})"
            raise GuardError(msg) from None
        return cls(
            path=path,
            place=Place(found.stack, found.cluster_uid),
            guards=frozenset(found.guards),
            digest=found.digest,
            pace=found.pace,
            nodes=None if found.nodes is None else {n.node: (n.uid, n.action) for n in found.nodes},
        )

    def confirmed(self, place: Place) -> frozenset[str]:
        """Return the guard rails it confirms for a stack and cluster."""
        return self.guards if place == self.place else frozenset()

    def bound(self, step: Step) -> Step:
        """Return the step, skipped if it would touch a node that was not approved."""
        return step if self.nodes is None or self._approves(step) else step.skipped(_WAITS)

    def cleans(self, cleanup: Plan) -> bool:
        """Whether a bound cleanup only has nodes approved for it, however many are left."""
        return self.nodes is not None and all(map(self._alike, cleanup.pending))

    def misplaced(self, place: Place) -> Refusal | None:
        """Refuse it for any other stack or cluster than its own."""
        return self._refusal(self._elsewhere(place))

    def departure(self, plan: Plan, cleanup: Plan, pace: Pace, place: Place) -> Refusal | None:
        """Refuse bound plans that differ from what was approved or go beyond it."""
        found = self._elsewhere(place)
        if self.nodes is not None:
            found += _changed("digest", self.digest, plan.digest)
            for key in sorted({*pace, *self.pace}):
                found += _changed(key, self.pace.get(key), pace.get(key))
            found += self._other_actions([*plan.pending, *cleanup.pending])
        return self._refusal(found)

    def _elsewhere(self, place: Place) -> list[str]:
        cluster = _changed(
            "cluster (UID of kube-system)", self.place.cluster_uid, place.cluster_uid
        )
        return _changed("stack", self.place.stack, place.stack) + cluster

    def _other_actions(self, steps: Iterable[Step]) -> list[str]:
        other = [
            f"{s.node} {self._approved(s)[1]} → {s.action}" for s in steps if not self._alike(s)
        ]
        return [f"nodes {some(other)}"] if other else []

    def _approved(self, step: Step) -> tuple[str, Action]:
        return (self.nodes or {}).get(step.node, ("", Action.SKIPPED))

    def _approves(self, step: Step) -> bool:
        uid, action = self._approved(step)
        return not step.action.pending or (uid == step.node_uid and action.pending)

    def _alike(self, step: Step) -> bool:
        _, action = self._approved(step)
        return action is step.action or (
            action in _JOBS and step.action in (*_JOBS, Action.RELABEL)
        )

    def _refusal(self, departures: Sequence[str]) -> Refusal | None:
        if not departures:
            return None
        text = (
            f"rollout.approvedPlan {self.path} does not cover this run. Nothing was written. Run "
            "`pulumi preview` without rollout.approvedPlan, review the new plan.json and approve "
            "that. What was approved → what is wanted:"
        )
        return Refusal("\n  ".join([text, *departures]))


def _changed(key: str, approved: object, wanted: object) -> list[str]:
    """Return the line about a value that is not as approved; an empty list if it is."""
    narrower = (
        key == PARALLELISM
        and isinstance(approved, int)
        and isinstance(wanted, int)
        and wanted < approved
    )
    return [] if approved == wanted or narrower else [f"{key} {_text(approved)} → {_text(wanted)}"]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
