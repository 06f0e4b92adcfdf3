"""Inputs for fuzzing the configuration: how many, garbage, and values files with mistakes."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import yaml
from hypothesis import settings
from hypothesis import strategies as st

from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from tests.manifests import chart

INPUTS = int(os.environ.get("KATA_FUZZ_INPUTS", "1000"))
"""How many configurations all fuzz tests try together."""

NEWEST = SUPPORTED_VERSIONS[-1]
PROFILE = load_profile(NEWEST).values

EXAMPLES = [
    "deploymentMode: job\njob:\n  parallelism: 50\n  nodeSelector: {pool: kata}\nimage:\n  tag: "
    "4.0.0 # tested\n",
    "shims:\n  disableAll: true\n  qemu: &one {enabled: true}\n  qemu-snp:\n    <<: "
    "*one\ndefaultShim: {amd64: qemu}\n",
    "tolerations:\n- key: a\n  operator: Exists\npodAnnotations: {a/b: '1'}\nresources: "
    "null\nhealth: {port: 9000}\n",
    "env: {multiInstallSuffix: dev}\nsnapshotter: {setup: [nydus, erofs]}\ndebug: true\naffinity: "
    "{podAffinity: {}}\n",
    "deploymentMode: job\nnodeBinaries:\n  erofs-utils: {image: example.com/a:1, binaries: "
    "[mkfs.erofs]}\nselinux: {enabled: true}\njob: {reconcile: {schedule: '0 * * * *'}}\nmonitor: "
    "{tls: {secretName: a, minVersion: b}}\n",
]
"""Values files of the kinds that users have; more if the chart's test cases are beside the
checkout."""


def share(of_ten: int) -> settings:
    """Return settings for a test that gets this many tenths of the inputs.

    Without deadline or database: the machine may be busy, and a run must not depend on earlier
    ones.
    """
    return settings(max_examples=INPUTS * of_ten // 10, deadline=None, database=None)


def words(tree: object) -> set[str]:
    """Return all keys of a tree."""
    return set().union({*tree}, *map(words, tree.values())) if isinstance(tree, dict) else set()


known = st.sampled_from(
    sorted(words(PROFILE) | {"kataVersion", "context", "key", "operator", "values"})
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [*SUPPORTED_VERSIONS, "job", "daemonset", "cluster", "canary", "10%", "²%", "qemu"]
    )
)
garbage: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(known | st.text(max_size=5) | st.integers(), inner)
    ),
    max_leaves=15,
)


@cache
def examples() -> list[str]:
    """Return the texts that mutations start from."""
    return EXAMPLES + [
        path.read_text(encoding="utf-8") for path in sorted(chart.FIXTURES.rglob("*.values.yaml"))
    ]


@st.composite
def values_files(draw: st.DrawFn) -> str:
    """Draw an example with up to four mistakes, first in its content, then in its text."""
    text = draw(st.sampled_from(examples()))
    if draw(st.booleans()):
        tree = yaml.safe_load(text)
        for _ in range(draw(st.integers(0, 2))):
            tree = _changed(draw, tree)
        # Unsorted and with aliases, as people write; YAML never yields what it cannot hold.
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    for _ in range(draw(st.integers(0, 2))):
        text = draw(st.sampled_from(_SLIPS))(draw, text)
    return text


def _changed(draw: st.DrawFn, tree: Any) -> Any:
    """Return a tree with one change: a key renamed or removed, a value replaced or listed."""
    if not isinstance(tree, dict) or not tree:
        return draw(scalars)
    key = draw(st.sampled_from(sorted(tree, key=str)))
    kind = draw(
        st.sampled_from(["inside", "inside", "rename", "remove", "replace", "list", "null"])
    )
    rest = {k: v for k, v in tree.items() if k != key}
    changes: dict[str, Callable[[], dict[Any, Any]]] = {
        "inside": lambda: {**tree, key: _changed(draw, tree[key])},
        "rename": lambda: {**rest, draw(known | st.text(max_size=5)): tree[key]},
        "remove": lambda: rest,
        "replace": lambda: {**tree, key: draw(garbage)},
        "list": lambda: {**tree, key: [tree[key]]},
        "null": lambda: {**tree, key: None},
    }
    return changes[kind]()


def _without_a_line(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True)
    at = draw(st.integers(0, max(0, len(lines) - 1)))
    return "".join(lines[:at] + lines[at + 1 :])


def _with_a_line_twice(draw: st.DrawFn, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = draw(st.integers(0, len(lines) - 1))
    return "".join(
        [
            *lines[: at + 1],
            draw(st.sampled_from(["", " ", "    ", "- "])) + lines[at],
            *lines[at + 1 :],
        ]
    )


def _with_other_characters(draw: st.DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    return (
        text[:at]
        + draw(st.text("{}[]:,-&*!|>#'\"%\t \n\0e9~<", max_size=3))
        + text[at + draw(st.integers(0, 3)) :]
    )


_SLIPS = [_without_a_line, _with_a_line_twice, _with_other_characters]
