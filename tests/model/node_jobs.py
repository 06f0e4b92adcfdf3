"""What a per-node Job says of itself."""

from kata_components import names
from tests.model.history import Object


def node_of(job: Object) -> str:
    node: str = job["metadata"]["annotations"][names.NODE_NAME_ANNOTATION]
    return node


def installs(job: Object) -> bool:
    """Return whether it installs Kata; otherwise it is a cleanup."""
    return bool(job["metadata"]["labels"][names.STAGE_LABEL] == "install")


def suffix_of(job: Object) -> str:
    """Return the suffix of the installation that it belongs to."""
    labels = job["metadata"]["labels"]
    base: str = labels.get(names.OWNER_LABEL, "").removesuffix(f"-{labels[names.STAGE_LABEL]}")
    return base.removeprefix(names.PROJECT).removeprefix("-")


def handlers_of(job: Object) -> set[str]:
    """Return the handlers that it configures, those of `qemu` if it does not say."""
    pod = job["spec"]["template"]["spec"]
    env = {e["name"]: e.get("value", "") for c in pod["containers"] for e in c.get("env", ())}
    shims = env.get("SHIMS_X86_64", "qemu").split()
    return {names.handler(shim, suffix_of(job)) for shim in shims}


def is_token_free(job: Object) -> bool:
    """Return whether it has no token; then whoever paces it labels its node."""
    return job["spec"]["template"]["spec"].get("automountServiceAccountToken") is False


def is_active(job: Object) -> bool:
    """Return whether it has not ended."""
    ends = {"Complete", "Failed"}
    return not any(condition["type"] in ends for condition in job["status"].get("conditions", ()))
