"""Which programs on PATH are used, and which are left alone."""

from pathlib import Path

import pytest

from sandbox.tools.catalog import TOOLS
from sandbox.tools.finder import find_on_path
from sandbox.tools.stock import stock
from sandbox.tools.tool import Tool
from sandbox.tools.versions import Versions, patches_of, version_in
from tests.sandbox.fake_programs import PRINTED, all_tools, printing, program


def tool(module: str) -> Tool:
    return next(tool for tool in TOOLS if tool.module == module)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with every tool in a version that will do."""
    folder = all_tools(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def missing(tmp_path: Path) -> list[str]:
    return [tool.names for tool in stock(tmp_path / "store")[1]]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("etcd Version: 3.6.8\nGo Version: go1.26.8", "3.6.8"),
        ("Kubernetes v1.36.3", "1.36.3"),
        ('{"clientVersion": {"major": "1", "gitVersion": "v1.36.3"}}', "1.36.3"),
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("no version here", ""),
    ],
)
def test_finds_the_version_in_what_a_tool_prints(printed: str, expected: str) -> None:
    assert version_in(printed) == expected


@pytest.mark.parametrize(
    ("versions", "text", "inside", "outside"),
    [
        (patches_of("v3.6.8"), "3.6", ["3.6.0", "3.6.80"], ["3.5.9", "3.60.1", "3.7.0", ""]),
        (Versions("3.219", "3"), "3.219 or newer", ["3.219.0", "3.300.1"], ["3.99.0", "4.0.0"]),
        (Versions("1.35", "1.37"), "1.35 to 1.37", ["1.35.0", "1.37.9"], ["1.34.9", "1.38.0"]),
    ],
)
def test_versions_that_will_do(
    versions: Versions, text: str, inside: list[str], outside: list[str]
) -> None:
    assert str(versions) == text
    assert [version in versions for version in inside + outside] == [
        *(True for _ in inside),
        *(False for _ in outside),
    ]


def test_with_all_tools_on_path_nothing_is_missing(tmp_path: Path, on_path: Path) -> None:
    places, missing = stock(tmp_path / "store")
    assert missing == []
    assert places == {name: on_path / name for name in PRINTED}


def test_only_what_is_not_on_path_is_missing(tmp_path: Path, on_path: Path) -> None:
    (on_path / "kwok").unlink()
    (on_path / "kube-apiserver").unlink()
    assert missing(tmp_path) == ["kwok", "kube-apiserver"]


def test_a_tool_of_another_version_is_left_alone(tmp_path: Path, on_path: Path) -> None:
    printing(on_path / "etcd", "etcd Version: 3.5.9")
    assert missing(tmp_path) == ["etcd"]


def test_a_tool_that_fails_is_left_alone(tmp_path: Path, on_path: Path) -> None:
    program(on_path / "etcd", "print('etcd Version: 3.6.8'); raise SystemExit(3)")
    assert missing(tmp_path) == ["etcd"]


def test_what_is_in_the_cache_is_not_missing(tmp_path: Path, on_path: Path) -> None:
    (on_path / "kwok").unlink()
    _, (kwok,) = stock(tmp_path / "store")
    built = printing(tmp_path / "store" / kwok.key / "kwok", "")
    places, missing = stock(tmp_path / "store")
    assert missing == []
    assert (places["kwok"], places["kwokctl"]) == (built, on_path / "kwokctl")


def test_a_tool_without_a_version_is_taken_beside_the_companion_in_use(tmp_path: Path) -> None:
    host, pulumi = tool("pulumi-language-python"), tmp_path / "bin" / "pulumi"
    other = printing(tmp_path / "other" / host.names, "")
    assert find_on_path(host, str(other.parent), {"pulumi": pulumi}) == {}
    beside = printing(tmp_path / "opt" / host.names, "")
    pulumi.parent.mkdir()
    pulumi.symlink_to(printing(tmp_path / "opt" / "pulumi", "v3.259.0"))
    assert find_on_path(host, "", {"pulumi": pulumi}) == {host.names: beside}
