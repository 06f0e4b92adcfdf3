"""The component resources of the program, one per file; `KataDeploy` is the one for programs."""

from kata_components.components.kata_deploy import KataDeploy
from kata_components.components.kata_deploy_args import KataDeployArgs

__all__ = ["KataDeploy", "KataDeployArgs"]
