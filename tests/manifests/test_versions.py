"""Our objects at 4.1.0, and what both versions share, tested without the chart's renders."""

from typing import Any

import pytest

from kata_components.manifests.builders import Manifest
from kata_components.manifests.daemon_set import daemon_set
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.manifests.monitor import monitor
from kata_components.manifests.mounted_configs import (
    checksum_annotations,
    custom_configs,
    mounted_fingerprints,
)
from kata_components.manifests.runtime_classes import runtime_classes
from kata_components.manifests.selector import (
    cleanup_selectors,
    daemon_set_selectors,
    install_selectors,
)
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


DISCOVERY: dict[str, Any] = {"node-feature-discovery": {"enabled": True}}


def settings(version: str = "4.1.0", mode: str = "daemonset", **values: Any) -> Settings:
    paced = {"rollout": {"runsIn": "cluster"}} if version == "4.1.0" and mode == "job" else {}
    base = {"kataVersion": version, "cluster": {"context": "c"}, "deploymentMode": mode}
    return load_settings(base | paced | values)


def terms(*expressions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "nodeAffinity": {
            REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": e} for e in expressions]}
        }
    }


def pod_of(job: Manifest) -> Any:
    return job["spec"]["template"]["spec"]


def flags(job: Manifest) -> list[str]:
    words: list[str] = pod_of(job)["containers"][0]["command"]
    return words[1:]


def test_per_node_jobs_hold_no_token_and_are_not_privileged() -> None:
    for job in (install_job(settings(mode="job")), cleanup_job(settings(mode="job"))):
        pod = pod_of(job)
        assert pod["automountServiceAccountToken"] is False
        assert not {"serviceAccountName", "hostPID"} & set(pod)
        contexts = [c["securityContext"] for c in pod["initContainers"] + pod["containers"]]
        assert all(
            context == {"privileged": False, "readOnlyRootFilesystem": True} for context in contexts
        )


@pytest.mark.parametrize(("nodes", "daemons"), [([], 6), (["a"], 0)])
def test_install_jobs_tolerate_what_daemons_do_and_named_nodes_all(
    nodes: list[str], daemons: int
) -> None:
    own = [{"key": "dedicated", "operator": "Exists"}]
    args = settings(mode="job", tolerations=own, job={"nodes": nodes})
    tolerations = pod_of(install_job(args))["tolerations"]
    assert tolerations[-1:] == own
    assert (
        len([t for t in tolerations if t.get("key", "").startswith("node.kubernetes.io/")])
        == daemons
    )
    assert ({"operator": "Exists"} in tolerations) == (daemons == 0)
    assert pod_of(cleanup_job(args))["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize(
    ("values", "selectors"),
    [
        ({}, []),
        ({"nodeSelector": {"b": "2", "a": ""}}, ["a=,b=2"]),
        (
            {
                "nodeSelector": {"pool": "kata"},
                "affinity": terms(
                    [
                        {"key": "zone", "operator": "In", "values": ["x", "y"]},
                        {"key": "old", "operator": "DoesNotExist"},
                    ],
                    [{"key": "tee", "operator": "Exists"}],
                ),
            },
            ["pool=kata,zone in (x,y),!old", "pool=kata,tee"],
        ),
        (
            {
                "affinity": terms(
                    [{"key": "a", "operator": "Exists"}], [{"key": "a", "operator": "Exists"}]
                )
            },
            ["a"],
        ),
        ({"affinity": {"podAntiAffinity": {}}}, []),
    ],
)
def test_node_affinity_becomes_one_selector_per_term(
    values: dict[str, Any], selectors: list[str]
) -> None:
    assert install_selectors(settings(mode="job", **values)) == selectors


