"""Type tokens of our resources. They are part of every URN in users' state: changing one needs an alias."""

from typing import Final

KATA_DEPLOY: Final = "kata:index:KataDeploy"
NODE_RBAC: Final = "kata:index:NodeRbac"
DISPATCHER_RBAC: Final = "kata:index:DispatcherRbac"
JOB_TEMPLATES: Final = "kata:index:JobTemplates"
DISPATCHER_HOOK: Final = "kata:index:DispatcherHook"
DAEMON_SET_INSTALLER: Final = "kata:index:DaemonSetInstaller"
RUNTIME_CLASSES: Final = "kata:index:RuntimeClasses"
