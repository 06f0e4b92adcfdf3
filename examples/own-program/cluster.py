"""Stands for what makes your cluster: `eks.Cluster`, `gcp.container.Cluster`, a component of yours.

As with those, the kubeconfig is not known before `pulumi up` has made the cluster.
"""

from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class _ClusterProvider(ResourceProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        content = Path(props["kubeconfigFile"]).read_text(encoding="utf-8")
        return CreateResult("cluster", {**props, "kubeconfig": content})


class ExistingCluster(Resource):
    """A cluster that exists already; only its kubeconfig is read."""

    kubeconfig: pulumi.Output[str]

    def __init__(self, name: str, kubeconfig_file: str) -> None:
        super().__init__(
            _ClusterProvider(),
            name,
            {"kubeconfigFile": kubeconfig_file, "kubeconfig": None},
            pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"]),
        )
