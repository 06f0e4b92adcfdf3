"""The pod that shows after an install that Kata works."""

from typing import Annotated

from pydantic import AfterValidator, Field

from kata_components.settings.model import DnsLabel, Model
from kata_components.settings.yaml_objects import parsed_object


def _pod(text: str) -> str:
    if text.strip():
        parsed_object(text, "v1", "Pod")
    return text


class Verification(Model):
    """A pod as YAML text, run in `namespace` after an install; empty for none. Times in seconds."""

    namespace: DnsLabel
    timeout: Annotated[int, Field(ge=1)]
    daemonset_timeout: Annotated[int, Field(ge=1)]
    pod: Annotated[str, AfterValidator(_pod)] = ""

    @property
    def enabled(self) -> bool:
        """Whether there is a pod to run."""
        return bool(self.pod.strip())

    @property
    def pod_name(self) -> str:
        """The name of the pod."""
        return str(parsed_object(self.pod, "v1", "Pod")["metadata"]["name"])
