"""kata-monitor, which exports metrics of the sandboxes on a node."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from kata_components.settings.images import Image
from kata_components.settings.model import DnsNameOrEmpty, Model, SocketOrEmpty, matching
from kata_components.settings.resources import Resources

_Argument = Annotated[str, matching(r"\S*", "text without spaces, or empty", 4096)]


class MonitorTls(Model):
    """TLS for the metrics, if there is a Secret with `cert.pem` and `key.pem`."""

    secret_name: DnsNameOrEmpty = ""
    min_version: _Argument = ""
    cipher_suites: _Argument = ""

    @model_validator(mode="after")
    def _is_on(self) -> Self:
        if (self.min_version or self.cipher_suites) and not self.secret_name:
            raise ValueError("has no effect without a `secretName`; set one, or remove the rest")
        return self


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
    tls: MonitorTls = MonitorTls()
