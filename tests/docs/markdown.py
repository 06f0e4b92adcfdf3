"""Reads Markdown for the tests: tables, fenced blocks, links, headings."""

import copy
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (CHECKOUT / "docs" / "configuration.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *(
        CHECKOUT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sandbox/README.md")
    ),
    *sorted((CHECKOUT / "docs").rglob("*.md")),
]
TEXTS = {str(path.relative_to(CHECKOUT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
"""The documents by their path in the checkout."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CONFIG = re.compile(r"^(?: {4})?pulumi config ((?:set|rm) .+)$", re.MULTILINE)
_PART_OF_A_PATH = re.compile(r'\["([^"]+)"\]|([^.\[\]]+)')
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def section(text: str, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    match = re.search(
        rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert match, f"there is no heading {heading!r}"
    return match[1]


def paragraph(text: str, beginning: str) -> str:
    """Return the paragraph that begins with those words, on one line."""
    match = re.search(rf"^{re.escape(beginning)}.*?(?=\n\n)", text, re.DOTALL | re.MULTILINE)
    assert match, f"no paragraph begins with {beginning!r}"
    return match[0].replace("\n", " ")


def tables(text: str) -> list[list[str]]:
    """Return the cells of all tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {
        index + offset
        for index, line in enumerate(lines)
        if set(line) <= set("|-")
        for offset in (-1, 0)
    }
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for index, line in enumerate(lines)
        if index not in heads
    ]


def blocks(text: str, language: str = "text") -> list[str]:
    """Return the content of the fenced blocks of a language."""
    return [content for found, content in _FENCE.findall(text) if found == language]


def in_code(text: str) -> list[str]:
    """Return the texts between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def commands(text: str, program: str) -> list[list[str]]:
    """Return the commands of a program in all code, as their words, without comments and pipes."""
    prose = _FENCE.sub("", text)
    code = [re.findall(r"`([^`]+)`", part) for part in (prose, *blocks(text))]
    spans = [" ".join(span.split()) for found in code for span in found]
    lines = [line.strip() for line in re.findall(r"^ {4}(\S.*)$", prose, re.MULTILINE)]
    lines += [line for block in blocks(text, "bash") for line in block.splitlines()]
    typed = [line for line in spans + lines if line.startswith(f"{program} ")]
    return [shlex.split(line.partition(" | ")[0], comments=True) for line in typed]


def links(text: str) -> Iterator[str]:
    """Yield the targets of all links outside fenced blocks."""
    yield from _LINK.findall(_FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Return the fragments by which links name the headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def configured(text: str) -> list[dict[str, Any]]:
    """Return the configuration after each `pulumi config` command of a document."""
    states: list[dict[str, Any]] = [{}]
    for command in _CONFIG.findall(text):
        verb, *arguments = shlex.split(command, comments=True)
        *options, key = arguments if verb == "rm" else arguments[:-1]
        path = [
            quoted or plain
            for quoted, plain in _PART_OF_A_PATH.findall(key.removeprefix("kata-deploy:"))
        ]
        assert (options == ["--path"]) == (len(path) > 1), f"{key} is set wrongly"
        config = copy.deepcopy(states[-1])
        *parents, name = path
        at = config
        for parent in parents:
            at = at.setdefault(parent, {})
        if verb == "rm":
            del at[name]
        else:
            at[name] = _value(arguments[-1]) if options else arguments[-1]
        states.append(config)
    return [_with_lists(state) for state in states[1:]]


def _with_lists(value: Any) -> Any:
    """Return a value with the maps that `key[0]` makes as lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(item) for key, item in value.items()}
    return [*inner.values()] if inner and all(map(str.isdecimal, inner)) else inner


def _value(text: str) -> str | int | bool:
    """Return a value as Pulumi reads it when it is set by its path."""
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if text.isdecimal() else text
