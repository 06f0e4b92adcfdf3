"""What a version is, only its file of defaults says."""

import ast
import re
from pathlib import Path

import kata_components
from kata_components.settings import profile

CODE = Path(kata_components.__file__).parent


def test_no_code_knows_a_version() -> None:
    named = [
        f"{path.relative_to(CODE)}:{node.lineno}"
        for path in CODE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"\d+\.\d+\.\d+", str(node.value))
    ]
    assert named == []


def test_versions_are_the_files_the_oldest_first() -> None:
    assert profile.SUPPORTED_VERSIONS[:3] == ("4.0.0", "4.1.0", "4.2.0")
