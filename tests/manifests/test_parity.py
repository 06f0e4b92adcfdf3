"""Our objects equal the chart's for the same values, except as docs/parity.md explains."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from kata_components.manifests.objects import all_objects
from kata_components.settings.images import PullSecret
from kata_components.settings.settings import Settings
from tests.docs.markdown import CHECKOUT, in_code, section, tables
from tests.manifests import chart
from tests.manifests.chart import Case

pytestmark = pytest.mark.skipif(
    not chart.FIXTURES.is_dir(), reason="the renders of the chart are not beside the checkout"
)

PARITY = (CHECKOUT / "docs" / "parity.md").read_text(encoding="utf-8")
ALLOWED = [
    pattern for where, _ in tables(section(PARITY, "## Objects")) for pattern in in_code(where)
]
IGNORED_BY_THE_CHART = {
    Case("4.0.0", "job-affinity"): ("affinity", "nodeSelector"),
    Case("4.0.0", "job-pod-metadata"): ("podAnnotations", "podLabels"),
}
"""Cases with keys that we refuse and the chart silently ignores: compared without them."""
BASED_ON_NOTHING = "odd-base"
"""A custom runtime whose base is not a shim, which is refused here: compared without it."""
UNTOLERATED = {Case(version, "job-pod-metadata") for version in ("4.1.0", "4.2.0")}
"""With startup taints that the Jobs do not tolerate: refused here, as nodes would never get one."""
ROLES = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
EVENT_ROLES = {"4.2.0": ["Role", "RoleBinding"]}
CASES = {"4.0.0": 44, "4.1.0": 45, "4.2.0": 50}


def settings(case: Case) -> Settings:
    less = [*IGNORED_BY_THE_CHART.get(case, ()), f"customRuntimes.runtimes.{BASED_ON_NOTHING}"]
    return case.settings(less=less)


def deviations(case: Case) -> list[str]:
    return chart.deviations(all_objects(settings(case)), workable(case.chart_objects()))


def with_pull_secrets() -> list[str]:
    """Return the differences of verification with Secrets, which no case combines."""
    case = Case("4.1.0", "verification")
    secrets = (PullSecret(name="mirror"),)
    ours = settings(case).model_copy(update={"image_pull_secrets": secrets})
    return chart.deviations(all_objects(ours), case.chart_objects())


def workable(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the chart's objects without the custom runtime that is refused here."""
    handler = f"kata-{BASED_ON_NOTHING}"
    for manifest in objects:
        if manifest.get("handler") != handler:
            manifest.get("data", {}).pop(f"dropin-{handler}.toml", None)
            yield json.loads(re.sub(rf",?{handler}(:\S*?\\n)?", "", json.dumps(manifest)))


def fits(line: str, pattern: str) -> bool:
    """Whether a pattern matches the path of a line, or a whole line with the chart's value."""
    compared = line if ": chart " in pattern else line.partition(": chart ")[0]
    return fnmatchcase(compared, pattern.replace("[", "[[]"))


def is_allowed(line: str) -> bool:
    return any(fits(line, pattern) for pattern in ALLOWED)


@pytest.mark.parametrize("case", chart.cases(), ids=str)
def test_objects_equal_the_charts(case: Case) -> None:
    assert [line for line in deviations(case) if not is_allowed(line)] == []


def test_every_allowed_difference_is_still_there() -> None:
    stale = {p for p in ALLOWED if not any(fits(line, p) for line in with_pull_secrets())}
    newest_first = reversed(chart.cases())
    while stale and (case := next(newest_first, None)):
        stale -= {p for line in deviations(case) for p in stale if fits(line, p)}
    assert stale == set()


def test_all_cases_are_compared() -> None:
    found = Counter(case.version for case in chart.cases())
    assert found >= Counter(CASES)


@pytest.mark.parametrize("case", chart.cases(), ids=str)
def test_without_a_dispatcher_only_its_objects_are_missing(case: Case) -> None:
    dispatched = settings(case)
    rollout = dispatched.rollout.model_copy(update={"runs_in": "pulumi"})
    ours = all_objects(dispatched.model_copy(update={"rollout": rollout}))
    theirs = all_objects(dispatched)
    missing = [manifest for manifest in theirs if manifest not in ours]
    assert [manifest for manifest in theirs if manifest in ours] == ours
    on_schedule = ["CronJob"] * dispatched.job.reconcile.enabled
    kinds = [*ROLES, *EVENT_ROLES.get(case.version, []), *on_schedule, "Job", "Job"]
    assert [manifest["kind"] for manifest in missing] == kinds * case.job_mode
    assert all("dispatcher" in m["metadata"]["name"] or m["kind"] == "CronJob" for m in missing)


@pytest.mark.parametrize("case", chart.cases(), ids=str)
def test_only_keys_without_effect_are_refused(case: Case) -> None:
    ignored = IGNORED_BY_THE_CHART.get(case, ())
    refusals = case.refusals()
    assert [
        key for key in ignored if not any(line.startswith(f"{key}: ") for line in refusals)
    ] == []
    stricter = [
        line
        for line in refusals
        if line.startswith(f"customRuntimes.runtimes.{BASED_ON_NOTHING}.baseConfig: ")
        or (case in UNTOLERATED and line.startswith("startupTaints["))
    ]
    assert [line for line in refusals if " has no effect in job mode; " not in line] == stricter
    assert bool(refusals) == bool(ignored or case.name == "custom-runtimes" or case in UNTOLERATED)


def test_comparison_names_a_changed_field() -> None:
    case = Case("4.0.0", "job-default")
    objects = all_objects(case.settings())
    objects[0]["metadata"]["namespace"] = "elsewhere"
    objects[1]["rules"][0]["verbs"] = ["get"]
    lines = chart.deviations(objects, case.chart_objects())
    assert (
        "ClusterRole/kata-deploy-role/rules/0/verbs: chart ['get', 'patch'], ours ['get']" in lines
    )
    assert any(
        line.startswith("ServiceAccount/elsewhere/kata-deploy-sa: chart None") for line in lines
    )
    assert any(
        line.startswith("ServiceAccount/kube-system/kata-deploy-sa: chart {") for line in lines
    )


def test_missing_checksum_is_a_difference() -> None:
    case = Case("4.1.0", "shim-dropins")
    objects = all_objects(case.settings())
    made = next(
        m for m in objects if m["metadata"]["name"] == "kata-deploy" and m["kind"] == "DaemonSet"
    )
    del made["spec"]["template"]["metadata"]["annotations"]["checksum/custom-configs"]
    lines = [
        line for line in chart.deviations(objects, case.chart_objects()) if not is_allowed(line)
    ]
    assert lines == [
        "DaemonSet/kube-system/kata-deploy/spec/template/metadata/annotations/"
        "checksum/custom-configs: chart 'a checksum', ours None"
    ]
