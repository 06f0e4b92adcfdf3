"""The user's own runtimes: a shim with changes, under its own handler and RuntimeClass."""

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
    """What the API server accepts.

    The handler also goes into a list of the node program and into a file name.
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
    """How containerd runs a custom runtime; empty means containerd's default snapshotter."""

    snapshotter: WordOrEmpty = ""


class RuntimeCrio(Model):
    """How CRI-O runs a custom runtime."""

    pull_type: Literal["", "guest-pull"] = ""


class CustomRuntime(Model):
    """One custom runtime."""

    base_config: str
    """The shim it is based on."""

    runtime_class: Annotated[str, AfterValidator(_runtime_class), IN_BLOCK]
    """Its RuntimeClass as YAML text."""

    drop_in: Toml = ""
    """Its changes to the configuration of the shim."""

    inherit_base_overhead: bool = True
    """Whether the shim's overhead applies where the RuntimeClass sets none."""

    containerd: RuntimeContainerd = RuntimeContainerd()
    crio: RuntimeCrio = RuntimeCrio()

    @cached_property
    def class_object(self) -> dict[str, Any]:
        """The RuntimeClass as the user wrote it."""
        return parsed_object(self.runtime_class, _API_VERSION, _KIND)

    @property
    def handler(self) -> str:
        """Its name in the container runtime."""
        return str(self.class_object["handler"])

    @property
    def class_name(self) -> str:
        """The name of its RuntimeClass."""
        return str(self.class_object["metadata"]["name"])


class CustomRuntimes(Model):
    """All custom runtimes by name; they have no effect unless `enabled`."""

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
        """The runtimes in effect, in alphabetical order, as the chart lists them."""
        return dict(sorted(self.runtimes.items())) if self.enabled else {}
