"""The pod that shows that Kata works after an install."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from kata_components.settings.model import (
    IN_BLOCK,
    DnsLabel,
    DnsName,
    Many,
    Model,
    PositiveCount,
    problem_in_text,
)
from kata_components.settings.problems import shown
from kata_components.settings.yaml_objects import check_object, parsed_object

_API_VERSION, _KIND = "v1", "Pod"


class _Metadata(Model):
    model_config = ConfigDict(extra="allow")

    name: DnsName


class _Spec(Model):
    model_config = ConfigDict(extra="allow")

    containers: Annotated[Many[dict[str, Any]], Field(min_length=1)]


class _Pod(Model):
    model_config = ConfigDict(extra="allow")

    metadata: _Metadata
    spec: _Spec


def _pod(text: str) -> str:
    if text.strip():
        check_object(parsed_object(text, _API_VERSION, _KIND), _Pod)
    return text


class Verification(Model):
    """A pod as YAML text, run in `namespace` after an install; empty for none. Times in seconds."""

    namespace: DnsLabel
    timeout: PositiveCount
    daemonset_timeout: PositiveCount
    pod: Annotated[str, AfterValidator(_pod), IN_BLOCK] = ""

    @model_validator(mode="after")
    def _pod_is_of_the_namespace(self) -> Self:
        named = (
            self._object["metadata"].get("namespace", self.namespace)
            if self.enabled
            else self.namespace
        )
        if named != self.namespace:
            raise problem_in_text(
                f"must have the namespace of its pod, {shown(named)}, as `namespace`"
            )
        return self

    @property
    def enabled(self) -> bool:
        """Whether to run a pod."""
        return bool(self.pod.strip())

    @property
    def pod_name(self) -> str:
        """The name of the pod."""
        return str(self._object["metadata"]["name"])

    @property
    def _object(self) -> dict[str, Any]:
        return parsed_object(self.pod, _API_VERSION, _KIND)
