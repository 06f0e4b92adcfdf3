"""The scripts that put files of `nodeBinaries` on a node, run by /bin/sh in a scratch directory."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from kata_components.manifests.scripts import script

pytestmark = pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock here")

KILL = """
steps=0
step() { steps=$((steps + 1)); if [ $steps -gt %d ]; then kill -9 $$; fi; command "$@"; }
cp() { step cp "$@"; }; mv() { step mv "$@"; }; rm() { step rm "$@"; }; chmod() { step chmod "$@"; }
"""
"""Kills the shell after so many commands that change files."""
MARKER = ".kata-deploy-node-binaries"


def run(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", text], capture_output=True, text=True, check=False, timeout=10
    )


class Node:
    """A node's directories, with a directory for what one Job stages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.target, self.staged = root / "bin", root / "staged"
        self.target.mkdir()

    def place(
        self, entries: dict[str, dict[str, str]] | None, suffix: str = "", before: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the script on what entries staged; with None, as a cleanup does."""
        shutil.rmtree(self.staged, ignore_errors=True)
        for entry, files in (entries or {}).items():
            (self.staged / entry).mkdir(parents=True)
            for name, content in files.items():
                (self.staged / entry / name).write_text(content, encoding="utf-8")
        return run(
            before
            + script(
                "place_binaries",
                staged="" if entries is None else str(self.staged),
                target=str(self.target),
                marker=str(self.target / f"{MARKER}{suffix}"),
                lock=str(self.root / "lock"),
            )
        )

    @property
    def files(self) -> dict[str, str]:
        """What the directory of the host holds."""
        return {path.name: path.read_text(encoding="utf-8") for path in self.target.iterdir()}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def test_staged_files_become_programs_and_are_listed(node: Node) -> None:
    found = node.place({"erofs": {"mkfs": "m", "fsck": "f"}, "other": {"g++_x.1-2": "g"}})
    assert found.returncode == 0, found.stderr
    assert node.files == {
        "mkfs": "m",
        "fsck": "f",
        "g++_x.1-2": "g",
        MARKER: lines(["fsck", "mkfs", "g++_x.1-2"]),
    }
    assert {(node.target / name).stat().st_mode & 0o777 for name in ("mkfs", "fsck")} == {0o755}


def test_what_the_configuration_no_longer_has_is_removed(node: Node) -> None:
    node.place({"erofs": {"mkfs": "old", "fsck": "f"}})
    found = node.place({"erofs": {"mkfs": "new"}})
    assert found.stdout == "installed /usr/local/bin/mkfs\nremoved /usr/local/bin/fsck\n"
    assert node.files == {"mkfs": "new", MARKER: "mkfs\n"}


def test_a_cleanup_removes_what_is_listed_and_nothing_else(node: Node) -> None:
    (node.target / "theirs").write_text("t", encoding="utf-8")
    node.place({"erofs": {"mkfs": "m"}})
    assert node.place(None).returncode == 0
    assert node.files == {"theirs": "t"}


def test_a_cleanup_of_a_node_without_such_files_writes_nothing(node: Node) -> None:
    # The directory may be read-only there.
    found = node.place(None, before=KILL % 0)
    assert (found.returncode, node.files) == (0, {})


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "nothing was staged"),
        ({"erofs": {}}, "nothing was staged"),
        ({"a": {"mkfs": "1"}, "b": {"mkfs": "2"}}, "two entries of nodeBinaries have mkfs"),
        ({"a": {"mkfs": "1", "theirs": "2"}}, "/usr/local/bin/theirs exists"),
        ({"a": {"mkfs": "1", "dangling": "2"}}, "/usr/local/bin/dangling exists"),
    ],
)
def test_what_is_unclear_is_refused_before_anything_changes(
    node: Node, entries: dict[str, dict[str, str]], reason: str
) -> None:
    (node.target / "theirs").write_text("t", encoding="utf-8")
    (node.target / "dangling").symlink_to("nowhere")
    node.staged.mkdir()
    found = node.place(entries, before=KILL % 0)
    assert found.returncode == 1
    assert reason in found.stderr


@pytest.mark.parametrize("steps", range(14))
@pytest.mark.parametrize(
    ("next_run", "files"),
    [
        ({"e": {"kept": "2", "added": "2"}}, {"kept": "2", "added": "2", MARKER: "added\nkept\n"}),
        (None, {}),
    ],
)
def test_after_a_kill_at_any_step_the_next_run_finds_everything(
    node: Node, steps: int, next_run: dict[str, dict[str, str]] | None, files: dict[str, str]
) -> None:
    (node.target / "theirs").write_text("t", encoding="utf-8")
    node.place({"e": {"kept": "1", "dropped": "1"}})
    killed = node.place({"e": {"kept": "2", "added": "2"}}, before=KILL % steps)
    assert (killed.returncode == 0) == (steps > 8)
    assert node.place(next_run).returncode == 0
    assert node.files == files | {"theirs": "t"}


def test_installations_with_other_suffixes_keep_their_files(node: Node) -> None:
    node.place({"e": {"mkfs": "1"}})
    assert "mkfs exists" in node.place({"e": {"mkfs": "2"}}, suffix="-dev").stderr
    assert node.place({"e": {"fsck": "2"}}, suffix="-dev").returncode == 0
    node.place(None)
    assert node.files == {"fsck": "2", f"{MARKER}-dev": "fsck\n"}


def test_it_waits_for_whoever_else_works_on_the_node(node: Node) -> None:
    with (node.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waited = node.place({"e": {"mkfs": "1"}}, before="flock() { command flock -n 9; }\n")
    assert waited.returncode == 1
    assert node.files == {}


def stage(root: Path, binaries: str) -> subprocess.CompletedProcess[str]:
    return run(
        script(
            "stage_binaries",
            entry="erofs",
            binaries=binaries,
            searched=f"{root}/first {root}/second",
            staged=str(root / "staged"),
        )
    )


def test_the_first_file_found_in_the_image_is_staged(tmp_path: Path) -> None:
    for directory, names in {"first": ["mkfs"], "second": ["mkfs", "fsck"]}.items():
        (tmp_path / directory).mkdir()
        for name in names:
            (tmp_path / directory / name).write_text(directory, encoding="utf-8")
    found = stage(tmp_path, "mkfs fsck")
    assert found.returncode == 0, found.stderr
    staged = tmp_path / "staged" / "erofs"
    assert [(staged / name).read_text(encoding="utf-8") for name in ("mkfs", "fsck")] == [
        "first",
        "second",
    ]


def test_an_image_without_the_file_fails(tmp_path: Path) -> None:
    found = stage(tmp_path, "mkfs")
    assert found.returncode == 1
    assert found.stderr.startswith("nodeBinaries.erofs: its image has no file mkfs in any of ")
