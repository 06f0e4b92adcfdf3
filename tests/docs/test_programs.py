"""The table of the local cluster's programs agrees with the catalog."""

from urllib.parse import urlsplit

import pytest

from sandbox.tools.catalog import TOOLS
from sandbox.tools.tool import Binary, Tool
from tests.docs.markdown import TEXTS, in_code, section, tables

ROWS = {
    name: (versions, site)
    for names, versions, site, _ in tables(section(TEXTS["sandbox/README.md"], "## Programs"))
    for name in in_code(names)
}
BINARIES = [(tool, binary) for tool in TOOLS for binary in tool.binaries if binary.version_args]


@pytest.mark.parametrize(("tool", "binary"), BINARIES, ids=lambda value: getattr(value, "name", ""))
def test_versions_that_will_do_and_sites_are_those_of_the_catalog(
    tool: Tool, binary: Binary
) -> None:
    versions, site = ROWS[binary.name]
    assert versions == str(tool.will_do(binary))
    if tool.release:
        assert site == urlsplit(tool.release.url).hostname
    else:
        assert site == "no: published without checksums"
