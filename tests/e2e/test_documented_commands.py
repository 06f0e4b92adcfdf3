"""The commands in the documents work: kubectl's on a cluster, Pulumi's as far as its help tells."""

import re
import subprocess
from pathlib import Path

import pytest

from sandbox.cluster import Cluster
from tests.docs.markdown import TEXTS, commands

WHOLE = [text for name, text in TEXTS.items() if not name.startswith("docs/adr/")]
STAND_INS = {
    "<node>": "worker-0001",
    "<name>": "worker-0001",
    "<pod>": "a-pod",
    "<old>": "old",
    "<new>": "new",
    "my-first-node": "worker-0001",
}
WRITES = {"annotate", "apply", "delete", "label"}


def documented(program: str) -> list[tuple[str, ...]]:
    return sorted({tuple(words) for text in WHOLE for words in commands(text, program)})


@pytest.fixture
def typist(variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a person at a terminal, whose home takes the caches of these programs."""
    return {**variables, "HOME": str(tmp_path)}


def run(typist: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=typist, capture_output=True, text=True, check=False)


def test_kubectl_understands_what_the_documents_tell_to_type(
    cluster: Cluster, typist: dict[str, str]
) -> None:
    there = {**STAND_INS, "my-context": cluster.context}
    failed = {}
    for words in documented("kubectl"):
        typed = [there.get(word, word.replace("<node>", "worker-0001")) for word in words]
        tried = ["--dry-run=server"] if WRITES & set(words) else []
        answer = run(typist, *typed, *tried)
        # The installation that a command is about is not there: then only its form is tested.
        if answer.returncode and not any(
            absent in answer.stderr for absent in ("NotFound", "not found", "cannot rename")
        ):
            failed[" ".join(typed)] = answer.stderr
    assert failed == {}


def test_pulumi_has_the_commands_and_flags_of_the_documents(typist: dict[str, str]) -> None:
    flags: dict[tuple[str, ...], set[str]] = {}
    for _, *words in documented("pulumi"):
        verbs = tuple(word for word in words[:2] if word.isalpha())
        flags.setdefault(verbs, set()).update(w.partition("=")[0] for w in words if w[0] == "-")
    for verbs, used in flags.items():
        known = run(typist, "pulumi", *verbs, "--help")
        assert known.returncode == 0, known.stderr
        assert used <= set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", known.stdout)), verbs


@pytest.mark.parametrize("program", ["kubectl", "pulumi"])
def test_there_are_commands_to_try(program: str) -> None:
    assert len(documented(program)) > 10
