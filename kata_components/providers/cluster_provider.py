"""What our dynamic providers share: they are stateless, and the stack's configuration says which cluster is meant."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pulumi.dynamic import CheckResult, ConfigureRequest, ResourceProvider

from kata_components.errors import ClusterError, GuardError
from kata_components.providers import cancellation, session
from kata_components.providers.common_inputs import GuardedInputs
from kata_components.providers.errors import check_failures, provider_errors
from kata_components.providers.properties import has_unknowns, without_provider

G = TypeVar("G", bound=GuardedInputs)


class ClusterProvider(ResourceProvider):
    """A provider that works on the stack's cluster.

    Nothing of the cluster's address is in a resource: on destroy, too, it comes from the
    configuration.
    """

    serialize_as_secret_always = False
    _cluster_config: str | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process, before anything else."""
        self._cluster_config = req.config.get("cluster")
        cancellation.install()

    @property
    def cluster(self) -> session.StackCluster:
        """The cluster of the stack.

        Raises:
            KubeconfigError: the configuration names no context.
        """
        return session.StackCluster.parse(self._cluster_config)

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
        inputs = without_provider(news)
        if has_unknowns(news):
            return CheckResult(inputs, [])
        with provider_errors(doing):
            wanted, before, cluster = model.of(inputs), model.before(olds), self.cluster
            asked = functools.partial(ask, before=before, wanted=wanted, context=cluster.context)
            try:
                checked, refusals = session.read(cluster, asked)
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, check_failures([str(error)]))
            return CheckResult(checked.props(), check_failures(refusals))
