"""The double of upstream's dispatcher: its command line is the contract's, and what it does not know ends it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.settings.load import load_settings
from sandbox.dispatcher.__main__ import job_name, sanitised
from sandbox.dispatcher.arguments import parse
from sandbox.helper import Helper
from tests.sandbox.waiting import until

NEEDED = ["--job-template=t.yaml", "--name-prefix=p"]


@pytest.mark.parametrize("build", [install_dispatcher_job, cleanup_dispatcher_job])
def test_command_lines_of_the_chart_are_understood(build: object) -> None:
    config = {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": "job"}
    manifest = build(load_settings(config))  # type: ignore[operator] # one of the two builders
    told = parse(manifest["spec"]["template"]["spec"]["containers"][0]["command"][1:])
    assert told.parallelism == 100
    assert told.owner_job_name == manifest["metadata"]["name"]
    assert told.node_selector


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([*NEEDED, "--node-label=true"], "unrecognized arguments: --node-label=true"),
        ([*NEEDED, "--parallel=3"], "unrecognized arguments: --parallel=3"),
        ([*NEEDED, "--parallelism=many"], "argument --parallelism: invalid int value"),
        ([*NEEDED, "--node-selector=a", "--node-selector=b"], "--node-selector cannot be used multiple times"),
        (NEEDED[:1], "the following arguments are required: --name-prefix"),
        ([*NEEDED, "worker-1"], "unrecognized arguments: worker-1"),
    ],
)
def test_what_the_program_does_not_know_ends_it(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_named_nodes_are_sorted_and_taken_once() -> None:
    assert parse([*NEEDED, "--nodes= b,a,,b "]).nodes == ("a", "b")


def test_names_of_jobs() -> None:
    assert job_name("kata-deploy-install", "Worker.0") == "kata-deploy-install-worker-0"
    names = {job_name("kata-deploy-install", "n" * 60 + last) for last in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {63}
    assert sanitised("--a_b/c--") == "a-b-c"


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Helper]:
    """A process that runs until it is stopped; the module that it runs reports its start and end."""
    (tmp_path / "patient.py").write_text(
        "import pathlib, signal, sys\n"
        "def end(*_): sys.exit(pathlib.Path(sys.argv[1], 'ended').touch())\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "with open(pathlib.Path(sys.argv[1], 'started'), 'a') as file: print('x', file=file)\n"
        "while True: signal.pause()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Helper("patient", tmp_path, tmp_path)
    yield made
    made.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="needs ps and a POSIX shell")
def test_helper_runs_once_until_it_is_stopped(helper: Helper, tmp_path: Path) -> None:
    helper.start()
    until((tmp_path / "started").exists)
    helper.start()
    helper.stop()
    assert (tmp_path / "ended").exists()
    assert (tmp_path / "started").read_text().split() == ["x"]


def test_helper_whose_id_names_another_process_now_counts_as_ended(helper: Helper, tmp_path: Path) -> None:
    (tmp_path / "patient.pid").write_text("1")
    helper.stop()
    assert not (tmp_path / "patient.pid").exists()
