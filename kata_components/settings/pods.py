"""What shapes the pods on the nodes: tolerations, probes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kata_components.settings.model import LABEL_KEY, LabelText, Model, matching

_Seconds = Annotated[int, Field(ge=1)]
_TaintKey = Annotated[str, matching(rf"({LABEL_KEY})?", "the key of a taint such as example.com/pool", 317)]


class Toleration(Model):
    """A toleration as Kubernetes has it; only the fields the user wrote are passed on.

    An absent operator is `Equal`, an absent effect means all of them.
    """

    key: _TaintKey | None = None
    operator: Literal["", "Exists", "Equal"] | None = None
    value: LabelText | None = None
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        """Refuse what the API server would refuse in the pod."""
        if self.operator == "Exists" and self.value:
            raise ValueError("must have no `value` with operator Exists, which fits any; use Equal or remove it")
        if not self.key and self.operator != "Exists":
            raise ValueError("must have a `key`, or operator Exists to tolerate every taint")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("must have effect NoExecute with `tolerationSeconds`, which counts for no other")
        return self


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
