"""What a rollout leaves in `rollout.reportDir`: rollout.json, and what is made from it."""

from typing import Any, Final

import msgspec

from kata_components.foreign import printable
from kata_components.operations.install import Installed
from kata_components.providers import engine, plan_file
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.report.metrics import metrics
from kata_components.report.record import parse

DATA: Final = "rollout.json"
PAGE: Final = "rollout.html"
METRICS: Final = "rollout.prom"


def write(inputs: RolloutInputs, done: Installed) -> None:
    """Write the report of a rollout, if the stack wants one."""
    if inputs.report_dir is None:
        return
    document = _document(inputs, done)
    plan_file.write(inputs.report_dir, DATA, document, inputs.urn)
    record = parse(document)
    plan_file.write_text(inputs.report_dir, METRICS, metrics(record), inputs.urn)
    try:
        from kata_components.report.rollout_page import page  # noqa: PLC0415 - jinja2 slows down start-up

        text = page(record)
    except Exception as error:  # whatever it is: a rollout must not lose its outcome over a page
        engine.warning(f"cannot make {PAGE}: {type(error).__name__}: {error}", inputs.urn)
        return
    plan_file.write_text(inputs.report_dir, PAGE, text, inputs.urn)


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
