"""Where Pulumi's Kubernetes provider comes from: the user, Pulumi's site, or a build."""

import sys
from pathlib import Path

import pytest

from sandbox.tools.plugins import ensure_provider
from tests.sandbox.fake_programs import printing, program

PLUGIN = "pulumi-resource-kubernetes"
FOLDER = "resource-kubernetes-v4.32.0"
ARGUMENTS = "plugin install resource kubernetes 4.32.0"


@pytest.fixture(autouse=True)
def no_other_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "user"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return tmp_path / "store" / PLUGIN


@pytest.fixture
def site(tmp_path: Path, home: Path) -> Path:
    """A CLI that reaches Pulumi's site."""
    body = f"""
        import os, sys
        from pathlib import Path
        assert " ".join(sys.argv[1:]) == {ARGUMENTS!r}
        assert os.environ["PULUMI_HOME"] == {str(home)!r}
        folder = Path({str(home)!r}, "plugins", {FOLDER!r})
        folder.mkdir(parents=True)
        (folder / {PLUGIN!r}).write_text("official")
    """
    return program(tmp_path / "pulumi", body)


@pytest.fixture
def no_site(tmp_path: Path) -> Path:
    """A CLI that does not reach it."""
    return program(tmp_path / "pulumi", "print('no such host'); raise SystemExit(1)")


def ensure(home: Path, pulumi: Path, built: Path) -> list[Path]:
    """Ensure that the provider is installed; return what was built."""
    builds: list[Path] = []

    def build() -> None:
        builds.append(printing(built, "built"))

    ensure_provider(home, pulumi, built, build)
    return builds


def content(home: Path) -> str:
    return (home / "plugins" / FOLDER / PLUGIN).read_text(encoding="utf-8")


def test_comes_from_pulumis_site_if_it_can_be_reached(home: Path, site: Path, built: Path) -> None:
    assert ensure(home, site, built) == []
    assert content(home) == "official"
    # This CLI would fail if it were run again: the folder exists.
    assert ensure(home, site, built) == []


def test_is_built_if_the_site_cannot_be_reached(
    home: Path, no_site: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ensure(home, no_site, built) == [built]
    assert content(home) == built.read_text(encoding="utf-8")
    output = capsys.readouterr()
    assert "is built from older code instead" in output.err
    assert output.out == ""
    assert ensure(home, no_site, built) == []


def test_a_build_of_other_pins_replaces_an_older_one(
    home: Path, no_site: Path, tmp_path: Path
) -> None:
    older, newer = tmp_path / "older" / PLUGIN, tmp_path / "newer" / PLUGIN
    ensure(home, no_site, older)
    assert ensure(home, no_site, newer) == [newer]
    assert (home / "plugins" / FOLDER / PLUGIN).resolve() == newer


def test_a_build_that_was_deleted_is_made_again(home: Path, no_site: Path, built: Path) -> None:
    ensure(home, no_site, built)
    built.unlink()
    assert ensure(home, no_site, built) == [built]


def test_the_users_own_is_used_without_a_download_or_build(
    home: Path, no_site: Path, built: Path, tmp_path: Path
) -> None:
    own = printing(tmp_path / "user" / "plugins" / FOLDER / PLUGIN, "own")
    assert ensure(home, no_site, built) == []
    assert content(home) == own.read_text(encoding="utf-8")


def test_one_on_path_is_left_to_the_cli(
    home: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(printing(tmp_path / "bin" / PLUGIN, "").parent))
    assert ensure(home, Path(sys.executable), built) == []
    assert not home.exists()


def test_home_of_the_local_cluster_is_not_mistaken_for_the_users(
    home: Path, no_site: Path, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(home))
    ensure(home, no_site, built)
    assert ensure(home, no_site, built) == []
    assert (home / "plugins" / FOLDER / PLUGIN).readlink() == built
