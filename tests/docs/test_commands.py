"""Commands in the documents exist."""

import ast
import contextlib
import importlib
import importlib.util
import re
import shlex

import pytest

from kata_components.settings.load import load_settings
from sandbox.__main__ import parser
from sandbox.verbs import VERBS
from tests.docs.markdown import CHECKOUT, README, TEXTS, blocks, configured

MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
WHOLE = "\n".join(TEXTS.values())
SANDBOX = [
    shlex.split(command, comments=True)
    for command in re.findall(
        r"(?:^ {4}|`)(?:\.venv/bin/)?python(?:3\.11)? -m sandbox ([^`\n…]+)", WHOLE, re.MULTILINE
    )
]
MODULES = set(
    re.findall(r"python(?:3\.11)? -m ((?:kata_components|sandbox|bench|tests)[\w.]*)", WHOLE)
)
PHONY = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
TARGETS = set(PHONY[1].split() if PHONY else ())


def named_targets() -> set[str]:
    code = re.findall(r"`(make [^`\n]+)`", WHOLE) + re.findall(
        r"^ {4}(make .+)$", WHOLE, re.MULTILINE
    )
    words = {word for command in code for word in command.split()[1:]}
    return {word for word in words if not word.startswith("-") and "=" not in word}


def test_make_targets_exist() -> None:
    assert TARGETS
    assert named_targets() <= TARGETS


def test_all_make_targets_are_in_the_readme() -> None:
    assert {target for target in TARGETS if re.search(rf"make (-s )?{target}\b", README)} == TARGETS


@pytest.mark.parametrize("arguments", SANDBOX, ids=lambda arguments: arguments[0])
def test_sandbox_commands_are_understood(arguments: list[str]) -> None:
    # The parser exits if it does not understand.
    with contextlib.redirect_stderr(None):
        assert parser().parse_args(arguments).verb in {"doctor", *VERBS}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_to_run_exist(module: str) -> None:
    found = importlib.util.find_spec(module)
    assert found
    assert found.submodule_search_locations is None or importlib.util.find_spec(
        f"{module}.__main__"
    )


def test_stack_of_the_readme_is_valid() -> None:
    settings = load_settings(configured(README)[-1])
    assert settings.cluster.context == "my-context"
    assert settings.node_selector == {"kata-containers": "enabled"}


def test_values_that_the_documents_set_are_valid() -> None:
    base = configured(README)[-1]
    operations = configured(TEXTS["docs/operations.md"])
    configuration = configured(TEXTS["docs/configuration.md"])
    assert operations
    assert operations[-1]["rollout"] == {"reportDir": "reports/my-cluster"}, (
        "the last step takes the approval away"
    )
    for config in operations + configuration:
        load_settings({**base, **config})


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if blocks(text, "python")])
def test_python_of_the_documents_imports_what_there_is(name: str) -> None:
    for block in blocks(TEXTS[name], "python"):
        for imported in (
            node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)
        ):
            module = importlib.import_module(str(imported.module))
            assert all(hasattr(module, alias.name) for alias in imported.names), block


def test_there_are_sandbox_commands_to_check() -> None:
    assert SANDBOX
