"""The files of `rollout.reportDir`: readers always find a complete one."""

import json
import stat
from pathlib import Path
from threading import Event, Thread

import pytest

from kata_components.providers import engine, report_files

NAME = "plan.json"
URN = "urn"


def test_a_reader_finds_a_whole_report_at_any_time(tmp_path: Path) -> None:
    documents = [json.dumps([number] * 20_000) for number in range(20)]
    path = tmp_path / NAME
    report_files.write(str(tmp_path), NAME, documents[0], URN)
    seen: list[str] = []
    done = Event()

    def read() -> None:
        while not done.is_set():
            seen.append(path.read_text())

    reader = Thread(target=read)
    reader.start()
    try:
        for document in documents:
            report_files.write(str(tmp_path), NAME, document, URN)
    finally:
        done.set()
        reader.join()
    assert seen
    assert all(found in documents for found in seen)
    assert [*tmp_path.iterdir()] == [tmp_path / NAME]


def test_no_link_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("mine")
    (tmp_path / NAME).symlink_to(elsewhere)
    assert report_files.write(str(tmp_path), NAME, "{}", URN) == str(tmp_path / NAME)
    assert elsewhere.read_text() == "mine"
    assert not (tmp_path / NAME).is_symlink()


def test_others_may_read_it_as_they_may_any_new_file(tmp_path: Path) -> None:
    report_files.write(str(tmp_path), NAME, "{}", URN)
    (tmp_path / "new").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (NAME, "new")]
    assert modes[0] == modes[1]


def test_what_cannot_be_written_is_a_warning_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(engine, "warning", lambda text, _urn: warnings.append(text))
    (tmp_path / NAME).mkdir()
    assert report_files.write(str(tmp_path), NAME, "{}", URN) is None
    assert warnings == [
        f"cannot write {tmp_path}/plan.json (Is a directory); check rollout.reportDir"
    ]
    assert [*tmp_path.iterdir()] == [tmp_path / NAME]


def test_a_page_that_cannot_be_made_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(engine, "warning", lambda text, _urn: warnings.append(text))
    assert report_files.write_page(str(tmp_path), "plan.html", lambda: str(1 // 0), URN) is None
    assert warnings == [
        "cannot make plan.html: ZeroDivisionError: integer division or modulo by zero"
    ]
    assert [*tmp_path.iterdir()] == []
