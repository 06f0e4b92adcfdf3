"""What our dynamic providers share: no state of their own, and how they find their cluster."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from pulumi.dynamic import CheckResult, ConfigureRequest, ResourceProvider

from kata_components.errors import ClusterError, GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import cancellation, engine, session
from kata_components.providers.common_inputs import CLUSTER, CommonInputs
from kata_components.providers.errors import check_failures, provider_errors
from kata_components.providers.properties import unknowns, without_provider

P = TypeVar("P", bound=CommonInputs)


class ClusterProvider(ResourceProvider):
    """A provider that works on the cluster of its resource.

    A destroy does not run the program, so the cluster comes from where both can read it: the
    resource itself if the program names the cluster, else the stack's configuration, which no
    resource repeats: the name of a context and the path of a kubeconfig are each person's own.
    """

    serialize_as_secret_always = False
    _cluster_config: str | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process, before anything else."""
        self._cluster_config = req.config.get("cluster")
        cancellation.install()
        engine.end_with_it()

    def target(self, inputs: CommonInputs) -> session.Target:
        """Return the cluster of a resource.

        Raises:
            KubeconfigError: neither the resource nor the configuration names one.
        """
        if inputs.context or inputs.kubeconfig:
            return session.Target(inputs.context, inputs.kubeconfig)
        return session.Target.parse(self._cluster_config)

    def checked(
        self,
        operation: str,
        model: type[P],
        news: dict[str, Any],
        check: Callable[[KubeApi, P], Awaitable[tuple[P, list[str]]]],
        *,
        maybe_unknown: Collection[str] = (),
        postponed: str = "",
    ) -> CheckResult:
        """Return the new inputs as `check` completes them, and its refusals.

        `operation` names what fails in an unexpected error. A preview in which an input is unknown
        is not checked, unless it is one of `maybe_unknown`; `postponed` says so if what it lacks is
        the cluster, which the program may be about to make.
        """
        inputs = without_provider(news)
        unknown = unknowns(inputs)
        if not unknown.keys() <= {*maybe_unknown}:
            if postponed and unknown.keys() & CLUSTER:
                engine.info(f"the kubeconfig is not known yet; {postponed}", inputs["urn"])
            return CheckResult(inputs, [])
        with provider_errors(operation):
            known = model.of({key: value for key, value in inputs.items() if key not in unknown})
            try:
                target = self.target(known)
                checked, refusals = session.read(target, lambda api: check(api, known))
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, check_failures([str(error)]))
            return CheckResult(checked.props() | unknown, check_failures(refusals))
