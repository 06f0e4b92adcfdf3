"""What the operator must be allowed for a rollout; asked before anything is written.

`docs/operator-rbac.yaml` grants exactly what the whole program uses; an end-to-end test holds both
together.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

from kata_components.kubernetes.api import KubeApi


class Right(NamedTuple):
    """One verb on one resource.

    `namespaced` ones are needed in the installation's namespace, some on one object.
    """

    verb: str
    group: str
    resource: str
    namespaced: bool
    name: str = ""

    def __str__(self) -> str:
        """Return it as `kubectl auth can-i` takes it."""
        return f"{self.verb} {self.resource}{self.group and '.' + self.group}{self.name and '/' + self.name}"


def rollout_rights(lease: str) -> list[Right]:
    """Return what a rollout and the cleanup after it need beside what planning has just used.

    Planning lists nodes and Jobs and gets the Lease of the installation, whose name is `lease`.
    """
    leases = "coordination.k8s.io"
    return [
        *(Right(verb, "", "nodes", namespaced=False) for verb in ("get", "patch")),
        *(
            Right(verb, "batch", "jobs", namespaced=True)
            for verb in ("create", "watch", "delete", "deletecollection")
        ),
        Right("list", "", "pods", namespaced=True),
        Right("create", leases, "leases", namespaced=True),
        *(
            Right(verb, leases, "leases", namespaced=True, name=lease)
            for verb in ("update", "delete")
        ),
    ]


HOW_TO_GRANT: Final = (
    "A cluster administrator can grant exactly what is needed: put user or group, namespace and suffix into "
    "docs/operator-rbac.yaml (with rollout.runsIn: cluster also into docs/operator-rbac-cluster.yaml), then "
    "`kubectl apply -f docs/operator-rbac.yaml`"
)


async def missing_rights(api: KubeApi, namespace: str, rights: Iterable[Right]) -> list[str]:
    """Return one refusal that names all missing rights, or nothing."""
    wanted = list(rights)
    answers = await asyncio.gather(
        *(
            api.can_i(r.verb, r.group, r.resource, namespace if r.namespaced else "", r.name)
            for r in wanted
        )
    )
    missing = [right for right, allowed in zip(wanted, answers, strict=True) if not allowed]
    if not missing:
        return []
    where = ", ".join(
        f"{right}" + (f" in {namespace}" if right.namespaced else "") for right in missing
    )
    return [f"this identity may not {where}. {HOW_TO_GRANT}; nothing was written."]
