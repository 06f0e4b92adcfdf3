"""A configuration is either honoured in full or refused, with a line for every problem."""

import base64
from typing import Any

import pytest

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.profile import SUPPORTED_VERSIONS
from kata_components.settings.settings import Settings

*OLDER, NEWEST = SUPPORTED_VERSIONS
ALLOWED = f"{', '.join(OLDER)} or {NEWEST}"
MINIMAL = {"kataVersion": "4.0.0", "cluster": {"context": "c"}}


def load(**config: Any) -> Settings:
    return load_settings(MINIMAL | config)


def problems(**config: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(**config)
    return caught.value.problems


def test_defaults_are_the_charts_and_ours() -> None:
    settings = load()
    assert settings.deployment_mode == "daemonset"
    assert settings.namespace == "kube-system"
    assert settings.helm_release_name == "kata-deploy"
    assert settings.rollout.waves == ("canary", "10%", "100%")
    assert (settings.rollout.max_failures, settings.rollout.soak_seconds) == (3, 0)
    assert (settings.rollout.node_timeout_seconds, settings.rollout.not_ready) == (3600, "skip")
    assert (settings.rollout.runs_in, settings.rollout.existing, settings.rollout.report_dir) == (
        "pulumi",
        None,
        None,
    )
    assert (settings.job.parallelism, settings.job.backoff_limit) == (100, 3)
    assert len(settings.shims.enabled) == 24


@pytest.mark.parametrize(
    "content",
    [
        "apiVersion: v1\nusers: [{name: u, user: {token: s3cr3t}}]\n",
        ' {"users": [{"name": "u", "user": {"token": "s3cr3t"}}]}',
        base64.b64encode(b"apiVersion: v1\nusers: [{token: s3cr3t}]\n" * 30).decode(),
        {"users": [{"user": {"token": "s3cr3t"}}]},
    ],
)
def test_the_content_of_a_kubeconfig_is_refused_by_name_and_not_shown(
    content: str | dict[str, Any],
) -> None:
    (problem,) = problems(cluster={"context": "c", "kubeconfig": content})
    assert problem.startswith(
        "cluster.kubeconfig: must be the path of a kubeconfig, not its content"
    )
    assert str(content)[:10] not in problem
    assert "s3cr3t" not in problem


def test_maps_merge_and_lists_replace() -> None:
    settings = load(
        deploymentMode="job",
        job={"nodeSelectorExpressions": []},
        shims={"qemu": {"agent": {"noProxy": "x"}}},
    )
    assert settings.job.node_selector_expressions == ()
    assert settings.job.parallelism == 100
    assert settings.shims.enabled["qemu"].agent.no_proxy == "x"
    assert settings.shims.enabled["qemu"].supported_arches == ("amd64", "arm64", "s390x", "ppc64le")


def test_shim_without_its_own_setting_follows_disable_all() -> None:
    settings = load(shims={"disableAll": True, "qemu": {"enabled": True}, "clh": {"enabled": None}})
    assert list(settings.shims.enabled) == ["qemu"]


def test_null_removes_what_may_be_empty() -> None:
    assert load(resources=None).resources == {}
    assert load(snapshotter={"setup": None}).snapshotter.setup == ()
    assert load(image={"tag": None}).image.name("4.0.0").endswith(":4.0.0")
    shims = load(
        shims={"qemu-snp": {"containerd": None, "crio": None, "runtimeClass": None}}
    ).shims.enabled
    assert not shims["qemu-snp"].guest_pull
    assert shims["qemu-snp"].runtime_class.overhead is None


def test_label_values_may_be_numbers_and_booleans() -> None:
    settings = load(deploymentMode="job", job={"nodeSelector": {"pool": True, "rack": 7}})
    assert settings.job.node_selector == {"pool": "true", "rack": "7"}


def test_all_problems_come_at_once_one_per_line() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            {"deploymentMode": "job", "job": {"paralelism": 5, "backoffLimit": -1}, "debugg": True}
        )
    assert caught.value.problems == (
        "cluster.context: is required; run `pulumi config set --path cluster.context <a context "
        "of your kubeconfig>`",
        f"debugg: no such key at {NEWEST}; did you mean debug?",
        "job.backoffLimit: must be greater than or equal to 0, got -1",
        f"job.paralelism: no such key at {NEWEST}; did you mean parallelism?",
        f"kataVersion: is required; run `pulumi config set kataVersion {NEWEST}`",
    )


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"kataVersion": 4.0}, f"kataVersion: must be the text {ALLOWED}, got 4.0"),
        ({"kataVersion": "4.0"}, f"kataVersion: must be the text {ALLOWED}, got '4.0'"),
        (
            {"deploymentMode": "jobs"},
            "deploymentMode: must be 'daemonset' or 'job', got 'jobs'; did you mean job?",
        ),
        (
            {"namespace": "Kube"},
            "namespace: must be at most 63 lower-case letters, digits and hyphens, got 'Kube'",
        ),
        ({"cluster": {"context": ""}}, "cluster.context: must have at least 1 character, got ''"),
        ({"debug": "yes"}, "debug: must be a valid boolean, got 'yes'"),
        ({"debug": "True"}, "debug: must be a valid boolean, got 'True'; write it without quotes"),
        ({"valuesFile": 5}, "valuesFile: must be a valid string, got 5; write it in quotes"),
        (
            {"image": {"tag": 1.31}},
            "image.tag: must be a valid string, got 1.31; write it in quotes",
        ),
        (
            {"health": {"port": "8090"}},
            "health.port: must be a valid integer, got '8090'; write it without quotes",
        ),
        ({"shims": {"qemo": {}}}, "shims.qemo: no such key at 4.0.0; did you mean qemu or remote?"),
        (
            {"shims": {"qemu-cca": {"enabled": False}}},
            "shims.qemu-cca: no such key at 4.0.0; did you mean qemu-se or qemu-coco-dev or qemu? "
            "Otherwise remove it",
        ),
        (
            {"shims": {"stratovirt": {"enabled": False}}},
            "shims.stratovirt: no such key at 4.0.0; remove it",
        ),
        (
            {"shims": {"qemu": {"enable": True}}},
            "shims.qemu.enable: no such key at 4.0.0; did you mean enabled?",
        ),
        (
            {"shims": {"disableAll": True}},
            "shims: all are disabled; enable at least one with `shims.<name>.enabled: true`",
        ),
        (
            {"defaultShim": {"amd64": "dragonbal"}},
            "defaultShim.amd64: 'dragonbal' is not a shim of 4.0.0; did you mean dragonball?",
        ),
        (
            {"runtimeClasses": {"zzz": 1}},
            "runtimeClasses.zzz: no such key at 4.0.0; allowed: createDefault, defaultName, "
            "enabled, overheadEnabled",
        ),
        (
            {"tolerations": [{"kye": "x"}]},
            "tolerations[0].kye: no such key at 4.0.0; did you mean key?",
        ),
        (
            {"image": {"reference": None}},
            "image.reference: is required; it cannot be removed with null",
        ),
        (
            {"customRuntimes": {"enabled": True, "runtimes": {"mine": {"baseConfig": "qemu"}}}},
            "customRuntimes.runtimes.mine.runtimeClass: is required",
        ),
        (
            {"env": {"installationPrefix": "opt"}},
            "env.installationPrefix: must be an absolute path without `..` and colons, or empty, "
            "got 'opt'",
        ),
        (
            {"rollout": {"soakSeconds": 5}},
            "rollout.soakSeconds: has no effect in daemonset mode; remove it: updateStrategy "
            "paces the DaemonSet",
        ),
        (
            {"job": {"parallelism": 5}},
            "job.parallelism: 5 has no effect in daemonset mode; remove it, or set deploymentMode "
            "to job",
        ),
    ],
)
def test_problem_names_path_value_and_fix(config: dict[str, Any], line: str) -> None:
    assert problems(**config) == (line,)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"nodeSelector": {"a": "b"}},
            "nodeSelector: {'a': 'b'} has no effect in job mode; use job.nodeSelector",
        ),
        (
            {"affinity": {"nodeAffinity": {}}},
            "affinity: {'nodeAffinity': {}} has no effect in job mode; use "
            "job.nodeSelectorExpressions",
        ),
        ({"logLevel": "info"}, "logLevel: 'info' has no effect in job mode; use debug"),
        (
            {"rollout": {"runsIn": "cluster", "maxFailures": 3}},
            "rollout.maxFailures: 3 cannot be honoured with rollout.runsIn 'cluster': "
            "upstream's dispatcher continues whatever fails; leave it out, or use runsIn 'pulumi'",
        ),
        (
            {"rollout": {"waves": [5, 3]}},
            "rollout.waves: the sizes are cumulative and must not shrink, got [5, 3]",
        ),
        (
            {"rollout": {"waves": ["50%", "canary"]}},
            "rollout.waves: \"canary\" can only be the first wave, got ['50%', 'canary']",
        ),
        (
            {"rollout": {"waves": '["100%"]'}},
            "rollout.waves: must be a list, got '[\"100%\"]'; set it item by item, the first as "
            "rollout.waves[0]",
        ),
        (
            {"rollout": {"waves": ["101%"]}},
            'rollout.waves[0]: must be "canary", a number of nodes from 1, '
            'or a percentage from "1%" to "100%", '
            "got '101%'",
        ),
        (
            {"rollout": {"maxFailures": True}},
            "rollout.maxFailures: must be a number of nodes from 0, "
            'or a percentage from "0%" to "100%", got True',
        ),
        (
            {"job": {"nodeSelectorExpressions": [{"key": "a", "operator": "In"}]}},
            "job.nodeSelectorExpressions[0]: In and NotIn need `values`; Exists and DoesNotExist "
            "have none, got {'key': 'a', 'operator': 'In'}",
        ),
    ],
)
def test_problem_of_job_mode_names_path_value_and_fix(config: dict[str, Any], line: str) -> None:
    assert problems(deploymentMode="job", **config) == (line,)


