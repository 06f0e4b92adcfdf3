"""A Helm values file under the stack's configuration: layers, and problems that name the file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config
from kata_components.settings.profile import OWN_KEYS, load_profile
from kata_components.settings.settings import Settings
from tests.manifests import chart

MINIMAL = {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": "job"}


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str, **config: Any) -> Settings:
    Path("values.yaml").write_text(text, encoding="utf-8")
    return load_settings({**MINIMAL, "valuesFile": "values.yaml", **config})


def problems(text: str, **config: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(text, **config)
    return caught.value.problems


def test_the_file_comes_between_the_defaults_and_the_stack() -> None:
    settings = load(
        "job: {parallelism: 7, backoffLimit: 1, nodes: [a, b]}\nimage: {tag: file}",
        job={"parallelism": 9, "nodes": ["c"]},
    )
    assert settings.job.parallelism == 9
    assert settings.job.backoff_limit == 1
    assert settings.job.nodes == ("c",)
    assert settings.job.ttl_seconds_after_finished == 600
    assert (settings.image.tag, settings.image.reference) == (
        "file",
        "quay.io/kata-containers/kata-deploy",
    )


def test_maps_inside_lists_and_free_maps_merge_as_in_helm() -> None:
    affinity = {"podAffinity": {"b": 2}}
    settings = load(
        "affinity: {podAntiAffinity: {a: 1}, podAffinity: {b: 1}}\ntolerations: [{key: x}, {key: "
        "y}]",
        deploymentMode="daemonset", affinity=affinity, tolerations=[{"operator": "Exists"}],
    )  # fmt: skip
    assert (settings.affinity.pod_anti_affinity, settings.affinity.pod_affinity) == (
        {"a": 1},
        {"b": 2},
    )
    assert [t.operator for t in settings.tolerations] == ["Exists"]


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        ("resources: null", {}, {}),
        ("resources: {requests: null}", {}, {}),
        ("resources: {limits: {cpu: 1}}", {"resources": None}, {}),
        # Null in the file and a map in the stack: the map merges with the defaults, as with two
        # `-f` files in Helm.
        (
            "resources: null",
            {"resources": {"requests": {"cpu": "1"}}},
            {"requests": {"cpu": "1", "memory": "16Mi"}},
        ),
    ],
)
def test_null_removes_what_lies_beneath(
    text: str, config: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert load(text, deploymentMode="daemonset", **config).resources == expected


def test_mode_of_the_file_counts() -> None:
    Path("values.yaml").write_text("deploymentMode: job", encoding="utf-8")
    config = {key: value for key, value in MINIMAL.items() if key != "deploymentMode"}
    assert load_settings({**config, "valuesFile": "values.yaml"}).deployment_mode == "job"


def test_text_that_other_yaml_parsers_read_as_dates_stays_text() -> None:
    settings = load(
        "image: {tag: 2024-01-01}\npodAnnotations: {window: 22:30}", deploymentMode="daemonset"
    )
    assert settings.image.tag == "2024-01-01"
    assert settings.pod_annotations == {"window": "22:30"}


def test_anchors_and_merge_keys_are_understood() -> None:
    text = "shims: {qemu: &a {agent: &b {noProxy: x}}, clh: {<<: *a, agent: {<<: *b, noProxy: y}}}"
    shims = load(text).shims.enabled
    assert (shims["qemu"].agent.no_proxy, shims["clh"].agent.no_proxy) == ("x", "y")


def test_empty_file_changes_nothing() -> None:
    assert load("# nothing\n") == load("{}")


def test_absolute_path_works_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v.yaml").write_text("debug: true", encoding="utf-8")
    monkeypatch.chdir("/")
    assert load_settings({**MINIMAL, "valuesFile": str(tmp_path / "v.yaml")}).debug


def test_problems_of_the_file_name_it_and_those_of_the_stack_do_not() -> None:
    text = "job: {paralelism: 5, backoffLimit: -1}\ndebugg: 1"
    assert problems(text, job={"nodess": [], "backoffLimit": -2}) == (
        "debugg: no such key at 4.0.0; did you mean debug? (in values.yaml)",
        "job.backoffLimit: must be greater than or equal to 0, got -2",
        "job.nodess: no such key at 4.0.0; did you mean nodes?",
        "job.paralelism: no such key at 4.0.0; did you mean parallelism? (in values.yaml)",
    )


def test_a_problem_that_the_stack_corrects_is_not_reported() -> None:
    assert load("job: {parallelism: 0}", job={"parallelism": 5}).job.parallelism == 5


@pytest.mark.parametrize("key", sorted(OWN_KEYS))
def test_keys_of_the_program_belong_in_the_stack(key: str) -> None:
    assert problems(f"{key}: x") == (
        f"{key}: belongs in the stack's configuration; the chart has no such value (in "
        f"values.yaml)",
    )


def test_keys_of_the_program_are_those_the_chart_lacks() -> None:
    chart_file = (
        Path(chart.__file__).parents[2] / "kata_components" / "settings" / "defaults" / "4.0.0.yaml"
    )
    own = (
        load_profile("4.0.0").values.keys()
        - yaml.safe_load(chart_file.read_text(encoding="utf-8"))["values"].keys()
    )
    assert {*own, "kataVersion"} == OWN_KEYS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a", "must contain a map of values, got ['a']"),
        ("just words", "must contain a map of values, got 'just words'"),
        (
            "a: 1\nb: 2\na: 3",
            "is not valid YAML: the key 'a' occurs twice, first in line 1, line 3",
        ),
        (
            "a:\n  b: 1\n  b: 1",
            "is not valid YAML: the key 'b' occurs twice, first in line 2, line 3",
        ),
        ("1: a\n'1': b", "is not valid YAML: the key '1' occurs twice, first in line 1, line 2"),
        ("a: [", "is not valid YAML: expected the node content, but found '<stream end>', line 1"),
        ("a: 1\n---\nb: 1", "has 2 documents; a values file has one"),
        ("a: &a [*a]", "cannot be parsed: Circular reference detected"),
        ("a: .inf", "cannot be parsed: Out of range float values are not JSON compliant"),
        ("a: !!bool x", "cannot be parsed: 'x'"),
        ("a: !!timestamp x", "cannot be parsed: 'NoneType' object has no attribute 'groupdict'"),
        ("a: " + "[" * 5_000, "is nested too deeply"),
        ('a: "\x01"', "cannot be parsed: unacceptable character #x0001"),
    ],
)  # fmt: skip
def test_what_is_not_a_values_file_is_refused_in_one_line(text: str, reason: str) -> None:
    (line,) = problems(text)
    assert line.startswith(f"valuesFile: 'values.yaml' {reason}")
    assert "\n" not in line


def test_a_missing_file_is_named_with_the_folder_it_was_sought_in(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({**MINIMAL, "valuesFile": "no.yaml", "debugg": True})
    assert caught.value.problems == (
        "debugg: no such key at 4.0.0; did you mean debug?",
        f"valuesFile: 'no.yaml' cannot be read: No such file or directory; it is relative to the "
        f"project, {tmp_path}",
    )


@pytest.mark.parametrize("path", [".", "\0", "", "x" * 5_000])
def test_a_path_that_is_not_a_file_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match="valuesFile: "):
        load_settings({**MINIMAL, "valuesFile": path})


def test_bytes_that_are_not_text_are_refused() -> None:
    Path("values.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="codec can't decode byte 0xff"):
        load_settings({**MINIMAL, "valuesFile": "values.yaml"})


def test_layers_may_both_be_as_deep_as_a_file_can_be() -> None:
    inner: dict[str, Any] = {"stack": 1}
    for _ in range(200):
        inner = {"a": inner}
    text = "affinity: {podAffinity: " + "{a: " * 200 + "{file: 1}" + "}" * 201
    found: Any = load(
        text, deploymentMode="daemonset", affinity={"podAffinity": inner}
    ).affinity.pod_affinity
    for _ in range(200):
        found = found["a"]
    assert found == {"file": 1, "stack": 1}


def test_path_that_looks_like_a_number_is_text() -> None:
    assert parse_stack_config({"kata-deploy:valuesFile": "123"}) == {"valuesFile": "123"}


@pytest.mark.skipif(
    not chart.FIXTURES.is_dir(), reason="the renders of the chart are not beside the checkout"
)
@pytest.mark.parametrize("case", [*chart.cases(), *chart.invalid_cases()], ids=str)
def test_values_mean_the_same_from_a_file_as_in_the_stack(case: chart.Case) -> None:
    def outcome(config: dict[str, Any]) -> Settings | list[str]:
        try:
            return load_settings(config).model_copy(update={"values_file": None})
        except SettingsError as error:
            return [line.removesuffix(f" (in {file})") for line in error.problems]

    file = chart.FIXTURES / case.version / f"{case.name}.values.yaml"
    own = {key: value for key, value in case.config.items() if key not in case.values}
    assert outcome({**own, "valuesFile": str(file)}) == outcome(case.config)


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("HelmRelease", "only what is below spec.values in it"),
        (
            "Application",
            "only what is below spec.source.helm.valuesObject or spec.source.helm.values in it",
        ),
        ("HelmChartConfig", "only what is below spec.valuesContent in it"),
        ("DaemonSet", "only the values"),
    ],
)
def test_kubernetes_object_is_distinguished_from_values(kind: str, instead: str) -> None:
    text = (
        f"apiVersion: example.com/v1\nkind: {kind}\n"
        "metadata: {name: kata}\nspec: {values: {debug: true}}\n"
    )
    assert problems(text) == (
        f"valuesFile: 'values.yaml' is a Kubernetes object, '{kind}', not a values file; put "
        f"{instead} into a file",
    )


def test_kubernetes_object_among_others_is_found() -> None:
    source = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n---\n"
    (line,) = problems(source + "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n---\n")
    assert (
        "is a Kubernetes object, 'HelmRelease', not a values file; put only what is below "
        "spec.values" in line
    )


def test_values_of_an_umbrella_chart_are_distinguished_from_unknown_keys() -> None:
    assert problems("kata-as-coco-runtime: {image: {tag: x}}\nother: {a: 1}") == (
        "kata-as-coco-runtime: holds this chart's values as an umbrella chart does; put only what "
        "is below it into a file (in values.yaml)",
        "other: no such key at 4.0.0 (in values.yaml)",
    )


def test_a_key_that_only_holds_an_anchor_is_refused_with_the_alternative() -> None:
    (line,) = problems("x-on: &on {enabled: true}\nshims: {qemu: *on, clh: *on}\n")
    assert line.startswith(
        "x-on: no such key at 4.0.0; remove it: nothing reads it; an anchor can be defined where it"
    )
    assert load("shims: {qemu: &on {enabled: true}, clh: *on}\n").shims.enabled["clh"].enabled


def test_a_key_that_only_the_stack_has_is_not_blamed_on_the_file() -> None:
    Path("values.yaml").write_text("deploymentMode: daemonset", encoding="utf-8")
    config = {key: value for key, value in MINIMAL.items() if key != "deploymentMode"}
    with pytest.raises(SettingsError) as caught:
        load_settings(
            {
                **config,
                "valuesFile": "values.yaml",
                "rollout": {"soakSeconds": 5},
                "job": {"backoffLimit": 1},
            }
        )
    lines = caught.value.problems
    assert lines == (
        "job.backoffLimit: 1 has no effect in daemonset mode; remove it, or set deploymentMode to "
        "job",
        "rollout.soakSeconds: has no effect in daemonset mode; remove it: updateStrategy paces "
        "the DaemonSet",
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("env: {debug: 'true'}", "env.debug: no such key at 4.0.0; use debug"),
        (
            "env: {shims: qemu clh}",
            "env.shims: no such key at 4.0.0; use shims.<name>.enabled, and shims.disableAll",
        ),
        (
            "env: {shims_x86_64: a}",
            "env.shims_x86_64: no such key at 4.0.0; use shims.<name>.enabled, and shims.disable",
        ),
        (
            "env: {createRuntimeClasses: 'true'}",
            "env.createRuntimeClasses: no such key at 4.0.0; use runtimeClasses.ena",
        ),
        (
            "env: {_experimentalSetupSnapshotter: nydus}",
            "env._experimentalSetupSnapshotter: no such key at 4.0.0; use snap",
        ),
        (
            "nfd: {enabled: true}",
            "nfd: no such key at 4.0.0; use node-feature-discovery, as in "
            "node-feature-discovery.en",
        ),
        ("image: {repository: a}", "image.repository: no such key at 4.0.0; use image.reference"),
    ],
)
def test_keys_of_older_charts_are_refused_with_what_to_use(text: str, line: str) -> None:
    (found,) = problems(text)
    assert found.startswith(line)
    assert found.endswith(" (in values.yaml)")
