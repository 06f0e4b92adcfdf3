"""What the API server, kubelet or node program would refuse is refused first, with the fix."""

from typing import Any

import pytest

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings

CLASS = (
    "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: kata-x}\nhandler: kata-x\n"
)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def load(**config: Any) -> Settings:
    return load_settings({"kataVersion": "4.0.0", "cluster": {"context": "c"}, **config})


def problem(**config: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**config)
    (line,) = caught.value.problems
    return line


@pytest.mark.parametrize(
    ("toleration", "what"),
    [
        ({}, "must have a `key`, or operator Exists to tolerate every taint"),
        ({"effect": "NoSchedule"}, "must have a `key`"),
        ({"key": "", "operator": "Equal"}, "must have a `key`"),
        (
            {"key": "a", "operator": "Exists", "value": "b"},
            "must have no `value` with operator Exists",
        ),
        (
            {"key": "a", "tolerationSeconds": 5},
            "must have effect NoExecute with `tolerationSeconds`",
        ),
        (
            {"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5},
            "must have effect NoExecute",
        ),
    ],
)
def test_invalid_toleration(toleration: dict[str, Any], what: str) -> None:
    line = problem(tolerations=[{"operator": "Exists"}, toleration])
    assert line.startswith(f"tolerations[1]: {what}")
    assert ", got {" in line


@pytest.mark.parametrize(
    ("toleration", "what"),
    [
        ({"key": "a b"}, "key: must be the key of a taint"),
        ({"key": "a/b/c", "operator": "Exists"}, "key: must be the key of a taint"),
        ({"key": f"a/{'b' * 64}", "operator": "Exists"}, "key: must be the key of a taint"),
        ({"key": "a", "value": "b c"}, "value: must be a label value"),
        (
            {"key": "a", "value": True},
            "value: must be a valid string, got True; write it in quotes",
        ),
        (
            {"key": "a", "operator": "exists"},
            "operator: must be '', 'Exists' or 'Equal', got 'exists'",
        ),
        (
            {"key": "a", "effect": "NoRun"},
            "effect: must be '', 'NoSchedule', 'PreferNoSchedule' or 'NoExecute'",
        ),
    ],
)
def test_invalid_field_of_a_toleration(toleration: dict[str, Any], what: str) -> None:
    assert problem(tolerations=[toleration]).startswith(f"tolerations[0].{what}")


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0},
        {"key": "a"},
        {"key": "example.com/a", "operator": "", "value": "b", "effect": ""},
        {"key": "a", "operator": "Equal", "value": "", "effect": "PreferNoSchedule"},
    ],
)
def test_toleration_that_kubernetes_accepts(toleration: dict[str, Any]) -> None:
    (made,) = load(tolerations=[toleration]).tolerations
    assert made.model_dump(by_alias=True, exclude_unset=True) == toleration


@pytest.mark.parametrize(
    "reference",
    [
        "kata",
        "quay.io/kata-containers/kata-deploy",
        "registry.example.com:5000/a/b__c/d-e.f",
        "localhost:5000/kata",
        "[::1]:5000/kata",
        f"quay.io/kata@sha256:{'a' * 64}",
        f"quay.io/kata:4.0.0@sha256:{'a' * 64}",
    ],
)
def test_image_reference(reference: str) -> None:
    assert load(image={"reference": reference}).image.reference == reference


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        (
            "quay.io/kata:4.0.0",
            "must be a name without a tag: set reference to quay.io/kata and tag to 4.0.0",
        ),
        ("kata:latest", "must be a name without a tag: set reference to kata and tag to latest"),
        (
            "localhost:5000/kata:1",
            "must be a name without a tag: set reference to localhost:5000/kata and tag to 1",
        ),
        ("quay.io/Kata", "must be the name of an image"),
        ("https://quay.io/kata", "must be the name of an image"),
        ("quay.io/kata/", "must be the name of an image"),
        ("quay.io//kata", "must be the name of an image"),
        ("quay.io/kata@sha256:abc", "must be the name of an image"),
        ("quay.io/kata@", "must be the name of an image"),
        ("a b", "must be the name of an image"),
    ],
)
@pytest.mark.parametrize("key", ["image", "job.dispatcherImage", "monitor.image"])
def test_invalid_image_reference(key: str, reference: str, what: str) -> None:
    config: Any = {"reference": reference}
    for part in reversed(key.split(".")):
        config = {part: config}
    assert problem(deploymentMode="job", **config).startswith(f"{key}.reference: {what}")


