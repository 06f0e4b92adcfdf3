import subprocess
from pathlib import Path

import pytest

from sandbox import shell, verbs
from sandbox.__main__ import main
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError


@pytest.fixture(autouse=True)
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATA_SANDBOX_CACHE", str(tmp_path))
    monkeypatch.setattr(shell, "ensure_tools", lambda: tmp_path / "tools")


def test_environment_keeps_to_its_own_folder(tmp_path: Path) -> None:
    variables = shell.environment(Cluster("c", tmp_path), tmp_path)
    own = ("KUBECONFIG", "KWOK_WORKDIR", "PULUMI_HOME", "PULUMI_BACKEND_URL")
    assert all(str(tmp_path) in variables[name] for name in own)


def test_export_lines_survive_a_shell(tmp_path: Path) -> None:
    value = f"{tmp_path}/a b'c$HOME"
    script = f'{shell.export_line("VALUE", value)}; printf %s "$VALUE"'
    assert subprocess.check_output(["sh", "-c", script], text=True) == value


def test_an_error_is_one_message_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cluster", "absent", "status"]) == 1
    error = "error: cluster absent does not exist; `make up` creates it\n"
    assert capsys.readouterr().err == error


def test_ctrl_c_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "ensure_tools", interrupted)
    assert main(["tools"]) == 130
    assert capsys.readouterr().err == "interrupted; the same command goes on from here\n"


def test_an_impossible_number_of_nodes_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["start", "--nodes", "10001"]) == 1
    assert "NODES=10001 is out of range: choose 0 to 9999" in capsys.readouterr().err


def test_seconds_that_are_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["behave", "worker-0001", "--seconds", "soon"])
    assert "invalid seconds value: 'soon'" in capsys.readouterr().err


def test_an_unknown_switch_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no such switch: speed; choose from fail, fail-times"):
        Cluster("c", tmp_path).behave("worker-0001", speed="9")
