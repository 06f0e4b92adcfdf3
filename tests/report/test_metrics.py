"""rollout.prom: what both Prometheus' text format and OpenMetrics allow, and the right numbers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from kata_components.report.metrics import metrics
from kata_components.report.record import NodeRecord
from tests.report.builders import fleet, rollout

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return the samples by name and the labels that are not on all of them."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            own = [
                f"{name}={value}"
                for name, value in LABEL.findall(match[2] or "")
                if name not in {"stack", "namespace", "suffix"}
            ]
            found[match[1].removeprefix("kata_deploy_rollout_"), ",".join(own)] = float(match[3])
    return found


def test_the_outcome_is_in_the_samples() -> None:
    record = rollout(fleet(20, failing=3), remaining=2)
    found = samples(metrics(record))
    assert found["success", ""] == 0
    assert found["nodes", "state=installed"] == 17
    assert found["nodes", "state=failed"] == 3
    assert found["nodes", "state=remaining"] == 2
    assert found["planned_nodes", ""] == 20
    assert found["duration_seconds", ""] == record.seconds
    assert record.ended_at
    assert found["end_timestamp_seconds", ""] == round(record.ended_at.timestamp(), 3)
    assert found["info", "digest=77716ed66321,kata_version=4.2.0"] == 1
    assert found["job_duration_seconds_count", ""] == 20
    assert 25 < found["job_duration_seconds", "quantile=0.5"] < 50


def test_a_rollout_with_nothing_to_do_is_a_success_without_jobs() -> None:
    found = samples(metrics(rollout()))
    assert found["success", ""] == 1
    assert not [name for name, _ in found if name.startswith("job_duration")]


def test_every_family_is_described_before_its_samples_and_the_text_has_its_end() -> None:
    text = metrics(rollout(fleet(3)))
    described: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            described.add(line.split()[2])
        elif not line.startswith("#"):
            name = line.split("{")[0]
            assert {name, name.removesuffix("_sum"), name.removesuffix("_count")} & described
    assert text.endswith("\n# EOF\n")


@given(st.text(), st.text())
def test_no_text_breaks_a_line(stack: str, version: str) -> None:
    node = NodeRecord(node=stack, action="install", reason=version, result="done")
    lines = metrics(rollout([node], stack=stack, kata_version=version)).split("\n")
    assert all(line == "" or line.startswith("#") or SAMPLE.fullmatch(line) for line in lines)
