"""What a rollout leaves in `rollout.reportDir`: rollout.json, and what is made from it."""

import json
from typing import Any, Final

import msgspec

from kata_components.foreign import printable
from kata_components.operations.install import Installed
from kata_components.providers import report_files
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.report.metrics import metrics
from kata_components.report.record import parse

DATA: Final = "rollout.json"
PAGE: Final = "rollout.html"
METRICS: Final = "rollout.prom"


def write(inputs: RolloutInputs, done: Installed) -> None:
    """Write the report of a rollout, if the stack wants one."""
    directory, urn = inputs.report_dir, inputs.urn
    if directory is None:
        return
    document = _document(inputs, done)
    report_files.write(directory, DATA, json.dumps(document, indent=2) + "\n", urn)
    record = parse(document)
    report_files.write(directory, METRICS, metrics(record), urn)

    def page() -> str:
        from kata_components.report import rollout_page  # noqa: PLC0415 - jinja2 slows down start-up

        return rollout_page.page(record)

    report_files.write_page(directory, PAGE, page, urn)


def _document(inputs: RolloutInputs, done: Installed) -> dict[str, Any]:
    return {
        **done.outcome.output(),
        "failure": printable(done.failure),
        "stack": inputs.stack,
        "namespace": inputs.namespace,
        "suffix": inputs.suffix,
        "kataVersion": inputs.kata_version,
        "startedAt": done.began_at,
        "parallelism": inputs.parallelism,
        "soakSeconds": inputs.soak_seconds,
        "nodes": msgspec.to_builtins(done.records),
    }
