"""Which cluster an installation is on."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, StringConstraints

from kata_components.settings.model import Model, problem_in_text
from kata_components.settings.problems import Problem

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
            "Write it to a file, for example in a pipeline step, and set the path or KUBECONFIG; a "
            "program of your own passes it as `kubeconfig` of KataDeployArgs, which keeps it secret"
        )
    return value


class Cluster(Model):
    """A kubeconfig and the context in it; without a path, `KUBECONFIG` or the usual place.

    A program that passes a kubeconfig itself may leave out both (`cluster_problems`).
    """

    context: Annotated[str, StringConstraints(min_length=1)] | None = None
    kubeconfig: Annotated[str, StringConstraints(min_length=1), BeforeValidator(_path)] | None = (
        None
    )


def cluster_problems(config: Mapping[str, Any], *, given: bool) -> Iterator[Problem]:
    """Yield what is missing, or is one kubeconfig too many if the program has `given` one."""
    cluster = config.get("cluster") or {}
    if not isinstance(cluster, Mapping):
        return
    if given and cluster.get("kubeconfig") is not None:
        yield Problem(
            ("cluster", "kubeconfig"), "remove it: the program passes a kubeconfig already"
        )
    if not given and cluster.get("context") is None:
        yield Problem(
            ("cluster", "context"),
            "is required; run `pulumi config set --path cluster.context "
            "<a context of your kubeconfig>`",
        )
