"""Which cluster the stack works on."""

from typing import Annotated, Final

from pydantic import BeforeValidator, StringConstraints

from kata_components.settings.model import Model, problem_in_text

_LONGEST_PATH: Final = 1024


def _path(value: object) -> object:
    """Refuse the content of a kubeconfig, as a map, plain or encoded, without showing it."""
    if isinstance(value, str):
        is_content = "\n" in value or value.lstrip().startswith("{") or len(value) > _LONGEST_PATH
    else:
        is_content = isinstance(value, dict | list)
    if is_content:
        raise problem_in_text(
            "must be the path of a kubeconfig, not its content, "
            "which would appear in clear text in the stack's state. "
            "Write it to a file, for example in a pipeline step, and set the path or KUBECONFIG"
        )
    return value


class Cluster(Model):
    """A kubeconfig and the context in it; without a path, `KUBECONFIG` or the usual place."""

    context: Annotated[str, StringConstraints(min_length=1)]
    kubeconfig: Annotated[str, StringConstraints(min_length=1), BeforeValidator(_path)] | None = (
        None
    )
