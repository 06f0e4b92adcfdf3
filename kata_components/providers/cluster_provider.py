"""What our dynamic providers share: they are stateless, and the stack's configuration says which cluster is meant."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pulumi.dynamic import CheckResult, ConfigureRequest, ResourceProvider

from kata_components.errors import ClusterError, GuardError
from kata_components.providers import cancellation, session
from kata_components.providers.boundary import boundary, refused
from kata_components.providers.guarded import Guarded
from kata_components.providers.wire import has_unknowns, own

G = TypeVar("G", bound=Guarded)


class ClusterProvider(ResourceProvider):
    """A provider that works on the stack's cluster.

    Nothing of the cluster's address is in a resource: on destroy, too, it comes from the
    configuration.
    """

    serialize_as_secret_always = False
    _cluster: str | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process, before anything else."""
        self._cluster = req.config.get("cluster")
        cancellation.install()

    @property
    def target(self) -> session.Target:
        """The cluster of the stack.

        Raises:
            KubeconfigError: the configuration names no context.
        """
        return session.target(self._cluster)

    def check_guards(
        self,
        doing: str,
        model: type[G],
        ask: Callable[..., Awaitable[tuple[G, list[str]]]],
        olds: dict[str, Any],
        news: dict[str, Any],
    ) -> CheckResult:
        """Return the inputs with what `ask` adds to them, and its refusals; reads only.

        `ask` takes the API, and `before`, `wanted` and `context` by name. `olds` are the last
        checked inputs, empty on create; `doing` says what fails if something unforeseen does.
        """
        inputs = own(news)
        if has_unknowns(news):
            return CheckResult(inputs, [])
        with boundary(doing):
            wanted, before, where = model.of(inputs), model.before(olds), self.target
            asked = functools.partial(ask, before=before, wanted=wanted, context=where.context)
            try:
                checked, refusals = session.read(where, asked)
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, refused([str(error)]))
            return CheckResult(checked.props(), refused(refusals))