def test_image_without_a_default_tag_may_have_it_in_the_reference() -> None:
    assert (
        load(kubectlImage={"reference": "kubectl:1", "tag": ""}).kubectl_image.name == "kubectl:1"
    )
    assert load(kubectlImage={"reference": "kubectl", "tag": None}).kubectl_image.name == "kubectl"
    assert load(kubectlImage={"reference": "kubectl"}).kubectl_image.name == "kubectl:latest"
    twice = "kubectlImage: must be a name without a tag: set reference to kubectl and tag to 1"
    assert problem(kubectlImage={"reference": "kubectl:1"}).startswith(twice)
    assert problem(kubectlImage={"reference": "a b"}).startswith(
        "kubectlImage.reference: must be the name of an image"
    )


def test_default_class_that_would_not_be_created() -> None:
    asked = {
        "runtimeClasses": {"createDefault": True},
        "shims": {"disableAll": True, "clh": {"enabled": True}},
    }
    assert problem(**asked) == (
        "runtimeClasses.createDefault: the class 'kata' would not be created, because the first "
        "default shim, 'qemu-runtime-rs', is not enabled; set defaultShim.amd64 to an enabled shim"
    )
    assert load(**asked, defaultShim={"amd64": "clh"}).default_shim.first == "clh"
    assert load(**asked, env={"multiInstallSuffix": "b"}).runtime_classes.create_default


def test_no_two_classes_have_one_name() -> None:
    default = {"createDefault": True, "defaultName": "kata-x"}
    assert problem(**runtime(), runtimeClasses=default) == (
        "customRuntimes.runtimes.mine.runtimeClass: 'kata-x' is runtimeClasses.defaultName; use "
        "another name, or set runtimeClasses.createDefault to false"
    )
    assert problem(runtimeClasses=default | {"defaultName": "kata-qemu"}) == (
        "runtimeClasses.defaultName: 'kata-qemu' is the RuntimeClass of a shim; use another name"
    )
    of_a_shim = runtime(runtimeClass=CLASS.replace("name: kata-x", "name: kata-qemu"))
    assert "'kata-qemu' is already used by a shim" in problem(**of_a_shim)
    # Without the classes of shims their names are free.
    assert load(**of_a_shim, runtimeClasses={"enabled": False})


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"helmReleaseName": "r" * 45}, "helmReleaseName"),
        ({"nameOverride": "Kata_Setup"}, "nameOverride"),
        ({"fullnameOverride": "k" * 57, "nameOverride": "a"}, "fullnameOverride"),
    ],
)
def test_invalid_name_of_the_verification_job(config: dict[str, Any], key: str) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}"
    assert problem(**config, verification={"pod": pod}).startswith(f"{key}: makes '")
    assert load(**config).verification.enabled is False


@pytest.mark.parametrize(
    ("strategy", "what"),
    [
        (
            {"type": "Recreate"},
            "updateStrategy.type: must be 'RollingUpdate' or 'OnDelete', got 'Recreate'",
        ),
        (
            {"rollingUpdate": {"maxSurge": 1}},
            "updateStrategy.rollingUpdate: must have exactly one of `maxUnavailable`",
        ),
        (
            {"rollingUpdate": {"maxUnavailable": "0%"}},
            "updateStrategy.rollingUpdate: must have exactly one of ",
        ),
        (
            {"rollingUpdate": {"maxUnavailable": "1"}},
            "updateStrategy.rollingUpdate.maxUnavailable: must be a number of",
        ),
        (
            {"rollingUpdate": {"partition": 1}},
            "updateStrategy.rollingUpdate.partition: no such key",
        ),
    ],
)
def test_invalid_update_strategy(strategy: dict[str, Any], what: str) -> None:
    assert problem(updateStrategy=strategy).startswith(what)


def test_update_strategy_that_kubernetes_accepts() -> None:
    for written in ({"maxUnavailable": "10%"}, {"maxUnavailable": 0, "maxSurge": "100%"}):
        strategy = load(updateStrategy={"rollingUpdate": written}).update_strategy
        assert strategy.model_dump(by_alias=True, exclude_unset=True)["rollingUpdate"] == written
    assert (
        load(
            updateStrategy={"type": "OnDelete", "rollingUpdate": None}
        ).update_strategy.rolling_update
        is None
    )


@pytest.mark.parametrize("key", ["parallelism", "backoffLimit", "ttlSecondsAfterFinished"])
def test_number_that_exceeds_32_bits(key: str) -> None:
    assert problem(deploymentMode="job", job={key: 2**31}).startswith(
        f"job.{key}: must be less than or equal to "
    )


def test_base_of_disabled_custom_runtimes_does_not_matter() -> None:
    config = runtime(baseConfig="gone")
    config["customRuntimes"]["enabled"] = False
    assert load(**config).custom_runtimes.active == {}


