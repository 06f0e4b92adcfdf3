"""One stack, one cluster: installs Kata Containers on its nodes. See README.md."""

import pulumi

from kata_components.components.kata_deploy import KataDeploy
from kata_components.components.stack_config import stack_settings

settings = stack_settings()
deployment = KataDeploy("kata-deploy", settings)

pulumi.export("mode", settings.deployment_mode)
pulumi.export("kataVersion", settings.kata_version)
pulumi.export("rollout", deployment.rollout)
