"""The rights that a rollout needs; checked before anything is written.

`docs/operator-rbac.yaml` grants exactly what the whole program uses; an end-to-end test keeps them
in step.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from kata_components.kubernetes.api import KubeApi
from kata_components.wording import HOW_TO_GRANT


class Right(NamedTuple):
    """One verb on one resource."""

    verb: str
    group: str
    resource: str
    namespaced: bool
    """Whether it is needed in the installation's namespace, or else in the whole cluster."""
    name: str = ""
    """The one object it is needed for; empty for all."""

    def __str__(self) -> str:
        """Return it as `kubectl auth can-i` takes it."""
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource}/{self.name}" if self.name else f"{self.verb} {resource}"


def rollout_rights(lease: str, *, watches_nodes: bool = False, cron_job: str = "") -> list[Right]:
    """Return what a rollout and the cleanup after it need beyond what planning has just used.

    Planning lists nodes and Jobs, and gets the installation's Lease, whose name is `lease`.
    `cron_job` is the name of the CronJob for late nodes, if there is one.
    """
    leases = "coordination.k8s.io"
    on_nodes = ("get", "watch", "patch") if watches_nodes else ("get", "patch")
    on_cron_jobs = [Right("patch", "batch", "cronjobs", namespaced=True, name=cron_job)]
    return [
        *(on_cron_jobs if cron_job else ()),
        *(Right(verb, "", "nodes", namespaced=False) for verb in on_nodes),
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


def prelabel_rights(lease: str) -> list[Right]:
    """Return what labelling nodes ahead of an upgrade needs beyond what finding them has used."""
    return [
        *(Right(verb, "", "nodes", namespaced=False) for verb in ("get", "patch")),
        Right("update", "coordination.k8s.io", "leases", namespaced=True, name=lease),
    ]


async def missing_rights(api: KubeApi, namespace: str, rights: Iterable[Right]) -> list[str]:
    """Return one refusal that names all missing rights, or none."""
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
    verbs = ", ".join(f"{r} in {namespace}" if r.namespaced else str(r) for r in missing)
    return [f"this identity is not allowed to {verbs}. Nothing was written.\n  {HOW_TO_GRANT}."]
