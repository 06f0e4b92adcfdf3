"""kata-monitor, which exports metrics of the sandboxes on a node."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kata_components.settings.images import Image
from kata_components.settings.model import Model, SocketOrEmpty, matching
from kata_components.settings.resources import Resources


class Monitor(Model):
    """Settings of kata-monitor; an empty endpoint or log level means the installation's."""

    enabled: bool
    image: Image
    listen_address: Annotated[
        str, matching(r"\S*:\d+", "an address with a port such as 0.0.0.0:8090")
    ]
    runtime_endpoint: SocketOrEmpty = ""
    log_level: Literal[
        "", "panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"
    ] = ""
    port: Annotated[int, Field(ge=1, le=65535)]
    security_context: dict[str, Any] = Field(default_factory=dict)
    resources: Resources = Field(default_factory=dict)
