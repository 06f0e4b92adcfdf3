"""The package that other programs install."""

import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.markdown import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = (CHECKOUT / "requirements" / "product.in").read_text(encoding="utf-8")


def test_the_package_asks_for_what_the_product_pins() -> None:
    asked = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}
    pinned = re.findall(r"^([A-Za-z0-9-]+)[=>]", PINNED, re.MULTILINE)
    assert asked.keys() == set(map(canonicalize_name, pinned))
    for name, requirement in asked.items():
        assert requirement.specifier.contains(metadata.version(name)), name
