"""What documents and code refer to exists."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import CHECKOUT, DOCUMENTS, anchors, links

ADR = CHECKOUT / "docs" / "adr"
PRODUCT = CHECKOUT / "kata_components"
FOLDERS = [
    *("bench", "docs", "examples", "kata_components", "policy", "sandbox", "stacks", "tests"),
    *(path.name for path in PRODUCT.iterdir() if path.is_dir() and path.name.isidentifier()),
]
MOST_BYTES_OF_THE_README = 12_000
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
        if not target.exists() or (
            fragment and fragment not in anchors(target.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(
        rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", document.read_text(encoding="utf-8")
    )
    assert [
        path for path in named if not any((top / path).exists() for top in (CHECKOUT, PRODUCT))
    ] == []


def test_readme_can_be_read_in_five_minutes() -> None:
    assert len((CHECKOUT / "README.md").read_bytes()) <= MOST_BYTES_OF_THE_README


def test_every_document_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [CHECKOUT / "README.md"]
    while ahead:
        document = ahead.pop()
        if document not in reached:
            reached.add(document)
            files = (
                link.partition("#")[0]
                for link in links(document.read_text(encoding="utf-8"))
                if "://" not in link
            )
            ahead += [(document.parent / file).resolve() for file in files if file.endswith(".md")]
    assert {path.resolve() for path in DOCUMENTS} <= reached


def test_code_refers_to_documents_that_exist() -> None:
    named = {
        name
        for source in SOURCES
        for name in re.findall(
            r"\bdocs/[\w-]+\.(?:md|yaml|json)", source.read_text(encoding="utf-8")
        )
    }
    assert named, "the code refers to no document any more"
    assert [name for name in sorted(named) if not (CHECKOUT / name).exists()] == []


def test_code_refers_to_records_that_exist() -> None:
    numbers = {
        n
        for source in SOURCES
        for n in re.findall(r"docs/adr/(\d{4})", source.read_text(encoding="utf-8"))
    }
    assert numbers, "the code refers to no record any more"
    assert numbers <= {path.name[:4] for path in RECORDS}


def test_index_lists_every_record_once_in_order() -> None:
    listed = [
        link
        for link in links((ADR / "README.md").read_text(encoding="utf-8"))
        if link.endswith(".md")
    ]
    assert listed == [path.name for path in RECORDS]
    assert [path.name[:4] for path in RECORDS] == [
        f"{number:04}" for number in range(1, len(RECORDS) + 1)
    ]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record_is_short_and_has_its_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert text.startswith(f"# {record.name[:4]} ")
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [part for part in parts if part != "Considered"] == [
        "Context",
        "Decision",
        "Consequences",
    ]
    assert parts.index("Decision") == (2 if "Considered" in parts else 1), (
        "alternatives stand before the decision"
    )
    assert len(text.splitlines()) <= 40
