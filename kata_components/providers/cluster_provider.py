"""What our dynamic providers share: no state of their own, and the cluster of the stack."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from pulumi.dynamic import CheckResult, ConfigureRequest, ResourceProvider

from kata_components.errors import ClusterError, GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import cancellation, session
from kata_components.providers.errors import check_failures, provider_errors
from kata_components.providers.properties import PropertyModel, unknowns, without_provider

P = TypeVar("P", bound=PropertyModel)


class ClusterProvider(ResourceProvider):
    """A provider that works on the stack's cluster.

    No resource holds the cluster's address: it always comes from the stack's configuration, on
    destroy as well.
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

    def checked(
        self,
        operation: str,
        model: type[P],
        news: dict[str, Any],
        check: Callable[[KubeApi, P], Awaitable[tuple[P, list[str]]]],
        *,
        maybe_unknown: Collection[str] = (),
    ) -> CheckResult:
        """Return the new inputs as `check` completes them, and its refusals.

        `operation` names what fails in an unexpected error. A preview in which an input is unknown
        is not checked, unless it is one of `maybe_unknown`.
        """
        inputs = without_provider(news)
        unknown = unknowns(inputs)
        if not unknown.keys() <= {*maybe_unknown}:
            return CheckResult(inputs, [])
        with provider_errors(operation):
            known = model.of({key: value for key, value in inputs.items() if key not in unknown})
            try:
                checked, refusals = session.read(self.cluster, lambda api: check(api, known))
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, check_failures([str(error)]))
            return CheckResult(checked.props() | unknown, check_failures(refusals))
