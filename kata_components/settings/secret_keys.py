"""Configuration set with `--secret` that would appear in clear text nevertheless, and where."""

from collections.abc import Iterable, Iterator
from typing import Final

from kata_components.settings.problems import Problem

MAY_BE_SECRET: Final = frozenset({"valuesFile"})
"""Keys that only the program itself reads."""

_OBJECTS: Final = "in the state, in previews and in the objects in the cluster"
_ON_NODES: Final = (
    "in the state, in previews, in a ConfigMap and in the environment of the pods on every node"
)
_WHERE: Final = {
    "cluster": "in the state, as an input of the Kubernetes provider",
    "containerd": _ON_NODES,
    "customRuntimes": _ON_NODES,
    "env": _ON_NODES,
    "rollout": "in the state",
    "shims": _ON_NODES,
    "verification": "in the state, in previews and in a ConfigMap",
}
_INSTEAD: Final = {
    "containerd": "put registry credentials in imagePullSecrets, "
    "or in files on the nodes that containerd reads",
    "shims": "use a proxy that needs no password",
    "verification": "let the pod read a Secret in its namespace",
}


def refused_secrets(keys: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each key that would not remain secret. The keys are top-level ones.

    Pulumi reports no more than that: a secret anywhere inside a key makes the whole key secret.
    """
    for key in sorted(keys):
        top = key.partition(".")[0].partition("[")[0]
        instead = f"{_INSTEAD[top]}; " if top in _INSTEAD else ""
        yield Problem(
            (key,),
            f"was set with --secret, but would appear in clear text {_WHERE.get(top, _OBJECTS)}; "
            f"{instead}if anyone may read it there, set it again without --secret",
        )
