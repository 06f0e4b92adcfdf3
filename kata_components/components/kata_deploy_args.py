"""The arguments of `KataDeploy`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pulumi

from kata_components.components.target_cluster import TargetCluster
from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings


@dataclass(frozen=True)
class KataDeployArgs:
    """What to install, and on which cluster."""

    settings: Settings | Mapping[str, Any]
    """The keys of docs/configuration.md with their values, `valuesFile` among them; or what
    `load_settings` has made of them."""
    kubeconfig: pulumi.Input[str] | None = None
    """The content of a kubeconfig; the state keeps it as a secret. Without it, `cluster` in the
    settings names a context."""
    cluster_in_stack_config: bool = False
    """Whether `cluster` comes from the key `kata-deploy:cluster` of the stack's configuration,
    where a destroy finds it; the state does not repeat it then."""

    @classmethod
    def of(cls, args: "Self | Settings | Mapping[str, Any]") -> "KataDeployArgs":
        """Return the arguments for whatever a program may pass."""
        return args if isinstance(args, KataDeployArgs) else KataDeployArgs(args)

    def loaded(self) -> Settings:
        """Return the settings.

        Raises:
            pulumi.RunError: they have problems; the text names each, without a traceback.
        """
        if isinstance(self.settings, Settings):
            return self.settings
        try:
            return load_settings(self.settings, given_kubeconfig=self.kubeconfig is not None)
        except SettingsError as error:
            raise pulumi.RunError(str(error)) from None

    def target(self, settings: Settings) -> TargetCluster:
        """Return the cluster that the kubeconfig, or else `settings`, names."""
        cluster = settings.cluster
        return TargetCluster(
            context=cluster.context,
            kubeconfig=cluster.kubeconfig if self.kubeconfig is None else self.kubeconfig,
            in_stack_config=self.cluster_in_stack_config,
        )
