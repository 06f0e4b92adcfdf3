"""A stack of plain Kubernetes objects, to compare previews with."""

import pulumi
import pulumi_kubernetes
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.node.v1 import RuntimeClass

config = pulumi.Config()
cluster = pulumi_kubernetes.Provider("cluster", context=config.require("context"))
options = pulumi.ResourceOptions(provider=cluster)
ServiceAccount("account", metadata={"name": "bare", "namespace": "kube-system"}, opts=options)
for number in range(config.require_int("classes")):
    RuntimeClass(
        f"class-{number}", metadata={"name": f"bare-{number}"}, handler="runc", opts=options
    )
