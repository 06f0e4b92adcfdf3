"""Values files of the chart: those that it refuses, and those of an older version."""

import pytest

from kata_components.settings.profile import SUPPORTED_VERSIONS
from tests.manifests import chart

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
TERMS = f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms"
CLEANUP_TERMS = f"job.cleanup.nodeAffinity.{REQUIRED}.nodeSelectorTerms"
ONLY_LABELS = "must be In, NotIn, Exists or DoesNotExist in job mode, which selects by labels"
NOT_BY_FIELDS = "cannot be used in job mode, which selects by labels; name nodes in"

OF_4_0_0 = {
    "cleanup-expression-operator": "job.cleanup.nodeSelectorExpressions[0].operator: "
    "must be 'In', 'NotIn', 'Exists' or 'DoesNotExist', got 'Lt'",
    "expression-operator": "job.nodeSelectorExpressions[0].operator: "
    "must be 'In', 'NotIn', 'Exists' or 'DoesNotExist', got 'Gt'",
}
OF_4_1_0 = {
    "affinity-empty-term": f"{TERMS}[0]: is empty, which selects no node; "
    "remove it or give it matchExpressions",
    "affinity-match-fields": f"{TERMS}[0].matchFields: {NOT_BY_FIELDS} job.nodes",
    "affinity-without-terms": f"{TERMS}: is empty, which selects no node at all; "
    f"remove {REQUIRED} to select every node",
    "cleanup-expression-operator": f"{CLEANUP_TERMS}[0].matchExpressions[0].operator: "
    f"{ONLY_LABELS}, got 'Lt'",
    "cleanup-expressions-renamed": "job.cleanup.nodeSelectorExpressions: no such key at 4.1.0; use "
    "job.cleanup.nodeAffinity",
    "cleanup-match-fields": f"{CLEANUP_TERMS}[0].matchFields: {NOT_BY_FIELDS} job.cleanup.nodes",
    "deployment-mode-unknown": "deploymentMode: must be 'daemonset' or 'job', got 'cronjob'; "
    "did you mean job?",
    "expression-operator": f"{TERMS}[0].matchExpressions[0].operator: {ONLY_LABELS}, got 'Gt'",
    "feature-rules-value": "nodeFeatureRules.create: must be 'auto', 'true' or 'false', "
    "got 'sometimes'",
    "job-node-selector-expressions-removed": "job.nodeSelectorExpressions: no such key at 4.1.0; "
    "use affinity.nodeAffinity, which applies in both modes, or job.nodes to name nodes",
    "job-node-selector-removed": "job.nodeSelector: no such key at 4.1.0; "
    "use nodeSelector, which applies in both modes, or job.nodes to name nodes",
    "ttl-too-short": "job.ttlSecondsAfterFinished: must be at least 60, got 59: a Job "
    "would be removed before it is seen how it ended, and its node would count as failed",
}
OF_4_2_0 = {name: text.replace("4.1.0", "4.2.0") for name, text in OF_4_1_0.items()} | {
    "dispatcher-tag-empty": "job.dispatcherImage.tag: must not be empty, since the dispatcher is "
    "not versioned like Kata; use '0.3.0', or give the reference a digest",
    "node-binaries-name": "nodeBinaries.Erofs_Utils: must be at most 63 lower-case letters, digits "
    "and hyphens, got 'Erofs_Utils'",
    "node-binaries-name-taken": "nodeBinaries.host-check: is the name of one of the chart's own "
    "containers; use another",
    "node-binaries-name-too-long": f"nodeBinaries.{'a' * 64}: must be at most 63 lower-case "
    f"letters, digits and hyphens, got '{'a' * 27}...{'a' * 28}'",
    "node-binaries-no-binaries": "nodeBinaries.erofs-utils.binaries: is required",
    "node-binaries-no-image": "nodeBinaries.erofs-utils.image: must be the name of an image, with "
    "or without a digest, got '  '",
    "node-binaries-path": "nodeBinaries.erofs-utils.binaries[0]: must be a bare file name of "
    "letters, digits and . _ + -, got '/usr/bin/mkfs.erofs'",
    "reconcile-no-schedule": "job.reconcile.schedule: must not be empty; use one such as "
    "'*/15 * * * *', or set job.reconcile.enabled to false",
}
OF_ALL = {
    "custom-runtime-snapshotter-not-map": "customRuntimes.runtimes.x.containerd: must be a map, "
    "got 'nydus'",
    "log-level-not-string": "logLevel: must be '', 'error', 'warn', 'info', 'debug' or 'trace', "
    "got 3",
    "overhead-not-map": "shims.qemu.runtimeClass.overhead: must be a map, got '160Mi'",
    "shim-enabled-not-bool": "shims.qemu.enabled: must be a valid boolean, got 'yes'",
    "user-drop-in-not-string": "containerd.userDropIn: must be text: write it in a block after `|`",
    "verification-pod-not-string": "verification.pod: must be text: write it in a block after `|`",
}
REFUSALS = {
    "4.0.0": OF_4_0_0 | OF_ALL,
    "4.1.0": OF_4_1_0 | OF_ALL,
    "4.2.0": OF_4_2_0 | OF_ALL,
}


@pytest.mark.skipif(
    not chart.FIXTURES.is_dir(), reason="the renders of the chart are not beside the checkout"
)
@pytest.mark.parametrize("case", chart.invalid_cases(), ids=str)
def test_values_that_the_chart_refuses_are_refused_with_key_value_and_fix(case: chart.Case) -> None:
    assert case.refusals() == (REFUSALS[case.version][case.name.removeprefix("invalid/")],)


@pytest.mark.parametrize("case", [c for c in chart.cases() if c.version == "4.1.0"], ids=str)
def test_values_of_4_1_0_are_accepted_unchanged_at_the_newest_version(case: chart.Case) -> None:
    newest = SUPPORTED_VERSIONS[-1]
    at_newest = tuple(line.replace(newest, case.version) for line in case.refusals(newest))
    assert at_newest == case.refusals()