def test_feature_discovery_narrows_each_term_to_machines_with_virtualization() -> None:
    both = terms([{"key": "a", "operator": "Exists"}], [{"key": "b", "operator": "Exists"}])
    assert len(install_selectors(settings(mode="job", **DISCOVERY))) == 6
    found = install_selectors(settings(mode="job", affinity=both, **DISCOVERY))
    assert len(found) == 12
    assert (
        found[0]
        == "feature.node.kubernetes.io/cpu-cpuid.VMX in (true),kubernetes.io/arch in (amd64),a"
    )
    pod = pod_of(daemon_set(settings(affinity=both, **DISCOVERY)))
    assert len(pod["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]) == 12


def test_feature_discovery_keeps_the_rest_of_the_affinity() -> None:
    preferred = [
        {"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}
    ]
    key = "preferredDuringSchedulingIgnoredDuringExecution"
    affinity = {"nodeAffinity": {key: preferred}, "podAntiAffinity": {REQUIRED: []}}
    made = pod_of(daemon_set(settings(affinity=affinity, **DISCOVERY)))["affinity"]
    assert made["nodeAffinity"][key] == preferred
    assert made["podAntiAffinity"] == {REQUIRED: []}
    assert len(made["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]) == 6


def test_cleanup_selects_by_what_was_installed_never_by_where_to_install() -> None:
    args = settings(mode="job", nodeSelector={"pool": "kata"})
    assert cleanup_selectors(args) == ["katacontainers.io/kata-runtime"]
    everywhere = settings(mode="job", job={"cleanup": {"nodeAffinity": None}})
    assert cleanup_selectors(everywhere) == []


def test_dispatcher_waits_for_nodes_only_when_it_looks_for_them() -> None:
    waits = ("--wait-for-nodes-secs", "--node-settle-secs")
    searched = flags(install_dispatcher_job(settings(mode="job", job={"waitForNodesSeconds": 0})))
    assert [f for f in searched if f.startswith(waits)] == [
        "--wait-for-nodes-secs=0",
        "--node-settle-secs=15",
    ]
    named = flags(install_dispatcher_job(settings(mode="job", job={"nodes": ["b", "a"]})))
    assert [f for f in named if f.startswith((*waits, "--node"))] == [
        "--nodes=b,a",
        "--node-label=true",
    ]
    assert not [
        f for f in flags(cleanup_dispatcher_job(settings(mode="job"))) if f.startswith(waits)
    ]


def test_dispatcher_asks_for_the_handlers_of_the_runtime_classes() -> None:
    args = settings(mode="job", env={"multiInstallSuffix": "dev"})
    (asked,) = (
        f for f in flags(install_dispatcher_job(args)) if f.startswith("--require-node-handlers=")
    )
    handlers = {m["handler"] for m in runtime_classes(args)}
    assert set(asked.partition("=")[2].split(",")) == handlers


@pytest.mark.parametrize(
    ("values", "warns"),
    [
        ({}, False),
        ({"snapshotter": {"setup": ["erofs"]}}, True),
        ({"shims": {"qemu": {"crio": {"guestPull": True}}}}, True),
        ({"shims": {"qemu": {"containerd": {"forceGuestPull": True}}}}, True),
        ({"shims": {"qemu": {"supportedArches": [], "crio": {"guestPull": True}}}}, False),
    ],
)
def test_dispatcher_looks_at_kubelets_only_where_images_take_long(
    values: dict[str, Any], warns: bool
) -> None:
    shims = {
        "disableAll": True,
        "qemu": {"enabled": True, **values.get("shims", {}).get("qemu", {})},
    }
    args = settings(mode="job", **(values | {"shims": shims}))
    assert ("--kubelet-timeout-warn-secs=600" in flags(install_dispatcher_job(args))) == warns


def test_dispatcher_runs_where_configured() -> None:
    tolerations = [{"key": "trusted", "operator": "Exists"}]
    told = {"dispatcherNodeSelector": {"trusted": "yes"}, "dispatcherTolerations": tolerations}
    pod = pod_of(
        install_dispatcher_job(settings(mode="job", job=told, tolerations=[{"operator": "Exists"}]))
    )
    assert (pod["nodeSelector"], pod["tolerations"]) == ({"trusted": "yes"}, tolerations)


def test_required_labels_of_the_runtime_classes_cannot_be_changed() -> None:
    own = {
        "katacontainers.io/kata-runtime": "no",
        "kata-deploy.katacontainers.io/default": "no",
        "disk": "ssd",
    }
    args = settings(
        shims={"disableAll": True, "qemu": {"enabled": True, "runtimeClass": {"nodeSelector": own}}}
    )
    (made,) = runtime_classes(args)
    assert made["scheduling"]["nodeSelector"] == {
        "katacontainers.io/kata-runtime": "true",
        "kata-deploy.katacontainers.io/default": "true",
        "disk": "ssd",
    }


def test_class_without_its_own_overhead_has_the_charts() -> None:
    args = settings(shims={"disableAll": True, "qemu": {"enabled": True, "runtimeClass": None}})
    assert [m["overhead"] for m in runtime_classes(args)] == [
        {"podFixed": {"memory": "320Mi", "cpu": "250m"}}
    ]


def test_checksum_changes_with_the_content_and_only_with_it() -> None:
    def of(text: str, **values: Any) -> dict[str, str]:
        return checksum_annotations(settings(containerd={"userDropIn": text}, **values))

    assert of("a = 1") == of("a = 1", podLabels={"x": "y"}) != of("a = 2")
    assert list(of("a = 1")) == ["checksum/containerd-user-dropin"]


@pytest.mark.parametrize("text", ["a = 1", "a = 1\n", "a = 1\n\n"])
def test_files_end_with_one_newline(text: str) -> None:
    made = custom_configs(settings(shims={"qemu": {"dropIn": text}}))
    assert made
    assert made["data"] == {"dropin-qemu.toml": "a = 1\n"}


def test_fingerprints_are_those_of_the_files() -> None:
    one, same, other = (
        settings(shims={"qemu": {"dropIn": text}}) for text in ("a = 1", "a = 1\n", "a = 2")
    )
    assert mounted_fingerprints(one) == mounted_fingerprints(same) != mounted_fingerprints(other)
    assert mounted_fingerprints(settings()) == {}


def test_probes_are_as_configured() -> None:
    timing = {"periodSeconds": 7, "failureThreshold": 8, "timeoutSeconds": 9}
    names = ("startupProbe", "livenessProbe", "readinessProbe")
    container = pod_of(daemon_set(settings(health={"port": 1234} | dict.fromkeys(names, timing))))[
        "containers"
    ][0]
    assert all(timing.items() <= container[name].items() for name in names)
    assert all(container[name]["httpGet"]["port"] == 1234 for name in names)
    off = pod_of(daemon_set(settings(health={name: {"enabled": False} for name in names})))[
        "containers"
    ][0]
    assert not set(names) & set(off)


def test_monitor_is_as_configured() -> None:
    own = {
        "enabled": True,
        "image": {"reference": "registry.example.com/monitor", "tag": "7"},
        "resources": {"requests": {"cpu": "1m", "memory": "2Mi"}},
        "securityContext": {"privileged": True},
        "runtimeEndpoint": "unix:/run/x/y.sock",
    }
    (made,) = monitor(settings(monitor=own, nodeSelector={"pool": "kata"}))
    pod = pod_of(made)
    (container,) = pod["containers"]
    assert pod["nodeSelector"] == {"pool": "kata"}
    assert container["image"] == "registry.example.com/monitor:7"
    assert container["resources"]["requests"] == {"cpu": "1m", "memory": "2Mi"}
    assert container["securityContext"]["privileged"] is True
    assert pod["volumes"][0]["hostPath"]["path"] == "/run/x"


@pytest.mark.parametrize(
    ("config", "selectors"),
    [
        ({}, []),
        ({"nodeSelector": {"pool": "kata"}}, ["pool=kata"]),
        (
            {
                "affinity": terms(
                    [{"key": "a", "operator": "Exists"}], [{"key": "b", "operator": "DoesNotExist"}]
                )
            },
            ["a", "!b"],
        ),
        ({"affinity": terms([{"key": "a", "operator": "Gt", "values": ["1"]}])}, None),
        (
            {
                "affinity": terms(
                    [{"key": "a", "operator": "Exists"}],
                    [{"key": "b", "operator": "Lt", "values": ["1"]}],
                )
            },
            ["a"],
        ),
    ],
)
def test_where_the_pods_of_the_daemon_set_go(
    config: dict[str, Any], selectors: list[str] | None
) -> None:
    assert daemon_set_selectors(settings("4.0.0", **config)) == selectors
