"""The policy pack with the real engine, which hands it the checked inputs and stops the run."""

import json
from pathlib import Path

import pytest

from tests.e2e.stack import CHECKOUT, NAME, Stack

POLICY = CHECKOUT / "policy"
PYTHON = POLICY / ".venv" / "bin" / "python"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PYTHON.exists(), reason="`make test` makes its environment"),
]


def started_as_by_the_cli(home: Path) -> Path:
    """Return a program that starts the pack as the language host of a released CLI does.

    The language host that the sandbox can build is too old to start policy packs.
    """
    start = home / "policy-pack"
    start.write_text(
        f"#!/bin/sh\ncd '{POLICY}' && exec '{PYTHON}' -u -m pulumi.policy \"$1\" .\n",
        encoding="utf-8",
    )
    start.chmod(0o755)
    return start


def test_a_rollout_against_the_rules_of_production_is_refused(stack: Stack, tmp_path: Path) -> None:
    stack.configure(rollout={"waves": ["canary", "100%"], "maxFailures": 0})
    limits = {"stacks": [NAME], "parallelism": 50}
    config = tmp_path / "policy-config.json"
    config.write_text(json.dumps({"canary-first": limits, "bounded": limits, "by-digest": limits}))
    preview = stack.preview(
        "--policy-pack", str(started_as_by_the_cli(tmp_path)), "--policy-pack-config", str(config)
    )
    assert not preview.ok
    assert "[mandatory]  bounded" in preview.text
    nodes = len(json.loads((stack.reports / "plan.json").read_text())["nodes"])
    assert f"At most {nodes // 2} of the {nodes} selected nodes may be in work" in preview.text
    assert "[mandatory]  by-digest" in preview.text
    assert "canary-first" not in preview.text
