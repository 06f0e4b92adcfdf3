"""`KataDeploy` in other programs, beside other resources, without configuration of its own."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from kata_components.components.kata_deploy import KataDeploy
from kata_components.components.kata_deploy_args import KataDeployArgs
from kata_components.settings.load import load_settings
from tests.program.conftest import Running

SETTINGS: dict[str, Any] = {
    "kataVersion": "4.2.0",
    "deploymentMode": "job",
    "shims": {"disableAll": True, "qemu": {"enabled": True}},
    "defaultShim": {"amd64": "qemu"},
}
ON_PROD = {**SETTINGS, "cluster": {"context": "prod", "kubeconfig": "prod.yaml"}}
KUBECONFIG = "apiVersion: v1\nkind: Config\ncurrent-context: new\n"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""How the engine is told that a value is a secret."""
DYNAMIC = ("preflight", "installation", "rollout")


@pytest.mark.parametrize("args", [ON_PROD, load_settings(ON_PROD), KataDeployArgs(ON_PROD)])
def test_settings_name_the_cluster_for_the_program_and_for_its_destroy(
    running: Running, args: Any
) -> None:
    run = running(lambda: KataDeploy("kata", args))
    assert run.resources["kata-cluster"].inputs["context"] == "prod"
    assert run.resources["kata-cluster"].inputs["kubeconfig"] == "prod.yaml"
    for name in DYNAMIC:
        inputs = run.resources[f"kata-{name}"].inputs
        assert inputs["context"] == "prod"
        assert inputs["kubeconfig"] == {**SECRET, "value": "prod.yaml"}


def test_settings_may_come_from_a_values_file(running: Running, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("job:\n  parallelism: 7\n")
    run = running(lambda: KataDeploy("kata", {**ON_PROD, "valuesFile": str(values)}))
    assert run.resources["kata-rollout"].inputs["parallelism"] == 7


def test_a_kubeconfig_that_another_resource_makes_is_a_secret_of_the_state(
    running: Running,
) -> None:
    made = pulumi.Output.from_input(KUBECONFIG)
    run = running(lambda: KataDeploy("kata", KataDeployArgs(SETTINGS, kubeconfig=made)))
    assert run.resources["kata-cluster"].inputs["kubeconfig"] == KUBECONFIG
    for name in DYNAMIC:
        inputs = run.resources[f"kata-{name}"].inputs
        assert inputs["kubeconfig"] == {**SECRET, "value": KUBECONFIG}
        assert "context" not in inputs


def test_one_program_may_have_several(running: Running) -> None:
    def two() -> None:
        KataDeploy("a", {**ON_PROD, "cluster": {"context": "a"}})
        KataDeploy("b", {**ON_PROD, "cluster": {"context": "b"}})

    resources = running(two).resources
    assert {resources[f"{name}-cluster"].inputs["context"] for name in "ab"} == {"a", "b"}
    assert {name.partition("-")[0] for name in resources} == {"a", "b"}


def test_a_component_of_the_program_may_contain_one(running: Running) -> None:
    class Platform(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("acme:index:Platform", "platform")
            KataDeploy("kata", ON_PROD, pulumi.ResourceOptions(parent=self))

    for name in DYNAMIC:
        resource = running(Platform).resources[f"kata-{name}"]
        assert resource.inputs["urn"] == resource.urn
        assert "::acme:index:Platform$kata:index:KataDeploy$" in resource.urn


def test_nothing_is_looked_at_before_what_it_depends_on(running: Running) -> None:
    def beside_node_pool() -> None:
        pool = pulumi.CustomResource("acme:index:NodePool", "pool")
        KataDeploy("kata", ON_PROD, pulumi.ResourceOptions(depends_on=[pool]))

    assert "pool" in running(beside_node_pool).resources["kata-preflight"].depends_on


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (SETTINGS, "cluster.context: is required"),
        (
            KataDeployArgs(ON_PROD, kubeconfig=KUBECONFIG),
            "cluster.kubeconfig: remove it: the program passes a kubeconfig already",
        ),
        ({**ON_PROD, "job": {"paralelism": 5}}, "job.paralelism: no such key at 4.2.0"),
    ],
)
def test_problems_are_told_without_a_traceback(running: Running, args: Any, says: str) -> None:
    with pytest.raises(pulumi.RunError, match=says):
        running(lambda: KataDeploy("kata", args))


def test_a_provider_that_would_be_ignored_is_refused(running: Running) -> None:
    def with_provider() -> None:
        provider = pulumi.ProviderResource("kubernetes", "mine", {})
        KataDeploy("kata", ON_PROD, pulumi.ResourceOptions(provider=provider))

    with pytest.raises(pulumi.RunError, match="KataDeploy makes a Kubernetes provider of its own"):
        running(with_provider)
