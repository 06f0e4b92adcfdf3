"""The double of upstream's dispatcher: it accepts the command line of the contract, no other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata_components import names
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.settings.load import load_settings
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from sandbox.dispatcher.arguments import Arguments, parse
from sandbox.dispatcher.node_jobs import job_name, long_job_name, sanitised
from sandbox.dispatcher.releases import program_of
from sandbox.errors import SandboxError
from sandbox.helper import Helper
from tests.sandbox.waiting import until

NEEDED = ["--job-template=t.yaml", "--name-prefix=p"]
OF_4_0 = "kata-deploy-job-dispatcher:4.0.0"
OF_4_1 = "kata-deploy-job-dispatcher:4.1.0"
OF_4_2 = "k8s-job-dispatcher:0.3.0"
LABELLING = ["--node-label-key=k", "--node-label=true"]


def commanded(build: object, version: str, **config: object) -> Arguments:
    """Return what the chart's command line tells the chart's program."""
    config |= {"kataVersion": version, "cluster": {"context": "c"}, "deploymentMode": "job"}
    settings = load_settings(config | {"rollout": {"runsIn": "cluster"}})
    manifest = build(settings)  # type: ignore[operator] # a builder
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    return parse(container["command"][1:], program_of(container))


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize(
    ("build", "stage"), [(install_dispatcher_job, "install"), (cleanup_dispatcher_job, "cleanup")]
)
def test_command_lines_of_the_chart_are_understood(build: object, stage: str, version: str) -> None:
    arguments = commanded(build, version)
    assert arguments.parallelism == 100
    assert arguments.owner_job_name == f"kata-deploy-{stage}-dispatcher"
    by_affinity = load_profile(version).traits.token_free_jobs
    assert bool(arguments.node_selector) is not (stage == "install" and by_affinity)


def test_flags_for_the_work_on_nodes_are_understood_from_4_1_0_on() -> None:
    config = {
        "startupTaints": ["a:NoSchedule"],
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "env": {"multiInstallSuffix": "dev"},
    }
    install, cleanup = (
        commanded(build, "4.1.0", **config)
        for build in (install_dispatcher_job, cleanup_dispatcher_job)
    )
    assert (install.node_label, install.claim_node_pending, install.wait_node_ready_secs) == (
        "true",
        True,
        300,
    )
    assert (install.wait_for_nodes_secs, install.node_settle_secs) == (120, 15)
    assert "kata-qemu-dev" in install.require_node_handlers
    assert install.remove_node_taints == ("a:NoSchedule",)
    assert (cleanup.remove_node_label, cleanup.ignore_node_taints, cleanup.node_label) == (
        True,
        True,
        None,
    )
    assert (install.multi_install_suffix, cleanup.multi_install_suffix) == ("dev", "dev")


def test_several_selectors_are_understood_from_4_1_0_on() -> None:
    assert parse([*NEEDED, "--node-selector=a", "--node-selector=b"], OF_4_1).node_selector == (
        "a",
        "b",
    )


@pytest.mark.parametrize(
    ("program", "words", "complaint"),
    [
        (OF_4_0, [*NEEDED, "--node-label=true"], "unrecognized arguments: --node-label=true"),
        (OF_4_0, [*NEEDED, "--parallel=3"], "unrecognized arguments: --parallel=3"),
        (OF_4_0, [*NEEDED, "--parallelism=many"], "argument --parallelism: invalid int value"),
        (
            OF_4_0,
            [*NEEDED, "--node-selector=a", "--node-selector=b"],
            "--node-selector cannot be used multiple times",
        ),
        (OF_4_0, NEEDED[:1], "the following arguments are required: --name-prefix"),
        (OF_4_0, [*NEEDED, "worker-1"], "unrecognized arguments: worker-1"),
        (OF_4_1, [*NEEDED, "--node-label-key=k"], "unrecognized arguments: --node-label-key=k"),
        (OF_4_2, [*NEEDED, "--node-label=true"], "--node-label requires --node-label-key"),
        (OF_4_2, [*NEEDED, "--node-label-key=k"], "--node-label-key requires --claim-node-pending"),
        (OF_4_2, [*NEEDED, "--cleanup-job-template=c"], "requires --node-label-key"),
        (OF_4_2, [*NEEDED, "--multi-install-suffix=a"], "requires --instance-label-prefix"),
        (OF_4_2, [*NEEDED, "--skip-satisfied-nodes"], "requires --node-label"),
        (OF_4_2, [*NEEDED, "--yield-to-live-run"], "--yield-to-live-run requires --owner-job-f"),
        (
            OF_4_2,
            [*NEEDED, "--owner-job-name=j", "--owner-job-from-pod=p"],
            "--owner-job-name cannot be used with --owner-job-from-pod",
        ),
        (OF_4_1, [*NEEDED, "--claim-node-pending=true"], "ignored explicit argument 'true'"),
        (
            OF_4_1,
            [*NEEDED, *["--claim-node-pending"] * 2],
            "--claim-node-pending cannot be used multiple times",
        ),
        (
            OF_4_1,
            [*NEEDED, "--remove-node-taints=a"],
            "--remove-node-taints requires --node-label",
        ),
        (
            OF_4_1,
            [*NEEDED, "--wait-node-ready-secs=soon"],
            "--wait-node-ready-secs: invalid int value",
        ),
    ],
)
def test_what_the_program_would_refuse_is_refused(
    program: str, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words, program)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "program", ["k8s-job-dispatcher:4.2.0", "kata-deploy-job-dispatcher:4.2.0", "sh:1"]
)
def test_program_that_no_image_has_does_not_start(program: str) -> None:
    with pytest.raises(SandboxError, match=f"there is no {program}"):
        parse(NEEDED, program)


def test_generic_program_knows_nothing_of_kata() -> None:
    bare, told = parse(NEEDED, OF_4_2), parse([*NEEDED, *LABELLING], OF_4_2)
    assert bare.tracking_label_prefix == "k8s-job-dispatcher"
    assert (told.node_label_key, told.instance_label_prefix) == ("k", "")
    assert not bare.require_node_machine_id
    assert parse(NEEDED, OF_4_1).require_node_machine_id


def test_named_nodes_are_sorted_and_unique() -> None:
    assert parse([*NEEDED, "--nodes= b,a,,b "], OF_4_0).nodes == ("a", "b")


def test_names_of_jobs() -> None:
    assert job_name("kata-deploy-install", "Worker.0") == "kata-deploy-install-worker-0"
    made = {job_name("kata-deploy-install", "n" * 60 + last) for last in "ab"}
    assert len(made) == 2
    assert {len(name) for name in made} == {63}
    assert sanitised("--a_b/c--") == "a-b-c"


@pytest.mark.parametrize("node", ["worker-1", "Worker.0", "n" * 60])
def test_names_of_jobs_from_4_1_0_on(node: str) -> None:
    assert long_job_name("kata-deploy-install", node) == names.job_name("kata-deploy-install", node)


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Helper]:
    """A process that runs until it is stopped and reports its start and end."""
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


def test_helper_whose_id_now_belongs_to_another_process_counts_as_ended(
    helper: Helper, tmp_path: Path
) -> None:
    (tmp_path / "patient.pid").write_text("1")
    helper.stop()
    assert not (tmp_path / "patient.pid").exists()
