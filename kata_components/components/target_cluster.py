"""The cluster of one `KataDeploy`, as the program names it."""

from dataclasses import dataclass

import pulumi


def without_providers(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions | None:
    """Return the options of a `KataDeploy`, which makes the Kubernetes provider it uses.

    Raises:
        pulumi.RunError: they have a provider, which would be ignored.
    """
    if opts and (opts.provider or opts.providers):
        msg = (
            "KataDeploy makes a Kubernetes provider of its own, so it takes none in `opts`: "
            "name the cluster with `kubeconfig` of KataDeployArgs, or with `cluster` in the "
            "settings"
        )
        raise pulumi.RunError(msg)
    return opts


@dataclass(frozen=True, kw_only=True)
class TargetCluster:
    """Where to install."""

    context: str | None
    kubeconfig: pulumi.Input[str] | None
    """The path or the content of a kubeconfig; None for the usual places."""
    in_stack_config: bool
    """Whether a destroy, which runs no program, finds it in the configuration of the stack."""

    def inputs(self) -> dict[str, pulumi.Input[str]]:
        """Return what the state has to keep of it."""
        if self.in_stack_config:
            return {}
        kept: dict[str, pulumi.Input[str]] = {}
        if self.context:
            kept["context"] = self.context
        if self.kubeconfig is not None:
            kept["kubeconfig"] = pulumi.Output.secret(self.kubeconfig)
        return kept
