"""`python -m kata_components.report`: the page again, from the data alone."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from kata_components.report import plan_page, plan_record
from kata_components.report.rollout_page import page
from tests.report import plans
from tests.report.builders import fleet, rollout
from tests.report.plans import plan_of


def run(data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kata_components.report", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_is_made_again_beside_the_data(tmp_path: Path) -> None:
    record = rollout(fleet(5))
    data = tmp_path / "rollout.json"
    data.write_bytes(msgspec.json.encode(record))
    done = run(data)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/rollout.html\n")
    assert (tmp_path / "rollout.html").read_text() == page(record)


def test_the_page_of_a_plan_has_the_path_of_its_data(tmp_path: Path) -> None:
    record = plan_of(plans.fleet(5))
    data = tmp_path / "plan.json"
    data.write_text(plan_record.rendered(record))
    done = run(data)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/plan.html\n")
    assert (tmp_path / "plan.html").read_text() == plan_page.page(record, str(data))


@pytest.mark.parametrize("content", ['{"schema": 1}', "{}", "[]", "PK"])
def test_another_file_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    data = tmp_path / "other.json"
    data.write_text(content)
    done = run(data)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{data} is no rollout.json or plan.json: ")
    assert done.stderr.count("\n") == 1
    assert run(tmp_path / "none.json").stderr == (
        f"cannot read {tmp_path}/none.json: No such file or directory\n"
    )
