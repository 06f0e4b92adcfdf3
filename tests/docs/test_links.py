"""What the documents and the code point at is there."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import CHECKOUT, DOCUMENTS, anchors, links

ADR = CHECKOUT / "docs" / "adr"
RECORDS = sorted(path for path in ADR.glob("*.md") if path.name != "README.md")
SOURCES = [
    CHECKOUT / "__main__.py",
    *(p for top in ("kata_components", "sandbox") for p in (CHECKOUT / top).rglob("*.py")),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_relative_links_resolve(document: Path) -> None:
    broken = []
    for link in links(document.read_text(encoding="utf-8")):
        file, _, fragment = link.partition("#")
        if "://" in link:
            continue
        target = document.parent / file if file else document
        if not target.exists() or (fragment and fragment not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


def test_code_refers_to_records_that_exist() -> None:
    numbers = {n for source in SOURCES for n in re.findall(r"docs/adr/(\d{4})", source.read_text(encoding="utf-8"))}
    assert numbers, "the code refers to no record any more"
    assert numbers <= {path.name[:4] for path in RECORDS}


def test_index_lists_every_record_once_in_order() -> None:
    listed = [link for link in links((ADR / "README.md").read_text(encoding="utf-8")) if link.endswith(".md")]
    assert listed == [path.name for path in RECORDS]
    assert [path.name[:4] for path in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record_is_short_and_has_its_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {record.name[:4]} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40
