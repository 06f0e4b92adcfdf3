"""Which cluster the stack works on."""

from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from kata_components.settings.model import Model, problem_in_text

_LONGEST_PATH: Final = 1024


def _path(text: str) -> str:
    """Refuse the content of a kubeconfig, plain or encoded, without showing it."""
    if "\n" in text or text.lstrip().startswith("{") or len(text) > _LONGEST_PATH:
        raise problem_in_text(
            "must be the path of a kubeconfig, not its content: that would stand in clear in the stack's state. "
            "Write it to a file, for example in a step of the pipeline, and set the path or KUBECONFIG"
        )
    return text


class Cluster(Model):
    """The kubeconfig context; `kubeconfig` is a path, None means `KUBECONFIG` or the usual place."""

    context: Annotated[str, StringConstraints(min_length=1)]
    kubeconfig: Annotated[str, StringConstraints(min_length=1), AfterValidator(_path)] | None = None
