"""Arguments of the provider resource: which exist, what they mean, what the stand-in cannot do.

They arrive as strings; what is no string in the program is JSON (`"true"`). Source of the names: the inputs that
`pulumi_kubernetes.Provider` 4.32.0 serialises. Where an argument is missing, the environment variable decides that the
official plugin reads.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from sandbox.kubernetes_plugin.values import Properties, Unknown, plain

_VARIABLE_PREFIX: Final = "kubernetes:config:"

_ENVIRONMENT: Final = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
_TEXTS: Final = ("clusterIdentifier", "context", "kubeconfig", "namespace")
_WITHOUT_EFFECT: Final = (
    "enableReplaceCRD",
    "helmReleaseSettings",
    "kubeClientSettings",
    "strictMode",
    "suppressDeprecationWarnings",
    "suppressHelmHookWarnings",
)
_OF_THE_ENGINE: Final = ("pluginDownloadURL", "version")
_UNSUPPORTED: Final = {
    "alwaysRender": ("true", "it never renders to files"),
    "cluster": (None, "set context instead"),
    "enableServerSideApply": ("false", "it always uses server-side apply"),
    "renderYamlToDirectory": (None, "it never renders to files"),
}
"""Arguments the stand-in cannot honour: the value it refuses (None: any), and what to tell."""
_PLACE: Final = ("kubeconfig", "context")

_KNOWN: Final = {*_ENVIRONMENT, *_TEXTS, *_WITHOUT_EFFECT, *_OF_THE_ENGINE, *_UNSUPPORTED}


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """How the plugin reaches the cluster and what it may do there."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    upsert: bool = False
    force: bool = False
    config_maps_mutable: bool = False
    secrets_mutable: bool = False
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False


def from_variables(variables: Mapping[str, str]) -> ProviderSettings:
    """Return the settings in the variables of a `Configure` call, whose keys are `kubernetes:config:<name>`."""

    def text(name: str) -> str:
        return variables.get(_VARIABLE_PREFIX + name, "")

    def flag(name: str) -> bool:
        return (text(name) or os.environ.get(_ENVIRONMENT[name], "")) == "true"

    return ProviderSettings(
        kubeconfig=text("kubeconfig"),
        context=text("context"),
        namespace=text("namespace"),
        upsert=flag("upsertExistingObjects"),
        force=flag("enablePatchForce"),
        config_maps_mutable=flag("enableConfigMapMutable"),
        secrets_mutable=flag("enableSecretMutable"),
        delete_unreachable=flag("deleteUnreachable"),
        skip_update_unreachable=flag("skipUpdateUnreachable"),
    )


def problems(arguments: Properties) -> list[tuple[str, str]]:
    """Return the arguments of a provider resource that cannot be used, each with the reason."""
    return [
        (name, reason)
        for name, value in plain(arguments).items()
        if not name.startswith("__") and (reason := _problem(name, value))
    ]


def _problem(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    if name not in _KNOWN:
        close = get_close_matches(name, _KNOWN, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"the Kubernetes provider has no argument of that name{hint}"
    refused, advice = _UNSUPPORTED.get(name, ("", ""))
    return f"not supported by the stand-in plugin: {advice}" if value and refused in (None, value) else ""


def changed(olds: Properties, news: Properties) -> list[str]:
    """Return the arguments that differ."""
    return sorted(name for name in {*olds, *news} if olds.get(name) != news.get(name))


def replacing(olds: Properties, news: Properties, *, other_cluster: bool) -> list[str]:
    """Return the arguments whose change means another cluster, so that all objects have to be made anew.

    Args:
        olds: the arguments as they were.
        news: the arguments as they will be.
        other_cluster: whether both kubeconfigs could be read and stand for different clusters.
    """
    names = changed(olds, news)
    if olds.get("clusterIdentifier") and news.get("clusterIdentifier"):
        return [name for name in names if name == "clusterIdentifier"]
    unknown = [name for name in _PLACE if isinstance(news.get(name), Unknown)]
    return unknown or [name for name in _PLACE if name in names and other_cluster]
