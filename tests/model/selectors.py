"""The part of label selectors that this project's requests use."""

import re
from collections.abc import Mapping


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    return all(_holds(term.strip(), labels) for term in re.split(r",(?![^(]*\))", selector) if term)


def _holds(term: str, labels: Mapping[str, str]) -> bool:
    if term.startswith("!"):
        return term[1:] not in labels
    if found := re.fullmatch(r"(\S+) in \((.*)\)", term):
        return labels.get(found[1]) in found[2].split(",")
    if "!=" in term:
        key, _, value = term.partition("!=")
        return labels.get(key) != value
    key, equals, value = term.partition("=")
    return labels.get(key) == value if equals else key in labels
