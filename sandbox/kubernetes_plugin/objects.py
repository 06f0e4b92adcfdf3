"""Inputs, manifests and state of one Kubernetes object.

Owns: checking inputs (name, namespace, fields that only the server sets), what a live object says about inputs (for
refresh and import), and the layout of the state. Pure, apart from names without a seed.
The layout is the official plugin's: the live object's fields, and beside them the inputs, the field manager and the
apiVersion the object was made with. `metadata.managedFields` is left out to keep the state small.
"""

import hashlib
import secrets
from base64 import b64decode
from binascii import Error as NotBase64Error
from typing import Any, Final, NamedTuple

from sandbox.kubernetes_plugin import quantities
from sandbox.kubernetes_plugin.values import Properties, plain, with_secrets_of

AUTONAMED: Final = "pulumi.com/autonamed"
DELETION_PROPAGATION: Final = "pulumi.com/deletionPropagationPolicy"
PATCH_FIELD_MANAGER: Final = "pulumi.com/patchFieldManager"
PATCH_FORCE: Final = "pulumi.com/patchForce"
REPLACE_UNREADY: Final = "pulumi.com/replaceUnready"
SKIP_AWAIT: Final = "pulumi.com/skipAwait"
TIMEOUT_SECONDS: Final = "pulumi.com/timeoutSeconds"

_INPUTS: Final = "__inputs"
_FIELD_MANAGER: Final = "__fieldManager"
_INITIAL_API_VERSION: Final = "__initialApiVersion"
_MANAGER_PREFIX: Final = "pulumi-kubernetes-"
_SUFFIX_LENGTH: Final = 8
_SET_BY_SERVER: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "uid",
    }
)


class State(NamedTuple):
    """What the state of a resource holds, without secrets: the last inputs, the live object, who manages its fields."""

    inputs: dict[str, Any]
    live: dict[str, Any]
    field_manager: str


