"""The keys depend on the version, and refusals say what to use instead."""

from collections.abc import Iterator, Mapping
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from kata_components.settings.settings import Settings

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def load(version: str = "4.1.0", **config: Any) -> Settings:
    return load_settings({"kataVersion": version, "cluster": {"context": "c"}, **config})


def problems(version: str = "4.1.0", **config: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(version, **config)
    return caught.value.problems


def leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_keys_of_another_version_are_all_known_with_what_to_use_instead(version: str) -> None:
    ours = set(leaves(load_profile(version).values))
    others = {
        key for other in SUPPORTED_VERSIONS for key in leaves(load_profile(other).values)
    } - ours
    replaced = load_profile(version).replacements
    assert others
    missing = [
        ".".join(k)
        for k in others
        if k[0] != "shims"
        and not any(f"{'.'.join(k)}.".startswith(f"{known}.") for known in replaced)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("version", "config", "line"),
    [
        (
            "4.0.0",
            {"devkit": True},
            "devkit: no such key at 4.0.0; remove it, or set kataVersion to 4.1.0",
        ),
        (
            "4.0.0",
            {"deploymentMode": "job", "job": {"activeDeadlineSeconds": 60}},
            "job.activeDeadlineSeconds: no such key at 4.0.0; use rollout.nodeTimeoutSeconds",
        ),
        (
            "4.1.0",
            {"job": {"nodeAffinity": {}}},
            "job.nodeAffinity: no such key at 4.1.0; use affinity.nodeAffinity, which applies in "
            "both modes, or job.nodes to name nodes",
        ),
        (
            "4.0.0",
            {"shims": {"openvmm-azure-runtime-rs": {}}},
            "shims.openvmm-azure-runtime-rs: no such key at 4.0.0",
        ),
    ],
)
def test_what_another_version_has_is_refused_with_what_to_use(
    version: str, config: dict[str, Any], line: str
) -> None:
    found = problems(version, **config)
    assert len(found) == 1
    assert found[0].startswith(line)


ONE, OTHER = (
    {"binaries": binaries, "image": "example.com/tools:1"} for binaries in (["a", "b"], ["b"])
)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"selinux": {"enabled": True}},
            "selinux.enabled: True has no effect in daemonset mode; remove it, or set "
            "deploymentMode to job: how the chart's DaemonSet uses it is not known",
        ),
        (
            {"nodeBinaries": {"tools": ONE}},
            f"nodeBinaries: {{'tools': {ONE}}} has no effect in daemonset mode; remove it, or set "
            "deploymentMode to job",
        ),
        (
            {"deploymentMode": "job", "nodeBinaries": {"one": ONE, "other": OTHER}},
            "nodeBinaries: has b in one and in other; remove it from one of them, got "
            f"{{'one': {ONE}, 'other': {OTHER}}}",
        ),
        (
            {"deploymentMode": "job", "job": {"reconcile": {"enabled": True}}},
            "job.reconcile.enabled: True has no effect with rollout.runsIn 'pulumi': run `pulumi "
            "up` on a schedule instead, it works on late and failed nodes; remove it, or use "
            "runsIn 'cluster'",
        ),
        (
            {"deploymentMode": "job", "job": {"dispatcherImage": {"tag": ""}}},
            "job.dispatcherImage.tag: '' has no effect with rollout.runsIn 'pulumi': no dispatcher "
            "runs in the cluster; remove it, or use runsIn 'cluster'",
        ),
        (
            {"monitor": {"tls": {"minVersion": "VersionTLS12"}}},
            "monitor.tls: has no effect without a `secretName`; set one, or remove the rest, got "
            "{'cipherSuites': '', 'minVersion': 'VersionTLS12', 'secretName': ''}",
        ),
        (
            {"shims": {"qemu-nvidia-gpu": {"nvrc": {"enableDcgm": True}}}},
            "shims.qemu-nvidia-gpu.nvrc.enableDcgm: no such key at 4.2.0; did you mean enableDCGM?",
        ),
    ],
)
def test_key_of_4_2_0_that_cannot_be_honoured_is_refused(config: dict[str, Any], line: str) -> None:
    assert problems("4.2.0", **config) == (line,)


