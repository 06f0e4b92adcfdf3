"""What a version is, only its file of defaults says."""

import ast
import re
from pathlib import Path

import kata_components
from kata_components.settings import profile

CODE = Path(kata_components.__file__).parent
LISTED = {Path(profile.__file__)}


def test_no_code_knows_a_version() -> None:
    named = [
        f"{path.relative_to(CODE)}:{node.lineno}"
        for path in CODE.rglob("*.py")
        if path not in LISTED
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and re.fullmatch(r"\d+\.\d+\.\d+", str(node.value))
    ]
    assert named == []


def test_every_listed_version_has_its_file_and_every_file_is_listed() -> None:
    files = {path.stem for path in (CODE / "settings" / "defaults").glob("[0-9]*.yaml")}
    assert files == set(profile.SUPPORTED_VERSIONS)
