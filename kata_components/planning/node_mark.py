"""The mark on a node: an annotation that says what is installed there, and on which machine. Pure.

It is written after the node's Job succeeded, and removed by cleanup. Its schema number also
versions the recipe of the host digest: digests are compared by the recipe of the mark, so that a
newer recipe alone never re-installs.

Everyone who may write to a node can write a mark, the node's kubelet included: its content is
checked before it is believed or shown.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Self

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import AnnotatedMetadata

SCHEMA: Final = 1


class Machine(NamedTuple):
    """A machine under a node's name: another one has another UID or machine ID."""

    node_uid: str
    machine_id: str

    @classmethod
    def of(cls, node: Node) -> Self:
        """Return the machine of a node."""
        return cls(node.metadata.uid, node.info.machine_id)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was installed on which machine, and when.

    A mark without a digest says that an install was begun and is incomplete. It is written before a
    finished Job makes room for the next one of its name: in between, nothing else would show it.
    """

    kata_version: str
    digest: str
    """12 hex digits, or empty."""
    node_uid: str
    machine_id: str
    time: str
    """RFC 3339, UTC."""
    failed: str = ""
    """The digest at which the last Job failed, empty if it did not."""
    adopted: bool = False
    """Whether nothing was installed: the node was marked as it was found."""
    namespace: str = ""
    """The installation's namespace, empty in the marks of older versions of this program."""
    schema: int = SCHEMA

    @property
    def machine(self) -> Machine:
        """The machine that the mark was written for."""
        return Machine(self.node_uid, self.machine_id)

    def is_of(self, node: Node) -> bool:
        """Whether it was written for this very machine, not for a previous one with that name."""
        return self.machine == Machine.of(node)

    @property
    def is_of_cleanup(self) -> bool:
        """Whether it says that a cleanup was begun: those of installs name a version."""
        return not (self.digest or self.kata_version)

    def is_of_another(self, namespace: str) -> bool:
        """Whether an installation with the same suffix in another namespace has written it."""
        return self.namespace not in ("", namespace)

    @property
    def is_newer(self) -> bool:
        """Whether a newer version has written it, with fields and a digest unknown here."""
        return self.schema > SCHEMA


_WIRE: Final = {
    "schema": "schema",
    "kata_version": "kataVersion",
    "digest": "digest",
    "node_uid": "nodeUid",
    "machine_id": "machineId",
    "time": "time",
}
_FAILED: Final = "failed"
"""Only in the marks of incomplete installs."""
_ADOPTED: Final = "adopted"
"""Only in the marks of adopted nodes."""
_NAMESPACE: Final = "namespace"
_DIGEST: Final = re.compile(r"([0-9a-f]{12})?")
_LONGEST: Final = 253
"""How long a text in a mark may be; no name in Kubernetes is longer."""


_TO_THE_SECOND: Final = len("2026-01-01T00:00:00")
"""How many characters of a time to compare: the API server writes no more, marks do."""


def is_since(time: str, other: str) -> bool:
    """Whether a time is not before another, as far as both say (RFC 3339, UTC)."""
    return time[:_TO_THE_SECOND] >= other[:_TO_THE_SECOND]


def render(mark: Mark) -> str:
    """Return the annotation's value."""
    values = asdict(mark)
    wire = {wire: values[field] for field, wire in _WIRE.items()}
    rare = {_FAILED: mark.failed, _ADOPTED: mark.adopted, _NAMESPACE: mark.namespace}
    wire |= {key: value for key, value in rare.items() if value}
    return json.dumps(wire, separators=(",", ":"))


def parse(value: str | None) -> Mark | None:
    """Return the mark in an annotation; None if there is none or it cannot be read.

    Of a newer schema only the number is certain: other fields that cannot be read are left empty.
    """
    try:
        wire: Any = json.loads(value or "")
        schema = wire["schema"]
        is_newer = schema > SCHEMA
        texts = {
            field: wire.get(key, "") if is_newer else wire[key]
            for field, key in _WIRE.items()
            if field != "schema"
        }
        texts |= {"failed": wire.get(_FAILED, ""), "namespace": wire.get(_NAMESPACE, "")}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    sound = {field: text for field, text in texts.items() if _is_sound(field, text)}
    if type(schema) is not int or (len(sound) < len(texts) and not is_newer):
        return None
    return Mark(
        schema=schema, adopted=wire.get(_ADOPTED) is True, **dict.fromkeys(texts, "") | sound
    )


def has_ours(metadata: AnnotatedMetadata, namespace: str, suffix: str) -> bool:
    """Whether a node carries the mark of this installation.

    A mark that cannot be read counts, since nobody else has the key.
    """
    value = metadata.annotation(names.mark_annotation(suffix))
    if value is None:
        return False
    mark = parse(value)
    return mark is None or not mark.is_of_another(namespace)


def others(metadata: AnnotatedMetadata, suffix: str) -> list[Mark]:
    """Return the marks of installations with other suffixes."""
    ours = names.mark_annotation(suffix)
    annotations = (metadata.annotations or {}).items()
    marks = [
        parse(value) for key, value in annotations if names.is_mark_annotation(key) and key != ours
    ]
    return [mark for mark in marks if mark is not None]


def _is_sound(field: str, text: object) -> bool:
    if not isinstance(text, str) or not text.isprintable() or len(text) > _LONGEST:
        return False
    return field not in {"digest", "failed"} or _DIGEST.fullmatch(text) is not None