@pytest.mark.parametrize("version", ["4.0.0", "4.1.0"])
@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"nodeBinaries": {}}, "nodeBinaries"),
        ({"selinux": {"enabled": False}}, "selinux"),
        ({"deploymentMode": "job", "job": {"reconcile": {"enabled": True}}}, "job.reconcile"),
        ({"monitor": {"tls": {"secretName": "cert"}}}, "monitor.tls"),
        (
            {"shims": {"qemu-nvidia-gpu": {"nvrc": {"enableDCGM": True}}}},
            "shims.qemu-nvidia-gpu.nvrc",
        ),
    ],
)
def test_key_of_4_2_0_is_refused_before_it(version: str, config: dict[str, Any], key: str) -> None:
    line = f"{key}: no such key at {version}; remove it, or set kataVersion to 4.2.0"
    assert problems(version, **config) == (line,)


def test_daemon_set_may_use_all_of_node_affinity() -> None:
    term = {
        "matchExpressions": [{"key": "cpus", "operator": "Gt", "values": ["4"]}],
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["worker-1"]}],
    }
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}
    assert len(load(affinity=affinity).affinity.required_terms) == 1


@pytest.mark.parametrize(("seconds", "meant"), [(0, (15, 300, 3600)), (7, (7, 7, 7))])
def test_zero_means_the_default_of_a_time_limit_as_in_the_chart(
    seconds: int, meant: tuple[int, int, int]
) -> None:
    keys = ("nodeSettleSeconds", "waitNodeReadySeconds", "activeDeadlineSeconds")
    job = load(
        deploymentMode="job", rollout={"runsIn": "cluster"}, job=dict.fromkeys(keys, seconds)
    ).job
    assert (
        job.node_settle_seconds,
        job.wait_node_ready_seconds,
        job.active_deadline_seconds,
    ) == meant


@pytest.mark.parametrize(
    ("key", "value", "place", "why"),
    [
        (
            "dispatcherImage",
            {"reference": "example.com/dispatcher"},
            "job.dispatcherImage.reference: 'example.com/dispatcher'",
            "no dispatcher runs in the cluster",
        ),
        (
            "dispatcherNodeSelector",
            {"pool": "system"},
            "job.dispatcherNodeSelector: {'pool': 'system'}",
            "no dispatcher runs in the cluster",
        ),
        (
            "dispatcherTolerations",
            [{"operator": "Exists"}],
            "job.dispatcherTolerations: [{'operator': 'Exists'}]",
            "no dispatcher runs in the cluster",
        ),
        (
            "waitForNodesSeconds",
            0,
            "job.waitForNodesSeconds: 0",
            "`pulumi up` works on the nodes that are there, and the next one on later nodes",
        ),
        (
            "nodeSettleSeconds",
            1,
            "job.nodeSettleSeconds: 1",
            "`pulumi up` works on the nodes that are there, and the next one on later nodes",
        ),
    ],
)
def test_what_only_the_dispatcher_reads_is_refused_without_it(
    key: str, value: Any, place: str, why: str
) -> None:
    line = (
        f"{place} has no effect with rollout.runsIn 'pulumi': {why}; "
        "remove it, or use runsIn 'cluster'"
    )
    assert problems(deploymentMode="job", job={key: value}) == (line,)
    load(deploymentMode="job", job={key: value}, rollout={"runsIn": "cluster"})


def test_defaults_of_what_only_the_dispatcher_reads_are_accepted() -> None:
    assert load(deploymentMode="job", job=load_profile("4.1.0").values["job"])


def test_at_4_0_0_an_image_of_the_dispatcher_is_accepted_with_either_runner() -> None:
    image = {"reference": "example.com/dispatcher"}
    load("4.0.0", deploymentMode="job", job={"dispatcherImage": image})