@pytest.mark.parametrize("tag", ["", "4.0.0", "_x", f"4.0.0@sha256:{'a' * 64}"])
def test_image_tag(tag: str) -> None:
    assert load(image={"tag": tag}).image.tag == tag


@pytest.mark.parametrize("tag", ["-x", ".x", "a:b", "a b", "@sha256:1", "x" * 129])
def test_invalid_image_tag(tag: str) -> None:
    assert problem(image={"tag": tag}).startswith(
        "image.tag: must be a tag, with or without a digest, or empty"
    )


def runtime(**spec: Any) -> dict[str, Any]:
    made = {"baseConfig": "qemu", "runtimeClass": CLASS, **spec}
    return {"customRuntimes": {"enabled": True, "runtimes": {"mine": made}}}


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"containerd": {"userDropIn": "[broken"}}, "containerd.userDropIn"),
        ({"shims": {"qemu": {"dropIn": "[broken"}}}, "shims.qemu.dropIn"),
        (runtime(dropIn="[broken"), "customRuntimes.runtimes.mine.dropIn"),
    ],
)
def test_invalid_toml_is_refused_without_showing_it(config: dict[str, Any], key: str) -> None:
    line = problem(**config)
    assert line.startswith(
        f"{key}: must be TOML: Expected ']' at the end of a table declaration (at end of document)"
    )
    assert "[broken" not in line


@pytest.mark.parametrize(
    "text", ["a = 1\na = 2", "a = " + "[" * 100_000, "a = 1" + "0" * 5_000, "a: 1", "{{ x }}", "\0"]
)
def test_more_invalid_toml(text: str) -> None:
    assert problem(containerd={"userDropIn": text}).startswith(
        "containerd.userDropIn: must be TOML"
    )


@pytest.mark.parametrize(
    "text", ["", " \n", "# nothing\n", "[plugins.'io.containerd.cri.v1.runtime']\nx = true\n"]
)
def test_toml(text: str) -> None:
    assert load(containerd={"userDropIn": text}).containerd.user_drop_in == text


@pytest.mark.parametrize(
    ("base", "hint"),
    [
        ("cloud-hypervisor", "; allowed: clh, clh-azure, "),
        ("qemu-nvidia-gpus", "; did you mean qemu-nvidia-gpu"),
        ("disableAll", "; allowed: clh, clh-azure, "),
        ("openvmm-azure-runtime-rs", ""),
    ],
)
def test_custom_runtime_with_an_unknown_base(base: str, hint: str) -> None:
    line = problem(**runtime(baseConfig=base))
    assert line.startswith(
        f"customRuntimes.runtimes.mine.baseConfig: '{base}' is not a shim of 4.0.0{hint}"
    )


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            "handler: kata-x",
            "handler: 'a:b'",
            "its handler must be at most 63 lower-case letters, digits and hyphens",
        ),
        ("handler: kata-x", 'handler: "a\\nb"', "its handler must be at most 63"),
        ("handler: kata-x", "handler: kata.x", "its handler must be at most 63"),
        ("handler: kata-x", f"handler: {'x' * 64}", "its handler must be at most 63"),
        ("name: kata-x", "name: Kata_X", "its metadata.name must be a name of lower-case letters"),
        (
            "name: kata-x",
            "name: kata-x, labels: {a: true}",
            "its metadata.labels.a must be a valid string, got True; write it in quotes",
        ),
        (
            "handler: kata-x",
            "handler: a\noverhead: {podFixed: {cpu: lots}}",
            "its overhead.podFixed.cpu must be a quant",
        ),
        (
            "handler: kata-x",
            "handler: a\nscheduling: {nodeSelector: {a b: c}}",
            "its scheduling.nodeSelector.a b must",
        ),
        (
            "handler: kata-x",
            "handler: a\nscheduling: {tolerations: [{}]}",
            "its scheduling.tolerations[0] must have a",
        ),
    ],
)
def test_invalid_runtime_class(old: str, new: str, what: str) -> None:
    line = problem(**runtime(runtimeClass=CLASS.replace(old, new)))
    assert line.startswith(
        f"customRuntimes.runtimes.mine.runtimeClass: must be a valid RuntimeClass: {what}"
    )


