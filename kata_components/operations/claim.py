"""The claim on the Lease: which nodes the last rollout selected, for `pulumi destroy` to know.

Names are stored as fingerprints: thousands of names do not fit into the 256 KiB that all
annotations of an object may have together.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Self

from kata_components.kubernetes.api import KubeApi
from kata_components.planning.selection import Selection

_HEX_DIGITS: Final = 10
"""With 5,000 names, another node's name collides with a probability of 5 in a billion."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Nodes by the fingerprints of their names if there are any, otherwise by selectors."""

    fingerprints: frozenset[str] = frozenset()
    selectors: tuple[str, ...] = ()

    @classmethod
    def of(cls, selection: Selection) -> Self:
        """Return the claim on what a rollout selects."""
        return cls(
            fingerprints=frozenset(map(_fingerprint, selection.nodes)),
            selectors=selection.selectors,
        )

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the claim that `render` wrote, None when there is none or it cannot be read.

        An older version wrote the names themselves.
        """
        try:
            found: Any = json.loads(text or "")
            fingerprints = {
                *found.get("fingerprints", ()),
                *(_fingerprint(str(name)) for name in found.get("nodes", ())),
            }
            return cls(
                fingerprints=frozenset(map(str, fingerprints)),
                selectors=tuple(map(str, found["selectors"])),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def render(self) -> str:
        """Return it as text that `parse` reads."""
        wire = {"fingerprints": sorted(self.fingerprints), "selectors": self.selectors}
        return json.dumps(wire, separators=(",", ":"))

    async def nodes(self, api: KubeApi) -> frozenset[str]:
        """Return the names of the nodes that it matches now."""
        if self.fingerprints:
            listed = await api.list_node_metadata()
            found = (node.metadata.name for node in listed)
            return frozenset(name for name in found if _fingerprint(name) in self.fingerprints)
        effective = Selection(selectors=self.selectors).effective_selectors
        lists = await asyncio.gather(*map(api.list_node_metadata, effective))
        return frozenset(node.metadata.name for nodes in lists for node in nodes)


def _fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_HEX_DIGITS]
