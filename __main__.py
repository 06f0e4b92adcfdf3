"""One stack, one cluster: installs Kata Containers on its nodes. See README.md."""

import pulumi

from kata_components.components.kata_deploy import KataDeploy
from kata_components.components.stack_config import stack_args

deployment = KataDeploy("kata-deploy", stack_args())

pulumi.export("mode", deployment.mode)
pulumi.export("kataVersion", deployment.kata_version)
pulumi.export("rollout", deployment.rollout)
