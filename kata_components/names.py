"""Every name that other programs, users' state or upstream's node image rely on.

Changing one is a migration.

Sources: kata-contract sections 3.1 (object names), 5.6 (Job names, D32 to D34) and appendix A
(labels).
"""

import hashlib
import re
from typing import Final, Literal

PROJECT: Final = "kata-deploy"

JobKind = Literal["install", "cleanup"]
"""What a per-node Job, and the dispatcher Job that paces such Jobs, does."""

RUNTIME_LABEL: Final = "katacontainers.io/kata-runtime"
"""Upstream's node label, which RuntimeClasses select by."""

STAGE_LABEL: Final = "kata-deploy/stage"
DISPATCHER_LABEL: Final = "kata-deploy/dispatcher"
"""On upstream's dispatcher Jobs and their pods: `install` or `cleanup`."""
OWNER_LABEL: Final = "kata-deploy-job-dispatcher/owner"
NODE_LABEL: Final = "kata-deploy-job-dispatcher/node"
NODE_NAME_ANNOTATION: Final = "kata-deploy-job-dispatcher/node-name"

ANNOTATION_PREFIX: Final = "kata-deploy.katacontainers.io"
DIGEST_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/digest"
"""On a per-node Job: the host digest it installs."""
TEMPLATE_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/job-template"
"""On the pod of upstream's dispatcher: the template of its per-node Jobs, which is mounted as a
file."""
NODE_UID_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/node-uid"
"""On a per-node Job: the UID of the node it was stamped for."""
MACHINE_ID_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/machine-id"
"""On a per-node Job: the machine ID of that node, which changes where the node object outlives a
reinstallation."""
INSTALLATION_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/installation"
"""On the Lease: the id of the installation it belongs to."""
PREVIOUS_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/previous-installations"
"""On the Lease: ids that a replacement has taken its place of, newest first, by commas. Their end
cleans nothing."""
STACK_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/stack"
"""On the Lease and on every object of the program: the Pulumi stack it belongs to, as
`project/stack`."""
CLAIM_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/claim"
"""On the Lease: which nodes the installation was given by its last rollout, as JSON."""
TAKEN_OVER_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/taken-over"
"""On the Lease: when this installation took over the objects of a Helm release (RFC 3339, UTC)."""
_MARK_PREFIX: Final = f"{ANNOTATION_PREFIX}/installed-"

MAX_NAME: Final = 63
_HASH_LENGTH: Final = 24


def base(suffix: str) -> str:
    """Return the name that all objects of one installation begin with."""
    return f"{PROJECT}-{suffix}" if suffix else PROJECT


def suffixed(name: str, suffix: str) -> str:
    """Return `name` with the multi-install suffix behind it, as cluster-scoped objects have it."""
    return f"{name}-{suffix}" if suffix else name


def node_binding(suffix: str) -> str:
    """Return the name of the ClusterRoleBinding that gives the node program its rights."""
    return suffixed(f"{PROJECT}-rb", suffix)


def job_templates(suffix: str) -> str:
    """Return the name of the ConfigMap with the templates of the per-node Jobs."""
    return truncated(f"{base(suffix)}-job-templates")


def mark_annotation(suffix: str) -> str:
    """Return the key of the node annotation that says what this installation put on the node."""
    return f"{_MARK_PREFIX}{suffix or 'default'}"


def is_mark_annotation(key: str) -> bool:
    """Whether a node annotation is the mark of some installation."""
    return key.startswith(_MARK_PREFIX)


def installation_of(mark_annotation: str) -> str:
    """Return which installation a mark is of: its suffix, or `default`."""
    return mark_annotation.removeprefix(_MARK_PREFIX)


def instance_label(suffix: str) -> str:
    """Return the key of the node label by which upstream's dispatcher marks this installation's nodes (4.1.0)."""
    return f"{ANNOTATION_PREFIX}/{suffix or 'default'}"


def job_prefix(suffix: str, kind: JobKind) -> str:
    """Return the name prefix of the per-node Jobs of a kind, which is also their owner label."""
    return f"{base(suffix)}-{kind}"


def dispatcher_name(suffix: str, kind: JobKind) -> str:
    """Return the name of the dispatcher Job that paces the per-node Jobs of a kind."""
    return truncated(f"{base(suffix)}-{kind}-dispatcher")


def handler(shim: str, suffix: str, variant: str = "") -> str:
    """Return the name of a shim's handler and RuntimeClass.

    `variant` is the ending of those for debugging.
    """
    return f"{suffixed(f'kata-{shim}', suffix)}{variant}"


def verification_job(full_name: str) -> str:
    """Return the name of the Job that verifies an installation."""
    return f"{full_name}-verify"


def sanitised(text: str) -> str:
    """Return `text` as upstream turns it into a label value or a part of a name (D32)."""
    return re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")


def node_label(node: str) -> str:
    """Return the value of the label that says the node of a Job.

    Of long names only the beginning.
    """
    return sanitised(node)[:MAX_NAME].strip("-")


def job_name(prefix: str, node: str) -> str:
    """Return the name of the Job of one node: readable where that is unique, else with a hash (D32)."""
    whole = f"{prefix}-{node}"
    clean = sanitised(whole)
    if clean == whole and len(whole) <= MAX_NAME:
        return whole
    digest = hashlib.sha256(f"{prefix}\0{node}".encode()).hexdigest()[:_HASH_LENGTH]
    return f"{clean[: MAX_NAME - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def truncated(name: str) -> str:
    """Return `name` cut to what Kubernetes allows, as the chart cuts it."""
    return name[:MAX_NAME].rstrip("-")