def suffix(seed: bytes) -> str:
    """Return 8 hexadecimal digits: the same for the same seed, random for an empty one."""
    return hashlib.sha256(seed).hexdigest()[:_SUFFIX_LENGTH] if seed else secrets.token_hex(_SUFFIX_LENGTH // 2)


def annotation(manifest: dict[str, Any], key: str) -> str:
    """Return an annotation, empty when it is not set or not known yet."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def is_autonamed(manifest: dict[str, Any]) -> bool:
    """Return whether the name was made up by the plugin."""
    return annotation(manifest, AUTONAMED) == "true"


def checked(api_version: str, kind: str, news: Properties) -> Properties:
    """Return the program's inputs as they are kept: of that kind, without internal keys and what the server sets."""
    inputs = {key: value for key, value in news.items() if not key.startswith("__")}
    metadata = inputs.get("metadata") or {}
    if isinstance(metadata, dict):
        metadata = {key: value for key, value in metadata.items() if key not in _SET_BY_SERVER}
    whole = {"apiVersion": api_version, "kind": kind} | inputs | {"metadata": metadata}
    canonical = _with_canonical_quantities(whole) if _is_built_in(api_version) else whole
    return with_secrets_of(canonical, canonical)


def _is_built_in(api_version: str) -> bool:
    group = api_version.rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _with_canonical_quantities(value: Any, *, quantity: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {
            key: _with_canonical_quantities(item, quantity=quantity or key in quantities.HOLDERS)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_canonical_quantities(item, quantity=quantity) for item in value]
    return quantities.canonical(value) if quantity else value


def named(inputs: Properties, olds: Properties, proposal: str) -> Properties:
    """Return checked inputs with a name: their own, else the made-up one of the old inputs, else `proposal`.

    Raises:
        ValueError: there is none, because `proposal` is empty.
    """
    metadata = inputs["metadata"]
    if not isinstance(metadata, dict) or metadata.get("name"):
        return inputs
    annotations = metadata.get("annotations") or {}
    if not isinstance(annotations, dict):  # not known yet: there is no place for the mark
        return inputs
    former = plain(olds)
    name = former["metadata"]["name"] if is_autonamed(former) else proposal
    if not name:
        raise ValueError("autonaming is disabled: set metadata.name")
    return inputs | {"metadata": metadata | {"name": name, "annotations": annotations | {AUTONAMED: "true"}}}


def placed(inputs: Properties, namespace: str) -> Properties:
    """Return checked inputs with a namespace: their own, else `namespace`."""
    metadata = inputs["metadata"]
    if not isinstance(metadata, dict) or metadata.get("namespace"):
        return inputs
    return inputs | {"metadata": metadata | {"namespace": namespace}}


def state_of(live: dict[str, Any], inputs: Properties, field_manager: str) -> Properties:
    """Return the state to keep for a live object that was made from `inputs`; secret stays secret."""
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key != "managedFields"}
    return {
        **with_secrets_of(live | {"metadata": metadata}, inputs),
        _INPUTS: inputs,
        _INITIAL_API_VERSION: inputs.get("apiVersion", live.get("apiVersion")),
        _FIELD_MANAGER: field_manager,
    }


def parse_state(properties: Properties) -> State:
    """Return the parts of a state made by `state_of`, or by the official plugin."""
    live = plain(properties)
    inputs = live.pop(_INPUTS, {})
    live.pop(_INITIAL_API_VERSION, None)
    return State(inputs, live, live.pop(_FIELD_MANAGER, ""))


def field_manager(inputs: dict[str, Any], former: str = "", seed: bytes = b"") -> str:
    """Return who owns the fields: as annotated, else as before, else a new name."""
    return annotation(inputs, PATCH_FIELD_MANAGER) or former or f"{_MANAGER_PREFIX}{suffix(seed)}"


def resource_id(manifest: dict[str, Any]) -> str:
    """Return the id of a resource: `namespace/name`, or the name alone of a cluster-scoped object."""
    metadata = manifest["metadata"]
    return "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)


def split_id(identifier: str) -> tuple[str, str]:
    """Return namespace (`default` when there is none) and name in the id of a resource."""
    namespace, _, name = identifier.rpartition("/")
    return namespace or "default", name


def imported_inputs(live: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs that would make this live object: all of it but what only the server sets."""
    metadata = {key: value for key, value in live["metadata"].items() if key not in _SET_BY_SERVER}
    return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}


def refreshed_inputs(live: dict[str, Any], inputs: Properties) -> Properties:
    """Return `inputs` with the values that the live object has now, in the shape and with the secrets of `inputs`."""
    if live.get("kind") == "Secret":
        live = _with_string_data(live, plain(inputs.get("stringData", {})))
    values = _shaped(live, plain(inputs))
    return with_secrets_of(values, inputs)


def _with_string_data(live: dict[str, Any], string_data: dict[str, str]) -> dict[str, Any]:
    """Return a live Secret with the keys of the write-only `stringData`, read back from `data`."""
    data = live.get("data") or {}
    return live | {"stringData": {key: _decoded(data[key]) for key in string_data if key in data}}


def _decoded(text: str) -> str:
    try:
        return b64decode(text).decode()
    except (NotBase64Error, UnicodeDecodeError):
        return text


def _shaped(live: Any, template: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the part of `live` that `template` has too; empty values, which the server drops, are kept."""
    if isinstance(live, dict) and isinstance(template, dict):
        return {
            key: _shaped(live[key], value) if key in live else value
            for key, value in template.items()
            if key in live or not value
        }
    if isinstance(live, list) and isinstance(template, list):
        return [_shaped(item, template[index]) if index < len(template) else item for index, item in enumerate(live)]
    return live


def without_status(live: dict[str, Any]) -> dict[str, Any]:
    """Return what a dry run answered, without the empty status that a program must not take for known."""
    return {key: value for key, value in live.items() if key != "status"}
