"""The rules of the policy pack, on the inputs that stacks of this project give their rollouts."""

from typing import Any

import pytest
import yaml

import rollout_rules as rules
from kata_components.components.inputs import rollout_inputs
from kata_components.settings.load import load_settings
from tests.docs.markdown import CHECKOUT, TEXTS

DIGEST = f"registry.example.com/kata-deploy@sha256:{'0' * 64}"


def rollout(nodes: int | None = 100, **keys: Any) -> dict[str, Any]:
    """Return the inputs of a rollout to so many nodes, as the engine passes them to policies."""
    config = {"kataVersion": "4.2.0", "deploymentMode": "job", "cluster": {"context": "c"}, **keys}
    inputs = rollout_inputs(load_settings(config)).props()
    plan = None if nodes is None else yaml.safe_dump({"selected": nodes, "pending": nodes})
    return {**inputs, "plan": plan, "parallelism": float(inputs["parallelism"])}


def stack_rollout(stack: str, nodes: int) -> dict[str, Any]:
    text = (CHECKOUT / "stacks" / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)["config"]
    return rollout(nodes, **{key.removeprefix("kata-deploy:"): config[key] for key in config})


@pytest.mark.parametrize(
    ("stack", "covered"),
    [("production", True), ("prod-eu", True), ("eu-prod", True), ("staging", False)],
)
def test_stacks_are_found_by_their_name(stack: str, covered: bool) -> None:
    urn = f"urn:pulumi:{stack}::kata-deploy::kata:index:KataDeploy${rules.ROLLOUT}::prod"
    assert rules.belongs(urn, ["prod*", "*-prod"]) is covered


def test_example_of_a_production_stack_keeps_to_all_rules() -> None:
    inputs = stack_rollout("production", nodes=200)
    found = [
        *rules.canary_first(inputs),
        *rules.bounded(inputs, parallelism=10, failures=2),
        *rules.by_digest(inputs),
    ]
    assert found == []


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"waves": ["canary", "100%"]}, None),
        ({"waves": [5, "100%"]}, "rollout.waves begins with 5. Begin it with canary."),
        ({"waves": []}, "rollout.waves begins with all nodes. Begin it with canary."),
        (
            {"runsIn": "cluster"},
            "rollout.runsIn: cluster knows no canaries. Set rollout.runsIn to pulumi.",
        ),
    ],
)
def test_a_rollout_begins_with_canaries(keys: dict[str, Any], problem: str | None) -> None:
    assert list(rules.canary_first(rollout(rollout=keys))) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("nodes", "parallelism", "max_failures", "problems"),
    [
        (100, 10, 2, []),
        (100, 11, 0, ["job.parallelism is 11. At most 10 of the 100 selected nodes"]),
        (5, 1, 0, []),
        (5, 2, 0, ["job.parallelism is 2. At most 1 of the 5 selected nodes"]),
        (100, 1, 3, ["rollout.maxFailures is 3. At most 2 of the 100 selected nodes"]),
        (1000, 100, "2%", []),
        (1000, 1, "3%", ["rollout.maxFailures is 3%. At most 20 of the 1000 selected nodes"]),
        (None, 1000, 1000, []),
        (0, 1000, 1000, []),
    ],
)
def test_limits_are_shares_of_the_nodes_in_the_plan(
    nodes: int | None, parallelism: int, max_failures: int | str, problems: list[str]
) -> None:
    inputs = rollout(nodes, job={"parallelism": parallelism}, rollout={"maxFailures": max_failures})
    found = list(rules.bounded(inputs, parallelism=10.0, failures=2.0))
    assert [problem.split(" may ")[0] for problem in found] == problems


def test_images_without_a_digest_are_named() -> None:
    found = list(rules.by_digest(rollout()))
    assert found == [
        "Nodes would run quay.io/kata-containers/kata-deploy:4.2.0. Add its digest (@sha256:…) to "
        "the reference."
    ]
    assert list(rules.by_digest(rollout(image={"reference": DIGEST}))) == []


def test_violation_is_shown_as_in_the_documents() -> None:
    (problem,) = rules.bounded(rollout(24, rollout={"maxFailures": 0}), parallelism=10, failures=2)
    assert problem in TEXTS["docs/ci.md"]
