"""The pods on the nodes: tolerations, probes, how the DaemonSet replaces them."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from kata_components.settings.model import (
    LABEL_KEY,
    Count,
    LabelText,
    Model,
    PositiveCount,
    matching,
)

_TaintKey = Annotated[
    str, matching(rf"({LABEL_KEY})?", "the key of a taint such as example.com/pool", 317)
]


_PERCENT = r"^(\d{1,2}|100)%$"


def _share(value: object) -> object:
    """Return a number of pods or a percentage of them."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not is_count and not (
        isinstance(value, str) and value.isascii() and re.match(_PERCENT, value)
    ):
        raise ValueError('must be a number of pods from 0, or a percentage from "0%" to "100%"')
    return value


class Toleration(Model):
    """A toleration as in Kubernetes; only the fields the user wrote are passed on.

    Without an operator, it is `Equal`; without an effect, it means all of them.
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
            raise ValueError(
                "must have no `value` with operator Exists, which matches any; "
                "use Equal or remove it"
            )
        if not self.key and self.operator != "Exists":
            raise ValueError("must have a `key`, or operator Exists to tolerate every taint")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError(
                "must have effect NoExecute with `tolerationSeconds`, which no other effect uses"
            )
        return self


class Probe(Model):
    """A probe of the health server; times in seconds."""

    enabled: bool
    period_seconds: PositiveCount
    failure_threshold: PositiveCount
    timeout_seconds: PositiveCount


class StartupProbe(Probe):
    """The probe that gives a node time to install."""

    initial_delay_seconds: Count


class Health(Model):
    """The health server of the DaemonSet's pods and the probes that use it."""

    port: Annotated[int, Field(ge=1, le=65535)]
    startup_probe: StartupProbe
    liveness_probe: Probe
    readiness_probe: Probe


_Share = Annotated[
    int | str,
    PlainValidator(_share, json_schema_input_type=Count | Annotated[str, Field(pattern=_PERCENT)]),
]


class RollingUpdate(Model):
    """How many pods may be missing or extra during an update: numbers or percentages."""

    max_unavailable: _Share | None = None
    max_surge: _Share | None = None

    @model_validator(mode="after")
    def _leaves_one_way(self) -> Self:
        """Refuse what the API server would refuse: exactly one of the two must be above zero."""
        unavailable = self.max_unavailable not in (0, "0%")
        surge = self.max_surge not in (None, 0, "0%")
        if unavailable == surge:
            raise ValueError(
                "must have exactly one of `maxUnavailable` and `maxSurge` above 0; "
                "set the other one to 0"
            )
        return self


class UpdateStrategy(Model):
    """How the DaemonSet replaces its pods; only the fields the user wrote are passed on."""

    type: Literal["RollingUpdate", "OnDelete"] | None = None
    rolling_update: RollingUpdate | None = None
