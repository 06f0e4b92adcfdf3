"""The inputs that dynamic resources share."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from msgspec import structs

from kata_components import names
from kata_components.providers.properties import PropertyModel

CLUSTER: Final = frozenset({"context", "kubeconfig"})
"""The inputs with which a program names the cluster itself."""


class Passed(PropertyModel, frozen=True, kw_only=True):
    """What the guard rails of `Preflight` have let pass; `Rollout` checks that it is still so."""

    cluster_uid: str
    kata_version: str
    namespace: str
    suffix: str = ""


class CommonInputs(PropertyModel, frozen=True, kw_only=True):
    """The inputs that `Preflight`, `Installation` and `Rollout` share."""

    urn: str = ""
    """The URN of the resource itself, which the SDK does not pass to providers; added when it is
    registered."""
    stack: str
    """`project/stack`."""
    kata_version: str
    namespace: str
    suffix: str = ""
    """`env.multiInstallSuffix`."""
    existing: Literal["adopt", "install"] | None = None
    """`rollout.existing`: what to do with what something else has installed."""
    report_dir: str | None = None
    """`rollout.reportDir`: the directory for plan.json and the report of a rollout."""
    approved_plan: str | None = None
    """`rollout.approvedPlan`: the path of the plan.json that binds this run."""
    context: str | None = None
    """The kubeconfig context, unless the stack's configuration names it."""
    kubeconfig: str | None = None
    """The content or path of the kubeconfig that the program passes; a secret in the state."""

    @property
    def lease_name(self) -> str:
        """The name of the Lease in the cluster."""
        return names.base(self.suffix)

    def resource_id(self, kind: str) -> str:
        """Return the id of a resource that represents nothing in the cluster."""
        return f"{self.namespace}/{kind}{self.suffix and '-' + self.suffix}"

    def to_pass(self, cluster_uid: str) -> Passed:
        """Return what the guard rails must let pass on that cluster."""
        return Passed(
            cluster_uid=cluster_uid,
            kata_version=self.kata_version,
            namespace=self.namespace,
            suffix=self.suffix,
        )


class GuardedInputs(CommonInputs, frozen=True, kw_only=True):
    """The inputs that the guard rails of `Preflight` and `Installation` compare."""

    deployment_mode: Literal["daemonset", "job"]
    objects: tuple[str, ...] = ()
    """The Kubernetes objects of the program, each as `apiVersion plural namespace name`."""
    cluster_uid: str | None = None
    """The UID of the namespace kube-system; added by check."""

    @classmethod
    def before(cls, olds: Mapping[str, Any]) -> Self | None:
        """Return the last checked inputs; None if there are none, as on create and replace."""
        return cls.of(olds) if "clusterUid" in olds else None

    @property
    def lasting(self) -> Self:
        """What the state keeps and diff compares: all but what matters to a single run."""
        return structs.replace(self, existing=None, report_dir=None, approved_plan=None)

    def identity(self) -> dict[str, Any]:
        """Return what must stay the same while the installation exists."""
        return {
            "deploymentMode": self.deployment_mode,
            "suffix": self.suffix,
            "namespace": self.namespace,
        }
