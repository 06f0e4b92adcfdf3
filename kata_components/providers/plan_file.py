"""The plan in `rollout.reportDir`, and the approved one that may bind a rollout."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import structs

from kata_components.errors import GuardError
from kata_components.planning.approval import Approval
from kata_components.providers import report_files
from kata_components.providers.common_inputs import CommonInputs
from kata_components.report import plan_record
from kata_components.report.plan_record import PlanRecord

DATA: Final = "plan.json"
PAGE: Final = "plan.html"


class Written(NamedTuple):
    """The files of a plan."""

    data: str
    """The plan.json: a copy of it can be approved."""
    page: str | None
    """The plan.html, if it could be made."""

    @property
    def shown(self) -> str:
        """The file to look at."""
        return self.page or self.data


def write(inputs: CommonInputs, found: PlanRecord) -> Written | None:
    """Write the plan for programs and for people; return where, None if there is no plan.json."""
    record = structs.replace(
        found,
        kata_version=inputs.kata_version,
        namespace=inputs.namespace,
        suffix=inputs.suffix,
    )
    directory, urn = inputs.report_dir, inputs.urn
    data = report_files.write(directory, DATA, plan_record.rendered(record), urn)
    if directory is None or data is None:
        return None

    def page() -> str:
        from kata_components.report import plan_page  # noqa: PLC0415 - jinja2 slows down start-up

        return plan_page.page(record, data)

    return Written(data, report_files.write_page(directory, PAGE, page, urn))


def approval(path: str | None, directory: str | None) -> Approval | None:
    """Return the approved plan, if any; `directory` is where this run writes its own.

    Raises:
        GuardError: it cannot be read, or it is the file that this run writes: it would approve
            itself.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
        written = Path(directory, DATA) if directory else None
        if written and written.exists() and written.samefile(path):
            raise GuardError(
                f"rollout.approvedPlan: {path} is the file that each preview writes "
                f"(rollout.reportDir {directory}), "
                "so it would approve whatever it contains. Approve a copy of it."
            )
    except (OSError, UnicodeDecodeError) as error:
        msg = f"rollout.approvedPlan: cannot read {path} ({error}). Without it nothing is approved."
        raise GuardError(msg) from None
    return Approval.parse(text, path)


def with_way_out(refusals: Sequence[str], written: Written | None) -> list[str]:
    """Return refusals with how to confirm them; `written` is the plan that names them, if any."""
    if written is None:
        how = (
            "set rollout.reportDir and preview again, then review the plan.html written there, "
            "copy the plan.json beside it, and set rollout.approvedPlan to the copy."
        )
    else:
        how = (
            f"review {written.shown}, copy {written.data}, and set rollout.approvedPlan to the "
            "copy."
        )
    return [*refusals[:-1], f"{refusals[-1]}\n  To proceed anyway: {how}"]
