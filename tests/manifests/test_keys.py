"""Every key is compared with the chart or tested here, and docs/parity-keys.md says where."""

import ast
from pathlib import Path

import pytest

from kata_components.settings.profile import SUPPORTED_VERSIONS
from tests.manifests import chart, keys

pytestmark = pytest.mark.skipif(
    not chart.FIXTURES.is_dir(), reason="the renders of the chart are not beside the checkout"
)


def test_table_of_keys_is_up_to_date() -> None:
    text = keys.DOCUMENT.read_text(encoding="utf-8")
    written = [line for line in text.splitlines() if line.startswith("|")]
    assert written == keys.rows(), "run `python -m tests.manifests.keys`"


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_every_key_has_a_test_at_its_version(version: str) -> None:
    untested = [
        k for k in keys.keys(version) if not keys.cases_of(k)[version] and k not in keys.TESTED_HERE
    ]
    assert untested == []


def test_tests_named_in_the_table_exist_and_are_needed() -> None:
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for path in Path(__file__).parent.glob("test_*.py")
    ]
    functions = {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }
    assert set(keys.TESTED_HERE.values()) <= functions
    assert [key for key in keys.TESTED_HERE if any(keys.cases_of(key).values())] == []
