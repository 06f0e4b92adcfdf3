"""Runtimes of the user's own: the configuration of a shim with changes, under a handler and RuntimeClass of its own."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from kata_components.settings.model import (
    IN_BLOCK,
    DnsLabel,
    DnsName,
    LabelKey,
    LabelText,
    Many,
    Model,
    WordOrEmpty,
)
from kata_components.settings.pods import Toleration
from kata_components.settings.resources import Amount
from kata_components.settings.toml_text import Toml
from kata_components.settings.yaml_objects import check_object, parsed_object

_API_VERSION, _KIND = "node.k8s.io/v1", "RuntimeClass"


class _Metadata(Model):
    model_config = ConfigDict(extra="allow")

    name: DnsName
    labels: dict[LabelKey, LabelText] | None = None
    annotations: dict[LabelKey, str] | None = None


class _Overhead(Model):
    pod_fixed: dict[LabelKey, Amount] | None = None


class _Scheduling(Model):
    node_selector: dict[LabelKey, LabelText] | None = None
    tolerations: Many[Toleration] | None = None


class _RuntimeClass(Model):
    """What the API server takes.

    The handler stands in a list of the node program and in the name of a file, too.
    """

    api_version: str
    kind: str
    metadata: _Metadata
    handler: DnsLabel
    overhead: _Overhead | None = None
    scheduling: _Scheduling | None = None


def _runtime_class(text: str) -> str:
    check_object(parsed_object(text, _API_VERSION, _KIND), _RuntimeClass)
    return text


class RuntimeContainerd(Model):
    """How containerd serves a custom runtime; empty means containerd's own snapshotter."""

    snapshotter: WordOrEmpty = ""


class RuntimeCrio(Model):
    """How CRI-O serves a custom runtime."""

    pull_type: Literal["", "guest-pull"] = ""


class CustomRuntime(Model):
    """One runtime.

    `runtime_class` is its RuntimeClass and `drop_in` its changes to the shim's TOML, both as text.
    """

    base_config: str
    runtime_class: Annotated[str, AfterValidator(_runtime_class), IN_BLOCK]
    drop_in: Toml = ""
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
                raise ValueError(
                    f"must give each runtime a {what} of its own; {name} is used {count} times"
                )
        return self

    @property
    def active(self) -> Mapping[str, CustomRuntime]:
        """The runtimes that count, in alphabetical order, as the chart lists them."""
        return dict(sorted(self.runtimes.items())) if self.enabled else {}
