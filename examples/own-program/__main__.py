"""A cluster, and Kata Containers on its nodes, in one program."""

import pulumi
from cluster import ExistingCluster

from kata_components.components import KataDeploy, KataDeployArgs

cluster = ExistingCluster("cluster", pulumi.Config().require("kubeconfigFile"))

# The keys of docs/configuration.md: Helm's values for kata-deploy, `kataVersion`, `rollout`.
settings = {
    "kataVersion": "4.2.0",
    "deploymentMode": "job",
    "shims": {"disableAll": True, "qemu": {"enabled": True}},
    "defaultShim": {"amd64": "qemu", "arm64": "qemu"},
}
kata = KataDeploy("kata", KataDeployArgs(settings, kubeconfig=cluster.kubeconfig))

# A second installation beside it, for troubleshooting, only on the nodes with this label.
debug_settings = {
    **settings,
    "debug": True,
    "env": {"multiInstallSuffix": "debug"},
    "nodeSelector": {"kata-debug": "enabled"},
    "rollout": {"existing": "install"},
}
debug = KataDeploy(
    "kata-debug",
    KataDeployArgs(debug_settings, kubeconfig=cluster.kubeconfig),
    pulumi.ResourceOptions(depends_on=[kata]),
)

pulumi.export("rollout", kata.rollout)
pulumi.export("debugRollout", debug.rollout)
