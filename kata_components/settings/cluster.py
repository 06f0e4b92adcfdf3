"""Which cluster the stack works on."""

from typing import Annotated

from pydantic import StringConstraints

from kata_components.settings.model import Model


class Cluster(Model):
    """The kubeconfig context; `kubeconfig` is a path, None means `KUBECONFIG` or the usual place."""

    context: Annotated[str, StringConstraints(min_length=1)]
    kubeconfig: Annotated[str, StringConstraints(min_length=1)] | None = None
