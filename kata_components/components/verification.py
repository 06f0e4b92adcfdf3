"""Shows that Kata works after an install, by running the user's pod."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from kata_components.components import tokens
from kata_components.components.manifest_component import ManifestComponent
from kata_components.manifests.verification import verification, verification_seconds
from kata_components.settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class VerificationArgs:
    """Arguments of `Verification`."""

    settings: Settings
    needs: Sequence[pulumi.Resource]
    """What must be done first: the rollout, or the DaemonSet and the classes the pod may use."""


class Verification(ManifestComponent):
    """The Job with its rights and its pod.

    A Job runs once, so a change of what is installed replaces it: Pulumi compares the digest in its
    annotation. Any other change replaces it too: an hour after its end the Job is gone and cannot
    be updated.
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