def test_custom_runtime_that_takes_the_drop_in_of_a_shim() -> None:
    named = runtime(runtimeClass=CLASS.replace("handler: kata-x", "handler: qemu"), dropIn="a = 1")
    assert "'qemu' is already used by a shim; use another name" in problem(**named)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"resources": {"limits": {"cpu": "lots"}}},
            "resources.limits.cpu: must be a quantity such as 250m or 320Mi",
        ),
        (
            {"resources": {"limit": {}}},
            "resources.limit: must be 'limits' or 'requests', got 'limit'; did you mean",
        ),
        ({"resources": {"limits": {"cpu": -1}}}, "resources.limits.cpu: must be a quantity"),
        ({"resources": {"limits": {"cpu": True}}}, "resources.limits.cpu: must be a quantity"),
        (
            {"resources": {"limits": {"memory": "8Mi"}}},
            "resources: must not request more memory (16Mi) than the limit",
        ),
        (
            {"monitor": {"resources": {"limits": {"memory": "1ki"}}}},
            "monitor.resources.limits.memory: must be a qu",
        ),
        ({"monitor": {"logLevel": "verbose"}}, "monitor.logLevel: must be "),
        (
            {"shims": {"qemu": {"runtimeClass": {"overhead": {"cpu": "1 core"}}}}},
            "shims.qemu.runtimeClass.over",
        ),
        (
            {"shims": {"qemu": {"agent": {"noProxy": "a, b"}}}},
            "shims.qemu.agent.noProxy: must be text without spaces",
        ),
        (
            {"shims": {"qemu": {"containerd": {"snapshotter": "a,b"}}}},
            "shims.qemu.containerd.snapshotter: must",
        ),
        (
            {"shims": {"qemu": {"allowedHypervisorAnnotations": ["a b"]}}},
            "shims.qemu.allowedHypervisorAnnotations[0]: ",
        ),
        ({"startupTaints": ["a:NoRun"]}, "startupTaints[0]: must be `key` or `key:effect`"),
        (
            {"priorityClassName": "Very High"},
            "priorityClassName: must be a name of lower-case letters",
        ),
        ({"podLabels": {f"a/{'b' * 64}": "c"}}, f"podLabels.a/{'b' * 64}: must be a label key"),
        ({"podLabels": {"a..b/c": "d"}}, "podLabels.a..b/c: must be a label key"),
        (
            {"env": {"installationPrefix": "/a/../b"}},
            "env.installationPrefix: must be an absolute path without `..`",
        ),
        (
            {"containerd": {"configDir": "/a:b"}},
            "containerd.configDir: must be an absolute path without `..`",
        ),
        (
            {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}},
            f"affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms: is empty, which selects no node "
            f"at all",
        ),
        (
            {
                "verification": {
                    "pod": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}"
                }
            },
            "verification.pod: must be a valid Pod: its spec.containers ",
        ),
    ],
)
def test_value_that_could_not_work(config: dict[str, Any], line: str) -> None:
    assert problem(**config).startswith(line)


@pytest.mark.parametrize("amount", [1, 0.5, "250m", "1.5Gi", "1e3", ".5", "1."])
def test_amounts_are_passed_on_as_they_were_written(amount: object) -> None:
    wanted = {"limits": {"cpu": amount, "nvidia.com/gpu": 1}}
    assert load(monitor={"resources": wanted}).monitor.resources["limits"] == {
        "memory": "300Mi",
        **wanted["limits"],
    }


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        (
            {"key": "cpus", "operator": "Gt", "values": ["many"]},
            "Gt and Lt need one whole number in `values`",
        ),
        (
            {"key": "cpus", "operator": "Lt", "values": ["1", "2"]},
            "Gt and Lt need one whole number in `values`",
        ),
    ],
)
def test_comparison_without_a_number(expression: dict[str, Any], what: str) -> None:
    term = {"matchExpressions": [expression]}
    assert what in problem(affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}})


def test_kubeadm_is_plain_kubernetes() -> None:
    assert load(k8sDistribution="kubeadm").k8s_distribution == "kubeadm"
    assert problem(k8sDistribution="k8").startswith(
        "k8sDistribution: must be 'k8s', 'kubeadm', 'k3s', 'rke2', 'k0s' or"
    )


@pytest.mark.parametrize(
    ("asked", "limit", "fits"),
    [
        ("1", "1000m", True),
        ("1001m", "1", False),
        ("1Gi", "1G", False),
        ("1e3", "1k", True),
        ("2", 1, False),
    ],
)
def test_a_request_may_be_as_high_as_its_limit(asked: object, limit: object, fits: bool) -> None:
    resources = {"requests": {"example.com/a": asked}, "limits": {"example.com/a": limit}}
    if fits:
        assert load(resources=resources).resources["limits"] == resources["limits"]
    else:
        assert problem(resources=resources).startswith(
            "resources: must not request more example.com/a ("
        )
