"""Runtimes of the user's own: the configuration of a shim with changes, under a handler and RuntimeClass of its own."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from kata_components.settings.model import Model, matching
from kata_components.settings.yaml_objects import parsed_object

_API_VERSION, _KIND = "node.k8s.io/v1", "RuntimeClass"
_FIELDS = {"apiVersion", "kind", "metadata", "handler", "overhead", "scheduling"}
_Word = Annotated[str, matching(r"[^\s:]+", "text without spaces and colons")]


def _runtime_class(text: str) -> str:
    found = parsed_object(text, _API_VERSION, _KIND)
    if not isinstance(found.get("handler"), str):
        raise ValueError("must be a RuntimeClass with a handler")  # noqa: TRY004 - pydantic reports ValueErrors
    if unknown := found.keys() - _FIELDS:
        raise ValueError(f"must be a RuntimeClass, which has no field {min(map(str, unknown))[:60]!r}")
    for field, part in (("overhead", "podFixed"), ("scheduling", "nodeSelector")):
        value = found.get(field) or {}
        if not isinstance(value, dict) or not isinstance(value.get(part) or {}, dict):
            raise ValueError(f"must be a RuntimeClass, whose {field}.{part} is a map")  # noqa: TRY004 - as above
    return text


class RuntimeContainerd(Model):
    """How containerd serves a custom runtime; empty means containerd's own snapshotter."""

    snapshotter: Annotated[str, matching(r"[^\s:]*", "the name of a snapshotter or empty")] = ""


class RuntimeCrio(Model):
    """How CRI-O serves a custom runtime."""

    pull_type: Literal["", "guest-pull"] = ""


class CustomRuntime(Model):
    """One runtime; `runtime_class` is its RuntimeClass and `drop_in` its changes to the shim's TOML, both as text."""

    base_config: _Word
    runtime_class: Annotated[str, AfterValidator(_runtime_class)]
    drop_in: str = ""
    inherit_base_overhead: bool = True
    containerd: RuntimeContainerd = RuntimeContainerd()
    crio: RuntimeCrio = RuntimeCrio()

    @cached_property
    def class_object(self) -> dict[str, Any]:
        """The RuntimeClass as the user wrote it."""
        return parsed_object(self.runtime_class, _API_VERSION, _KIND)

    @property
    def handler(self) -> str:
        """The name under which the container runtime knows it."""
        return str(self.class_object["handler"])

    @property
    def class_name(self) -> str:
        """The name of its RuntimeClass."""
        return str(self.class_object["metadata"]["name"])


class CustomRuntimes(Model):
    """All custom runtimes by name; none counts unless `enabled`."""

    enabled: bool
    runtimes: dict[str, CustomRuntime] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for what, found in (
            ("handler", [runtime.handler for runtime in self.runtimes.values()]),
            ("RuntimeClass", [runtime.class_name for runtime in self.runtimes.values()]),
        ):
            name, count = Counter(found).most_common(1)[0] if found else ("", 1)
            if count > 1:
                raise ValueError(f"must give each runtime a {what} of its own; {name} is used {count} times")
        return self

    @property
    def active(self) -> Mapping[str, CustomRuntime]:
        """The runtimes that count, in alphabetical order, as the chart lists them."""
        return dict(sorted(self.runtimes.items())) if self.enabled else {}
