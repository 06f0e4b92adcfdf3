"""Commands that the documents name exist."""

import contextlib
import re
import shlex

import pytest

from sandbox.__main__ import _parser
from tests.docs.markdown import CHECKOUT, DOCUMENTS, README

MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
TEXTS = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
SANDBOX = [
    shlex.split(line, comments=True) for line in re.findall(r"^ {4}python -m sandbox (.+)$", README, re.MULTILINE)
]
TARGETS = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split())  # type: ignore[index] # fails if absent


def named_targets() -> set[str]:
    code = re.findall(r"`(make [^`\n]+)`", TEXTS) + re.findall(r"^ {4}(make .+)$", TEXTS, re.MULTILINE)
    words = {word for command in code for word in command.split()[1:]}
    return {word for word in words if not word.startswith("-") and "=" not in word}


def test_make_targets_exist() -> None:
    assert named_targets() <= TARGETS


def test_all_make_targets_are_in_the_readme() -> None:
    assert {target for target in TARGETS if re.search(rf"make (-s )?{target}\b", README)} == TARGETS


@pytest.mark.parametrize("arguments", SANDBOX, ids=lambda arguments: arguments[0])
def test_sandbox_commands_are_understood(arguments: list[str]) -> None:
    # The parser ends the process when it does not understand.
    with contextlib.redirect_stderr(None):
        assert callable(_parser().parse_args(arguments).verb)


def test_there_are_sandbox_commands_to_check() -> None:
    assert SANDBOX
