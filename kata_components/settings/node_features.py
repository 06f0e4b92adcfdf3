"""Node feature discovery: the chart that labels nodes by hardware, and the rules for TEE keys."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict

from kata_components.settings.model import Model, as_text


class NodeFeatureDiscovery(Model):
    """Whether to install node-feature-discovery; all other keys are values of its chart."""

    model_config = ConfigDict(extra="allow")

    enabled: bool

    @property
    def values(self) -> dict[str, Any]:
        """The values for the chart."""
        return dict(self.model_extra or {})


class NodeFeatureRules(Model):
    """Whether nodes count their TEE keys, so that confidential pods can request one.

    `auto` follows node-feature-discovery.
    """

    create: Annotated[Literal["auto", "true", "false"], BeforeValidator(as_text)] = "auto"
