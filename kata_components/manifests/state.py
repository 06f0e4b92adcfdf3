"""The state of the installation in the cluster: its suffix and mode, which never change (4.1.0)."""

from kata_components import names
from kata_components.manifests.builders import Manifest, config_map
from kata_components.settings.settings import Settings


def state(settings: Settings) -> list[Manifest]:
    """Return the ConfigMap with the identity of the installation, where the version has it."""
    if not settings.traits.state_config_map:
        return []
    name = names.truncated(f"{settings.helm_release_name}-{names.PROJECT}-state")
    data = {
        "multiInstallSuffix": settings.env.multi_install_suffix,
        "deploymentMode": settings.deployment_mode,
    }
    return [config_map(settings, name, data)]
