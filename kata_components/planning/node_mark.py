"""The mark on a node: an annotation that says what this installation put there, and on which machine.

Written after the node's Job succeeded, removed by cleanup. Its schema number also versions the
recipe of the host digest: a newer recipe compares with the recipe the mark was made by, so that it
never re-installs by itself.

Whoever may write to a node may write a mark, the node's kubelet too: what it holds is checked
before it is believed or shown.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import AnnotatedMetadata

SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was installed (`digest`: 12 hex digits) on which machine, and when (`time`: RFC 3339, UTC).

    Without a digest: an install was begun and is not whole. Written before a finished Job makes
    room for the next of its name, since otherwise nothing would tell of the node in between;
    `failed` is the digest at which that one failed, empty when it did not. `adopted`: nothing was
    installed, the node was marked as it was found. `namespace` is the installation's, empty in the
    marks of checkouts that did not write it yet.
    """

    kata_version: str
    digest: str
    node_uid: str
    machine_id: str
    time: str
    failed: str = ""
    adopted: bool = False
    namespace: str = ""
    schema: int = SCHEMA

    def is_of(self, node: Node) -> bool:
        """Whether the mark was written for this very machine, not for one that had the name before."""
        return self.node_uid == node.metadata.uid and self.machine_id == node.info.machine_id

    def is_of_another(self, namespace: str) -> bool:
        """Whether an installation of the same suffix in another namespace has written it."""
        return self.namespace not in ("", namespace)

    @property
    def is_newer(self) -> bool:
        """Whether a newer checkout has written it, of which this one knows neither fields nor digest."""
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
"""Only in the marks of installs that are not whole."""
_ADOPTED: Final = "adopted"
"""Only in the marks of adopted nodes."""
_NAMESPACE: Final = "namespace"
_DIGEST: Final = re.compile(r"([0-9a-f]{12})?")
_LONGEST: Final = 253
"""Characters of a text in a mark; no name of Kubernetes is longer."""


def render(mark: Mark) -> str:
    """Return the annotation's value."""
    values = asdict(mark)
    wire = {wire: values[field] for field, wire in _WIRE.items()}
    rare = {_FAILED: mark.failed, _ADOPTED: mark.adopted, _NAMESPACE: mark.namespace}
    wire |= {key: value for key, value in rare.items() if value}
    return json.dumps(wire, separators=(",", ":"))


def parse(value: str | None) -> Mark | None:
    """Return the mark an annotation holds; None when there is none or it cannot be read (then: install).

    Of a newer schema only the number is certain: what else cannot be read is left empty.
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

    One that cannot be read counts: nobody else has the key.
    """
    value = metadata.annotation(names.mark_annotation(suffix))
    if value is None:
        return False
    mark = parse(value)
    return mark is None or not mark.is_of_another(namespace)


def others_are_whole(node: Node, suffix: str) -> bool:
    """Whether an installation of another suffix is on the node as well, in full."""
    ours = names.mark_annotation(suffix)
    annotations = (node.metadata.annotations or {}).items()
    marks = [
        parse(value) for key, value in annotations if names.is_mark_annotation(key) and key != ours
    ]
    return any(mark is not None and mark.digest and mark.is_of(node) for mark in marks)


def _is_sound(field: str, text: object) -> bool:
    if not isinstance(text, str) or not text.isprintable() or len(text) > _LONGEST:
        return False
    return field not in {"digest", "failed"} or _DIGEST.fullmatch(text) is not None
