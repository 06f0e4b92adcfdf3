"""What shapes the pods on the nodes: tolerations, probes."""

from typing import Annotated, Literal

from pydantic import Field

from kata_components.settings.model import Model

_Seconds = Annotated[int, Field(ge=1)]


class Toleration(Model):
    """A toleration as Kubernetes has it; only the fields the user wrote are passed on."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class Probe(Model):
    """A probe of the health server; times in seconds."""

    enabled: bool
    period_seconds: _Seconds
    failure_threshold: Annotated[int, Field(ge=1)]
    timeout_seconds: _Seconds


class StartupProbe(Probe):
    """The probe that gives a node time to install."""

    initial_delay_seconds: Annotated[int, Field(ge=0)]


class Health(Model):
    """The health server of the DaemonSet's pods and the probes that ask it."""

    port: Annotated[int, Field(ge=1, le=65535)]
    startup_probe: StartupProbe
    liveness_probe: Probe
    readiness_probe: Probe
