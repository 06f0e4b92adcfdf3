"""The tolerations that Kubernetes adds to the pods of a DaemonSet, and upstream to per-node Jobs.

Without pydantic, which would slow down the start of the providers.
"""

from typing import Final

IMPLIED_TOLERATIONS: Final = tuple(
    {"key": f"node.kubernetes.io/{condition}", "operator": "Exists", "effect": effect}
    for effect, conditions in {
        "NoExecute": ("not-ready", "unreachable"),
        "NoSchedule": ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"),
    }.items()
    for condition in conditions
)