def test_keys_at_their_default_are_not_refused() -> None:
    assert (
        load(
            valuesFile=None, monitor={"enabled": False}, job={"parallelism": 100}, nameOverride=None
        )
        == load()
    )


def test_null_means_no_default_shim_as_in_the_chart() -> None:
    assert load(defaultShim={"arm64": None}) == load(defaultShim={"arm64": ""})


def test_waves_may_be_empty_and_mixed() -> None:
    waves = ["canary", 5, "10%", 20, "100%"]
    assert load(deploymentMode="job", rollout={"waves": []}).rollout.waves == ()
    assert load(deploymentMode="job", rollout={"waves": waves}).rollout.waves == tuple(waves)


def test_dispatcher_keeps_its_own_pacing_whether_or_not_it_is_configured() -> None:
    for said in ({}, {"waves": [], "maxFailures": "100%", "soakSeconds": 0, "notReady": "attempt"}):
        rollout = load(deploymentMode="job", rollout={"runsIn": "cluster", **said}).rollout
        assert (rollout.waves, rollout.max_failures) == ((), "100%")
        assert (rollout.soak_seconds, rollout.not_ready) == (0, "attempt")


@pytest.mark.parametrize(
    "said",
    [{"waves": ["canary", "100%"]}, {"maxFailures": 0}, {"soakSeconds": 1}, {"notReady": "skip"}],
)
def test_what_the_dispatcher_does_not_do_is_refused_and_keys_it_can_honour_are_not(
    said: dict[str, Any],
) -> None:
    asked = {
        "runsIn": "cluster",
        "nodeTimeoutSeconds": 60,
        "existing": "adopt",
        "reportDir": "reports",
    }
    (line,) = problems(deploymentMode="job", rollout=asked | said)
    assert line.startswith(f"rollout.{next(iter(said))}: ")
    assert "cannot be honoured with rollout.runsIn 'cluster'" in line


def test_garbage_beside_the_dispatcher_is_a_separate_problem() -> None:
    assert problems(deploymentMode="job", rollout={"runsIn": "cluster", "waves": 7})
    assert problems(deploymentMode="job", rollout={"runsIn": ["cluster"]})
