import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT
from sandbox.tools import builder, catalog, golang, tool
from sandbox.tools.catalog import NODE_TOOLS, PROVIDER, TOOLS
from sandbox.tools.tool import Tool
from sandbox.tools.versions import version_in
from tests.sandbox.fake_programs import printing, program

ETCD = next(tool for tool in TOOLS if tool.module == "etcd")


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go that writes its arguments into the file it is asked to build, and counts its runs."""
    body = f"""
        import sys
        from pathlib import Path
        with Path({str(tmp_path / "runs")!r}).open("a") as runs:
            runs.write("run\\n")
        target = sys.argv[sys.argv.index("-o") + 1]
        Path(target).write_text(" ".join(sys.argv[1:]))
    """
    go = program(tmp_path / "go", body)
    monkeypatch.setattr(builder, "find_go", lambda: go)
    return go


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text(encoding="utf-8").splitlines())


def build_etcd(directory: Path) -> Path:
    return builder.made_once(directory, lambda target: builder.build(ETCD, target))


def test_builds_once_and_then_uses_the_result(tmp_path: Path, fake_go: Path) -> None:
    assert fake_go.exists()
    first = build_etcd(tmp_path / "store" / "etcd")
    second = build_etcd(tmp_path / "store" / "etcd")
    assert first == second
    assert runs(tmp_path) == 1
    assert "-trimpath" in (first / "etcd").read_text(encoding="utf-8")


def test_a_failed_build_reports_what_go_printed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = program(tmp_path / "go", "print('undefined: frobnicate'); raise SystemExit(1)")
    monkeypatch.setattr(builder, "find_go", lambda: go)
    with pytest.raises(
        SandboxError, match=r"building etcd v3\.6\.8 failed.*\n.*undefined: frobnicate"
    ):
        build_etcd(tmp_path / "store" / "etcd")
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".etcd.lock"]


def test_an_interrupted_build_leaves_nothing_that_looks_finished(
    tmp_path: Path, fake_go: Path
) -> None:
    def interrupted(target: Path) -> None:
        builder.build(ETCD, target)
        raise KeyboardInterrupt

    directory = tmp_path / "store" / "etcd"
    with pytest.raises(KeyboardInterrupt):
        builder.made_once(directory, interrupted)
    assert not directory.exists()
    assert (build_etcd(directory) / "etcd").exists()
    assert runs(tmp_path) == 2
    assert fake_go.exists()


def test_processes_that_want_the_same_tool_at_once_build_it_once(tmp_path: Path) -> None:
    script = program(
        tmp_path / "wants",
        f"""
        import sys, time
        from pathlib import Path
        from sandbox.tools.builder import made_once

        def make(target):
            with Path({str(tmp_path / "runs")!r}).open("a") as runs:
                runs.write("run\\n")
            time.sleep(0.3)  # long enough for the others to arrive
            (target / "tool").write_text("whole")

        print((made_once(Path({str(tmp_path / "store" / "tool")!r}), make) / "tool").read_text())
        """,
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    processes = [
        subprocess.Popen(
            [sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0] for process in processes] == ["whole\n"] * 4
    assert runs(tmp_path) == 1


def test_a_change_of_pins_or_flags_is_another_folder_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "MODULES", tmp_path)
    (tmp_path / "etcd").mkdir()
    (tmp_path / "etcd" / "go.mod").write_text("module a", encoding="utf-8")
    (tmp_path / "etcd" / "go.sum").write_text("", encoding="utf-8")
    before = ETCD.key
    (tmp_path / "etcd" / "go.sum").write_text("b", encoding="utf-8")
    after = ETCD.key
    flagged = Tool("etcd", "v3.6.8", 1, ETCD.binaries, {"main.version": "1"}).key
    assert len({before, after, flagged}) == 3


@pytest.mark.parametrize("tool", [*TOOLS, *NODE_TOOLS], ids=lambda tool: tool.module)
def test_the_catalog_names_the_version_that_go_mod_pins(tool: Tool) -> None:
    module = (tool.directory / "go.mod").read_text(encoding="utf-8")
    pinned = [
        line.split()
        for line in module.splitlines()
        if line.split()[1:2] == [tool.version] or tool.version in line
    ]
    packages = [binary.package for binary in tool.binaries]
    assert all(
        any(package.startswith(word) for line in pinned for word in line if "/" in word)
        for package in packages
    )


def test_the_provider_is_the_one_that_the_pinned_sdk_asks_for() -> None:
    assert version("pulumi-kubernetes") == catalog.PROVIDER_VERSION.removeprefix("v")
    assert any(
        flag.endswith(f"={version('pulumi-kubernetes')}+code.4.25")
        for flag in PROVIDER.build_flags[-1].split()
    )
    assert PROVIDER.version in (PROVIDER.directory / "go.mod").read_text(encoding="utf-8")


def test_uses_a_go_on_path_that_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = printing(tmp_path / "go", "go version go1.99.0 linux/amd64")
    monkeypatch.setenv("PATH", str(tmp_path))
    golang.find_go.cache_clear()
    assert golang.find_go() == go
    golang.find_go.cache_clear()


def test_says_what_to_do_if_there_is_no_go_and_no_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printing(tmp_path / "go", "go version go1.12 linux/amd64")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", "raise SystemExit(1)")))
    golang.find_go.cache_clear()
    with pytest.raises(SandboxError, match="Install Go"):
        golang.find_go()


def test_every_pinned_module_can_be_built_by_the_go_that_comes_as_a_wheel() -> None:
    wheel = (CHECKOUT / "requirements" / "go.in").read_text(encoding="utf-8")
    newest = tuple(int(part) for part in version_in(wheel).split("."))
    assert newest >= golang.needed_version()
