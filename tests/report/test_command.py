"""`python -m kata_components.report`: the page again, from the data alone."""

import subprocess
import sys
from pathlib import Path

import msgspec

from kata_components.report.rollout_page import page
from tests.report.builders import fleet, rollout


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


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "plan.json"
    data.write_text('{"schema": 1}')
    done = run(data)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{data} is not a rollout.json: ")
    assert done.stderr.count("\n") == 1
    assert run(tmp_path / "none.json").stderr == (
        f"cannot read {tmp_path}/none.json: No such file or directory\n"
    )
