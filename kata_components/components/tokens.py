"""Type tokens of our resources.

They are part of every URN in users' state, so changing one needs an alias.
"""

from typing import Final

KATA_DEPLOY: Final = "kata:index:KataDeploy"
NODE_RBAC: Final = "kata:index:NodeRbac"
DISPATCHER_RBAC: Final = "kata:index:DispatcherRbac"
JOB_TEMPLATES: Final = "kata:index:JobTemplates"
DISPATCHER_HOOK: Final = "kata:index:DispatcherHook"
RECONCILE: Final = "kata:index:Reconcile"
DAEMON_SET_INSTALLER: Final = "kata:index:DaemonSetInstaller"
RUNTIME_CLASSES: Final = "kata:index:RuntimeClasses"
STATE: Final = "kata:index:State"
CUSTOM_RUNTIMES: Final = "kata:index:CustomRuntimes"
MOUNTED_CONFIGS: Final = "kata:index:MountedConfigs"
NODE_FEATURE_DISCOVERY: Final = "kata:index:NodeFeatureDiscovery"
NODE_FEATURE_RULES: Final = "kata:index:NodeFeatureRules"
MONITOR: Final = "kata:index:Monitor"
VERIFICATION: Final = "kata:index:Verification"