@pytest.mark.parametrize("runner", ["pulumi", "cluster"])
@pytest.mark.parametrize(
    ("taint", "key"),
    [("a/b:NoSchedule", "a/b"), ("a/b", "a/b"), ("c:NoExecute", "c")],
)
def test_startup_taint_that_keeps_jobs_off_for_ever_is_refused(
    runner: str, taint: str, key: str
) -> None:
    others = [
        {"key": "other", "operator": "Exists"},
        {"key": key, "operator": "Exists", "effect": "PreferNoSchedule"},
    ]
    found = problems(
        deploymentMode="job",
        rollout={"runsIn": runner},
        startupTaints=["node.kubernetes.io/not-ready:NoExecute", taint],
        tolerations=others,
    )
    assert [line for line in found if line.startswith("startupTaints")] == [
        f"startupTaints[1]: {taint!r} is not tolerated by the per-node Jobs, so nodes with it "
        f"would be skipped forever; add {{key: {key!r}, operator: Exists}} to tolerations"
    ]


@pytest.mark.parametrize(
    "config",
    [
        {"tolerations": [{"key": "a/b", "operator": "Exists"}]},
        {"tolerations": [{"key": "a/b", "value": "new", "effect": "NoSchedule"}]},
        {"tolerations": [{"operator": "Exists"}]},
        {"job": {"nodes": ["n"]}},
        {"startupTaints": ["a/b:PreferNoSchedule"]},
        {"deploymentMode": "daemonset", "rollout": {}},
    ],
)
def test_startup_taint_that_a_job_may_tolerate_is_accepted(config: dict[str, Any]) -> None:
    usual = {"deploymentMode": "job", "rollout": {"runsIn": "cluster"}}
    load(**usual | {"startupTaints": ["a/b:NoSchedule"]} | config)


def test_at_4_0_0_jobs_do_not_heed_startup_taints() -> None:
    load("4.0.0", deploymentMode="job", startupTaints=["a/b:NoSchedule"])


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        ({"logLevel": "info"}, ["logLevel"]),
        ({"logLevel": "info", "monitor": {"enabled": True}}, []),
        ({"nodeSelector": {"a": "b"}, "monitor": {"enabled": True}}, ["nodeSelector"]),
        ({"nodeSelector": {"a": "b"}, "monitor": {"enabled": True}, "job": {"nodes": ["n"]}}, []),
        ({"nodeSelector": {"a": "b"}, "job": {"nodes": ["n"]}}, ["nodeSelector"]),
    ],
)
def test_key_that_only_the_monitor_reads_is_accepted_with_it(
    config: dict[str, Any], refused: list[str]
) -> None:
    if refused:
        assert [
            line.partition(":")[0] for line in problems("4.0.0", deploymentMode="job", **config)
        ] == refused
    else:
        assert load("4.0.0", deploymentMode="job", **config).monitor.enabled


WORDS = st.sampled_from(["job", "qemu", "Exists", "[", "kind: Pod"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | WORDS
KEYS = st.sampled_from(
    f"nodeAffinity {REQUIRED} nodeSelectorTerms matchExpressions matchFields key operator values "
    f"cleanup nodes enabled "
    "runtimes runtimeClass baseConfig containerd pod create image".split()
)
GARBAGE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3)
)
AREAS = [
    "affinity",
    "job",
    "customRuntimes",
    "verification",
    "monitor",
    "nodeFeatureRules",
    "node-feature-discovery",
    "nodeBinaries",
    "selinux",
]


@given(
    st.sampled_from(SUPPORTED_VERSIONS),
    st.sampled_from(["job", "daemonset"]),
    st.sampled_from(AREAS),
    GARBAGE,
)
@hypothesis.settings(deadline=None, database=None)
def test_garbage_in_any_area_is_refused_in_lines_or_understood(
    version: str, mode: str, area: str, value: Any
) -> None:
    try:
        lines: tuple[str, ...] = ()
        load(version, deploymentMode=mode, **{area: value})
    except SettingsError as error:
        lines = error.problems
    assert all("\n" not in line and len(line) < 1_000 for line in lines)
