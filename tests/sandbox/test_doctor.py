"""What the doctor sees: programs on PATH, the cluster's files and ports, variables."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox import shell
from sandbox.__main__ import main
from sandbox.cluster import Cluster
from sandbox.doctor.cluster import cluster_findings
from sandbox.doctor.environment import SET_FOR_THE_CLUSTER, environment_findings
from sandbox.doctor.finding import Finding, Mark
from sandbox.doctor.machine import machine_findings
from sandbox.doctor.programs import Programs, examined
from sandbox.locks import locked
from sandbox.paths import CHECKOUT
from sandbox.tools.builder import lock_of
from sandbox.tools.catalog import TOOLS
from sandbox.tools.tool import Tool
from tests.sandbox.fake_programs import all_tools, printing, program


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with all tools that is PATH, with `ps` beside it; the cache is empty."""
    folder = all_tools(tmp_path / "bin")
    printing(folder / "pulumi-resource-kubernetes", "")
    for name in ("ps", "ss"):
        place = shutil.which(name)
        if place:
            (folder / name).symlink_to(place)
    for name in os.environ:
        if name.startswith(("GO", "KWOK_", "PULUMI_", "KATA_", "PYTHONPATH", "KUBECONFIG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("KATA_SANDBOX_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def examine(cache: Path, size: int = 0) -> Programs:
    def sizes(tools: Sequence[Tool]) -> dict[str, int]:
        return {tool.module: size for tool in tools}

    return examined(cache / "tools", sizes)


def of(findings: Sequence[Finding], subject: str) -> Finding:
    (found,) = (found for found in findings if found.subject == subject)
    return found


def fixes(findings: Sequence[Finding]) -> list[str]:
    return [found.subject for found in findings if found.mark is Mark.FIX]


def created(cache: Path, port: int) -> Path:
    """Leave the files of a cluster whose API server has that port; return kwokctl's folder."""
    home, runtime = cache / "clusters" / "c", cache / "kwok" / "clusters" / "c"
    home.mkdir(parents=True)
    (runtime / "pids").mkdir(parents=True)
    options = f"  etcdBinary: {sys.executable}\n  kubeApiserverPort: {port}\n"
    (home / "kwok.yaml").write_text(f"options:\n{options}", encoding="utf-8")
    return runtime


def test_on_a_machine_with_all_programs_make_up_will_work(
    capsys: pytest.CaptureFixture[str], on_path: Path
) -> None:
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert f"  ok    etcd                        3.6.13, {on_path}/etcd\n" in printed
    assert printed.endswith("`make up` will work. It takes about a minute.\n")


def test_the_doctor_needs_no_packages() -> None:
    command = [sys.executable, "-S", "-m", "sandbox", "doctor"]
    answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_make_up_would_fail_without_ps(capsys: pytest.CaptureFixture[str], on_path: Path) -> None:
    (on_path / "ps").unlink()
    assert main(["doctor"]) == 1
    assert "  fix   ps        is not on PATH: install procps\n" in capsys.readouterr().out


def test_missing_programs_are_named_with_what_they_cost(cache: Path, on_path: Path) -> None:
    (on_path / "kwok").unlink()
    printing(on_path / "kubectl", "Client Version: v1.32.4")
    (on_path / "kube-scheduler").unlink()
    findings, builds, first = examine(cache)
    assert of(findings, "kwok") == (Mark.GET, "kwok", "0.8 is not on PATH: build, 2.5 min")
    assert of(findings, "kube-scheduler").text == "1.36 is not on PATH: build, 8 min"
    assert of(findings, "kubectl").text == (
        f"{on_path}/kubectl is 1.32.4, needed is 1.35 to 1.37: with kube-scheduler"
    )
    assert of(findings, "kwokctl").mark is Mark.OK
    assert builds
    assert "about 11 minutes to build on 2 cores" in first


def test_what_can_be_downloaded_needs_no_go(cache: Path, on_path: Path) -> None:
    (on_path / "etcd").unlink()
    findings, builds, _ = examine(cache, size=20_000_000)
    assert of(findings, "etcd").text == "3.6 is not on PATH: download 20 MB"
    assert not builds
    assert "go" not in {found.subject for found in findings}


def test_a_program_in_the_making_is_waited_for(cache: Path, on_path: Path) -> None:
    (on_path / "etcd").unlink()
    etcd = next(tool for tool in TOOLS if tool.module == "etcd")
    with locked(lock_of(cache / "tools" / etcd.key), on_wait=lambda: None):
        assert "another process is making it" in of(examine(cache).findings, "etcd").text
    assert "build, 1 min" in of(examine(cache).findings, "etcd").text


def test_a_module_proxy_that_refuses_is_in_the_way_of_a_build(cache: Path, on_path: Path) -> None:
    (on_path / "etcd").unlink()
    body = """
        import sys
        if sys.argv[1] == "version":
            print("go version go1.99.0 linux/amd64")
        else:
            sys.exit("go: module lookup disabled by GOPROXY=off")
    """
    program(on_path / "go", body)
    found = of(examine(cache).findings, "go modules")
    assert found.mark is Mark.FIX
    assert found.text.endswith("go: module lookup disabled by GOPROXY=off")


def test_too_little_room_to_build_is_in_the_way(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=3_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert fixes(machine_findings(cache, builds=False)) == []
    assert fixes(machine_findings(cache, builds=True)) == ["disk"]


def test_a_cache_of_another_user_is_in_the_way(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = cache / "clusters" / "c"
    cluster.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, _: path != cluster)
    found = of(machine_findings(cache, builds=False), "cache")
    assert (found.mark, f"chown -R $(id -u) {cluster}" in found.text) == (Mark.FIX, True)


def test_a_port_that_another_program_has_is_in_the_way(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        created(cache, port)
        found = of(cluster_findings(cache, "c"), f"port {port}")
    assert found.mark is Mark.FIX
    assert f"process {os.getpid()}" in found.text or f"lsof -i :{port}" in found.text
    assert fixes(cluster_findings(cache, "c")) == []


def test_a_running_cluster_has_its_own_port(cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        runtime = created(cache, port)
        # Its command line names the cluster's folder, as that of an API server does.
        command = [sys.executable, "-c", "input()", str(runtime)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            (runtime / "pids" / "kube-apiserver.pid").write_text(str(process.pid))
            findings = cluster_findings(cache, "c")
            process.communicate()
    assert findings == [(Mark.OK, "state", f"running, API server on port {port}")]


def test_a_cluster_whose_programs_are_gone_has_to_be_made_again(cache: Path) -> None:
    created(cache, 1)
    config = cache / "clusters" / "c" / "kwok.yaml"
    config.write_text("options:\n  etcdBinary: /gone/etcd\n", encoding="utf-8")
    assert of(cluster_findings(cache, "c"), "etcd").text == (
        "/gone/etcd is gone: start over with `make clean` and `make up`"
    )


@pytest.mark.parametrize(
    ("alive", "advice"), [(False, "pulumi cancel --stack local"), (True, "wait for it")]
)
def test_a_lock_of_the_stack_is_in_the_way(cache: Path, alive: bool, advice: str) -> None:
    lock = cache / "state" / "c" / ".pulumi" / "locks" / "organization" / "p" / "local" / "l.json"
    lock.parent.mkdir(parents=True)
    pid = os.getpid() if alive else 2**22 + 1
    content = {"pid": pid, "username": "me", "hostname": socket.gethostname()}
    lock.write_text(json.dumps(content), encoding="utf-8")
    found = of(cluster_findings(cache, "c"), "stack lock")
    assert (found.mark, advice in found.text) == (Mark.FIX, True)


def test_variables_that_reach_the_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_K8S_CLIENT_QPS", "KWOK_RUNTIME", "PULUMI_HOME", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "1")
    notes = [(found.subject, found.text.split(":")[0]) for found in environment_findings(False)]
    assert notes == [
        ("KWOK_RUNTIME", "is read by kwokctl"),
        ("PULUMI_K8S_CLIENT_QPS", "is read by Pulumi's Kubernetes provider"),
    ]


def test_variables_of_go_are_in_the_way_of_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOS", "windows")
    monkeypatch.setenv("GOPROXY", "https://proxy.example")
    assert fixes(environment_findings(builds=True)) == ["GOOS"]
    assert environment_findings(builds=False) == []


def test_the_doctor_knows_the_variables_that_make_up_sets(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "ensure_tools", lambda: cache / "tools")
    assert shell.environment(Cluster("c", cache), cache).keys() == SET_FOR_THE_CLUSTER
