"""Rules of CONTRIBUTING that no linter enforces."""

import re

from tests.docs.markdown import CHECKOUT

PATCHES = re.compile(
    r"""(?:patch\.object|setattr|delattr|around)\(\s*[\w.]+,\s*["'](_(?!_)\w+)["']"""
    r"""|patch\(\s*["'][\w.]+\.(_(?!_)\w+)["']"""
)


def test_no_test_patches_a_private_name() -> None:
    patched = {
        f"{path.relative_to(CHECKOUT)}: {' '.join(match.groups(''))}"
        for path in (CHECKOUT / "tests").rglob("*.py")
        for match in PATCHES.finditer(path.read_text(encoding="utf-8"))
    }
    assert patched == set()
