"""The outcome as metrics, for the textfile collector of a node exporter. Pure.

That reads the text format of Prometheus, and others read OpenMetrics: what is written here is both.
So there are no types that only one of them knows (`info`), and no timestamps, which the collector
refuses. Without the labels, the files of two stacks on one host would have the same series.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from kata_components.report.record import Record, quantile

_QUANTILES: Final = (50, 95, 99)
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def metrics(record: Record) -> str:
    """Return the text of rollout.prom."""
    return "\n".join([*_lines(record), "# EOF", ""])


def _lines(record: Record) -> Iterator[str]:
    labels = {"stack": record.stack, "namespace": record.namespace, "suffix": record.suffix}

    def family(name: str, kind: str, text: str) -> str:
        return f"# HELP kata_deploy_rollout_{name} {text}\n# TYPE kata_deploy_rollout_{name} {kind}"

    def sample(name: str, value: float, **more: str) -> str:
        return f"kata_deploy_rollout_{name}{_labels(labels | more)} {value}"

    yield family("success", "gauge", "Whether the last rollout left no node failed or not started.")
    yield sample("success", int(record.succeeded))
    yield family("nodes", "gauge", "Nodes of the last rollout by what became of them.")
    for state in (
        "up_to_date",
        "installed",
        "adopted",
        "relabelled",
        "cleaned",
        "failed",
        "skipped",
        "remaining",
    ):
        yield sample("nodes", getattr(record, state), state=state)
    yield family("selected_nodes", "gauge", "Nodes that the last rollout selected.")
    yield sample("selected_nodes", record.selected)
    yield family("planned_nodes", "gauge", "Nodes that the last rollout was to touch.")
    yield sample("planned_nodes", record.planned)
    yield family("duration_seconds", "gauge", "How long the last rollout took.")
    yield sample("duration_seconds", record.seconds)
    if record.ended_at:
        yield family("end_timestamp_seconds", "gauge", "When the last rollout ended, Unix time.")
        yield sample("end_timestamp_seconds", round(record.ended_at.timestamp(), 3))
    yield family("info", "gauge", "Always 1; what the last rollout installed, in its labels.")
    yield sample("info", 1, digest=record.digest, kata_version=record.kata_version)
    jobs = [node.job_seconds for node in record.nodes if node.job_seconds is not None]
    if jobs:
        yield family("job_duration_seconds", "summary", "How long the per-node Jobs ran.")
        for percent in _QUANTILES:
            value = round(quantile(jobs, percent), 3)
            yield sample("job_duration_seconds", value, quantile=str(percent / 100))
        yield sample("job_duration_seconds_sum", round(sum(jobs), 3))
        yield sample("job_duration_seconds_count", len(jobs))


def _labels(labels: Mapping[str, str]) -> str:
    shown = [f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items() if value]
    return f"{{{','.join(shown)}}}" if shown else ""
