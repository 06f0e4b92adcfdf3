"""The mark on a node: an annotation that says what this installation put there, and on which machine.

Written after the node's Job succeeded, removed by cleanup. Its schema number also versions the recipe of the host
digest: a newer recipe compares with the recipe the mark was made by, so that it never re-installs by itself.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from kata_components.kubernetes.objects import Node

SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was installed (`digest`: 12 hex digits) on which machine, and when (`time`: RFC 3339, UTC).

    Without a digest: an install was begun and is not whole. Written before a finished Job makes room for the next of
    its name, since otherwise nothing would tell of the node in between; `failed` is the digest at which that one
    failed, empty when it did not. `adopted`: nothing was installed, the node was marked as it was found.
    """

    kata_version: str
    digest: str
    node_uid: str
    machine_id: str
    time: str
    failed: str = ""
    adopted: bool = False
    schema: int = SCHEMA

    def is_of(self, node: Node) -> bool:
        """Whether the mark was written for this very machine, not for one that had the name before."""
        return self.node_uid == node.metadata.uid and self.machine_id == node.info.machine_id


_WIRE: Final = {
    "schema": "schema",
    "kata_version": "kataVersion",
    "digest": "digest",
    "node_uid": "nodeUid",
    "machine_id": "machineId",
    "time": "time",
}
_FAILED: Final = "failed"
"""Only in the marks of installs that are not whole."""
_ADOPTED: Final = "adopted"
"""Only in the marks of adopted nodes."""


def render(mark: Mark) -> str:
    """Return the annotation's value."""
    values = asdict(mark)
    wire = {wire: values[field] for field, wire in _WIRE.items()}
    wire |= {key: value for key, value in {_FAILED: mark.failed, _ADOPTED: mark.adopted}.items() if value}
    return json.dumps(wire, separators=(",", ":"))


def parse(value: str | None) -> Mark | None:
    """Return the mark an annotation holds; None when there is none or it cannot be read (then: install)."""
    try:
        wire: Any = json.loads(value or "")
        fields = {field: wire[key] for field, key in _WIRE.items()} | {"failed": wire.get(_FAILED, "")}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    texts = {field: text for field, text in fields.items() if field != "schema"}
    if not isinstance(fields["schema"], int) or not all(isinstance(text, str) for text in texts.values()):
        return None
    return Mark(schema=fields["schema"], adopted=wire.get(_ADOPTED) is True, **texts)
