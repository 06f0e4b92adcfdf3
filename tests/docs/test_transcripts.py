"""The transcripts in the documents are what the program prints, on nodes of the local cluster."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kata_components import names
from kata_components.errors import RolloutFailedError, SettingsError
from kata_components.kubernetes.nodes import Node
from kata_components.manifests.job_templates import install_job
from kata_components.operations import plan_lines, report
from kata_components.pacing.progress import Failure
from kata_components.planning import node_mark
from kata_components.planning.host_digest import current, host_digests
from kata_components.planning.node_jobs import described
from kata_components.planning.plan import Plan, plan
from kata_components.planning.step import Action
from kata_components.planning.verdict import Rules
from kata_components.settings.load import load_settings, parse_stack_config
from kata_components.settings.settings import Settings
from sandbox import nodes
from tests.docs.markdown import CHECKOUT, README, TEXTS, blocks, in_code, section, tables

BLOCKS = [block for text in TEXTS.values() for block in blocks(text)]
PROBLEMATIC = {
    "kataVersion": "4.0.0",
    "deploymentMode": "job",
    "cluster": {"context": "any"},
    "nodeSelector": {"pool": "kata"},
    "job": {"paralelism": 10},
    "shims": {"qemu-tdxx": {"enabled": True}},
    "rollout": {"waves": ["canary", "50%", "10%"], "maxFailures": "12"},
    "devkit": True,
}


def local_settings() -> Settings:
    stack = yaml.safe_load((CHECKOUT / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    raw = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in stack["config"].items()
    }
    return load_settings(parse_stack_config(raw))


SETTINGS = local_settings()
DIGESTS = host_digests(install_job(SETTINGS))


def worker(number: int, *, installed: bool) -> Node:
    made: dict[str, Any] = nodes.worker(number)
    made["metadata"]["uid"] = f"uid-{number}"
    made["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    if installed:
        machine = made["status"]["nodeInfo"]["machineID"]
        done = node_mark.Mark(
            kata_version=SETTINGS.kata_version,
            digest=current(DIGESTS),
            node_uid=f"uid-{number}",
            machine_id=machine,
            time="then",
        )
        made["metadata"]["annotations"][names.mark_annotation("")] = node_mark.render(done)
        made["metadata"]["labels"][names.RUNTIME_LABEL] = "true"
    return msgspec.convert(made, Node)


def plan_of(workers: int, *, installed: int) -> Plan:
    fleet = [worker(number, installed=number <= installed) for number in range(1, workers + 1)]
    return plan(fleet, [], Rules(suffix="", digests=DIGESTS, waves=SETTINGS.rollout.waves))


def shown(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


@pytest.mark.parametrize(("workers", "installed"), [(24, 0), (26, 24), (24, 24)])
def test_plan_is_shown_as_in_the_documents(workers: int, installed: int) -> None:
    planned = plan_of(workers, installed=installed)
    lines = plan_lines.plan_lines(planned, parallelism=SETTINGS.job.parallelism, full_list=None)
    assert any(shown(lines) in block for block in BLOCKS), (
        f"no document shows a plan like this:\n{shown(lines)}"
    )


def test_annotation_of_the_mark_is_named() -> None:
    assert f"`{names.mark_annotation('')}`" in TEXTS["docs/concepts.md"]


def test_plan_of_a_fresh_cluster_is_in_the_readme() -> None:
    lines = plan_lines.plan_lines(
        plan_of(24, installed=0), parallelism=SETTINGS.job.parallelism, full_list=None
    )
    assert any(shown(lines) in block for block in blocks(README))


def test_counts_of_resources_agree() -> None:
    counts = [
        sum(map(int, re.findall(r"(\d+) (?:to create|to update|created|unchanged)", part)))
        for block in BLOCKS
        for part in block.split("Resources:\n")[1:]
    ]
    assert len(counts) > 1
    assert len(set(counts)) == 1


@pytest.mark.parametrize("heading", ["## Nothing moves", "## A node that is skipped"])
def test_rows_that_are_explained_are_those_of_the_program(heading: str) -> None:
    rows = [row for row, _ in tables(section(TEXTS["docs/troubleshooting.md"], heading))]
    code = "".join(
        path.read_text(encoding="utf-8")
        for top in ("operations", "pacing", "planning", "runners")
        for path in (CHECKOUT / "kata_components" / top).glob("*.py")
    )
    # The cluster's own words follow a colon, or say why a stage cannot start.
    words = [
        word.strip("` ()")
        for row in rows
        for word in re.split(r"…|:.*| (?=create Jobs|ImagePull)|ImagePull.*|\d| for", row)
    ]
    assert [word for word in words if word not in code] == []


def test_actions_are_explained() -> None:
    explained = [
        in_code(action)[0] for action, _ in tables(section(TEXTS["docs/concepts.md"], "## Plan"))
    ]
    assert {*explained, "cleanup"} == set(Action)


def test_every_plan_line_has_the_form_of_the_program() -> None:
    words = re.sub(
        r"[0-9a-f]{12}|\d+", "N", plan_lines.plan_summary(plan_of(24, installed=0), 10)
    ).split(" (")[0]
    pattern = re.escape(words).replace("N", r"\d+").replace(r"\d+,\ \d+", r"\d+(?:,\ \d+)*")
    lines = [line for block in BLOCKS for line in re.findall(r"plan: .+ in waves of .+", block)]
    assert lines
    assert [line for line in lines if not re.match(pattern, line)] == []


def test_failure_is_shown_as_in_the_documents() -> None:
    block = next(block for block in BLOCKS if "error: after hook" in block)
    node, reason = re.findall(r"^ +(worker-\d+): (.+)$", block, re.MULTILINE)[0]
    text = report.failure_text(
        "installed",
        [Failure(node, reason)],
        failed=1,
        remaining=0,
        stop_reason="",
        details=described(SETTINGS.namespace, SETTINGS.env.multi_install_suffix, "install"),
    )
    expected = [
        f'error: after hook "kata-deploy-rollout-outcome" failed: {RolloutFailedError(text)}'
    ]
    assert shown("\n".join(expected).splitlines()) in block


def test_outputs_are_those_of_the_program() -> None:
    block = next(block for block in BLOCKS if "37 created" in block)
    outcome = re.search(r"rollout +: \{\n(.*?)\n +\}", block, re.DOTALL)
    assert outcome
    keys = [line.split(":")[0].strip() for line in outcome[1].splitlines()]
    made = report.Outcome(
        selected=24,
        up_to_date=0,
        installed=24,
        adopted=0,
        relabelled=0,
        cleaned=0,
        failed=0,
        skipped=0,
        remaining=0,
        failed_nodes=(),
        seconds=12.5,
        digest=current(DIGESTS),
    )
    assert keys == sorted(made.output())
    assert f'digest     : "{current(DIGESTS)}"' in block


def test_problems_of_a_values_file_are_shown_as_in_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("values.yaml").write_text("job: {paralelism: 10}", encoding="utf-8")
    config = {
        key: PROBLEMATIC[key]
        for key in ("kataVersion", "deploymentMode", "cluster", "nodeSelector")
    }
    with pytest.raises(SettingsError) as raised:
        load_settings({**config, "valuesFile": "values.yaml"})
    assert any(shown(f"error: {raised.value}".splitlines()) in block for block in BLOCKS), str(
        raised.value
    )


def test_problems_of_a_configuration_are_shown_as_in_the_documents() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(PROBLEMATIC)
    assert any(shown(f"error: {raised.value}".splitlines()) in block for block in BLOCKS), str(
        raised.value
    )
