"""The command line of the dispatcher 4.0.0. What it does not know ends it, as every flag of a later version does."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "kata-deploy-job-dispatcher"
_PARALLELISM = 100
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What a dispatcher is told. `nodes` win over the selectors; without either it takes every node."""

    job_template: Path
    name_prefix: str
    namespace: str | None
    parallelism: int
    node_selector: str | None
    node_field_selector: str | None
    nodes: tuple[str, ...]
    owner_job_name: str | None
    poll_interval_secs: float
    node_page_size: int


class _Once(argparse.Action):
    """Refuses a flag that is given twice, as the program does."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *rest: object) -> None:
        value, flag = rest
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"the argument {flag} cannot be used multiple times")
        setattr(namespace, self.dest, value)


def parse(words: Sequence[str], poll_seconds: float = 1.0) -> Arguments:
    """Return the arguments; ends the process with code 2 for what the program does not know."""
    parser = argparse.ArgumentParser(prog=PROGRAM, allow_abbrev=False)

    def flag(name: str, **settings: object) -> None:
        parser.add_argument(name, action=_Once, **settings)  # type: ignore[arg-type] # passed on as they are

    flag("--job-template", type=Path, required=True)
    flag("--name-prefix", required=True)
    flag("--namespace")
    flag("--parallelism", type=int, default=_PARALLELISM)
    flag("--node-selector")
    flag("--node-field-selector")
    flag("--nodes", type=_names, default=())
    flag("--owner-job-name")
    flag("--poll-interval-secs", type=float, default=poll_seconds)
    flag("--node-page-size", type=int, default=_PAGE)
    return Arguments(**vars(parser.parse_args(words)))


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))
