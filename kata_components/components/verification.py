"""Shows after an install that Kata works, by running the user's pod."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.verification import verification, verification_seconds
from kata_components.settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class VerificationArgs:
    """The settings, and what has to be done before: the rollout or the DaemonSet, and the classes the pod may use."""

    settings: Settings
    needs: Sequence[pulumi.Resource]


class Verification(ManifestComponent):
    """The Job with its rights and its pod.

    A Job runs once, so a change of what is installed replaces it: the digest in its annotation is
    what Pulumi compares. So does any other change: an hour after its end the Job is gone, and what
    is gone cannot be updated.
    """

    def __init__(
        self, name: str, args: VerificationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        limit = f"{verification_seconds(args.settings)}s"
        child = pulumi.ResourceOptions(
            depends_on=args.needs,
            replace_on_changes=["metadata", "spec"],
            delete_before_replace=True,
            custom_timeouts=pulumi.CustomTimeouts(create=limit, update=limit),
        )
        super().__init__(
            tokens.VERIFICATION, name, verification(args.settings), opts, child=child, in_order=True
        )
