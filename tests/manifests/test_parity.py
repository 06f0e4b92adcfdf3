"""For the same values, our objects are the chart's."""

import pytest

from kata_components.errors import SettingsError
from kata_components.manifests.objects import all_objects
from tests.manifests import chart

pytestmark = pytest.mark.skipif(
    not chart.FIXTURES.is_dir(), reason="the renders of the chart are not beside the checkout"
)

CASES = 44
COMPARED = 35
REFUSALS = ("is not supported yet", "has no effect in job mode")

KNOWN_DEVIATIONS = {
    # The chart renders a probe that was switched off.
    "daemonset-scheduling": ("livenessProbe",),
}


def refusals(case: str) -> tuple[str, ...]:
    try:
        chart.settings_of(case)
    except SettingsError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("case", chart.cases())
def test_objects_equal_the_charts_or_the_values_are_refused(case: str) -> None:
    if problems := refusals(case):
        assert all(any(reason in problem for reason in REFUSALS) for problem in problems), problems
        return
    lines = chart.deviations(all_objects(chart.settings_of(case)), chart.chart_objects(case))
    known = KNOWN_DEVIATIONS.get(case, ())
    assert [line for line in lines if not any(f"/{field}:" in line for field in known)] == []
    assert len(lines) == len(known)


def test_number_of_compared_cases_is_as_expected() -> None:
    refused = {case: problems for case in chart.cases() if (problems := refusals(case))}
    assert (len(chart.cases()), len(chart.cases()) - len(refused)) == (CASES, COMPARED), "\n".join(
        f"{case}: {' | '.join(problems)}" for case, problems in refused.items()
    )


def test_comparison_names_a_changed_field() -> None:
    objects = all_objects(chart.settings_of("job-default"))
    objects[0]["metadata"]["namespace"] = "elsewhere"
    objects[1]["rules"][0]["verbs"] = ["get"]
    lines = chart.deviations(objects, chart.chart_objects("job-default"))
    assert "ClusterRole/kata-deploy-role/rules/0/verbs: chart ['get', 'patch'], ours ['get']" in lines
    assert any(line.startswith("ServiceAccount/elsewhere/kata-deploy-sa: chart None") for line in lines)
    assert any(line.startswith("ServiceAccount/kube-system/kata-deploy-sa: chart {") for line in lines)
