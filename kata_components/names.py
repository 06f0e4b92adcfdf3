"""Every name that other programs, users' state or upstream's node image rely on.

Changing one is a migration. Sources: kata-contract sections 3.1 (object names), 5.6 (Job names,
D32 to D34) and appendix A (labels).
"""

import hashlib
import re
from typing import Final, Literal

PROJECT: Final = "kata-deploy"

JobKind = Literal["install", "cleanup"]
"""What a per-node Job, and the dispatcher Job that paces such Jobs, does."""

RUNTIME_LABEL: Final = "katacontainers.io/kata-runtime"
"""Upstream's node label, by which RuntimeClasses select nodes."""

STAGE_LABEL: Final = "kata-deploy/stage"
"""On upstream's per-node Jobs and their pods: `install` or `cleanup`."""
DISPATCHER_LABEL: Final = "kata-deploy/dispatcher"
"""On upstream's dispatcher Jobs and their pods: `install`, `cleanup` or `reconcile`."""
RECONCILE: Final = "reconcile"
"""What a dispatcher does that a CronJob starts: it installs on late nodes."""
OWNER_LABEL: Final = "kata-deploy-job-dispatcher/owner"
"""On a per-node Job: the name prefix of its kind."""
NODE_LABEL: Final = "kata-deploy-job-dispatcher/node"
"""On a per-node Job: its node, as far as a label can hold the name."""
NODE_NAME_ANNOTATION: Final = "kata-deploy-job-dispatcher/node-name"
"""On a per-node Job: the whole name of its node."""
RESULT_LABEL: Final = "kata-deploy-job-dispatcher/result"
"""On a node: what became of its last Job, `succeeded` or `failed`."""
ERROR_ANNOTATION: Final = "kata-deploy-job-dispatcher/error"
"""On a node whose last Job failed: why."""
FINISHED_AT_ANNOTATION: Final = "kata-deploy-job-dispatcher/finished-at"
"""On a node: when that was recorded (RFC 3339, UTC, whole seconds)."""

ANNOTATION_PREFIX: Final = "kata-deploy.katacontainers.io"
DIGEST_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/digest"
"""On a per-node Job: the host digest it installs."""
TEMPLATE_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/job-template"
"""On the pod of upstream's dispatcher: the template of its per-node Jobs, mounted as a file."""
NODE_UID_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/node-uid"
"""On a per-node Job: the UID of the node it was created for."""
MACHINE_ID_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/machine-id"
"""On a per-node Job: the machine ID of that node, which differs after a reinstallation even if the
node object stays."""
INSTALLATION_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/installation"
"""On the Lease: the id of the installation it belongs to."""
PREVIOUS_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/previous-installations"
"""On the Lease: ids of the installations this one replaced, comma-separated, newest first. Deleting
those cleans nothing."""
STACK_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/stack"
"""On the Lease and on every object of the program: its Pulumi stack, as `project/stack`."""
CLAIM_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/claim"
"""On the Lease: which nodes the last rollout assigned to the installation, as JSON."""
ADOPTED_ANNOTATION: Final = f"{ANNOTATION_PREFIX}/taken-over"
"""On the Lease: when this installation adopted the objects of a Helm release (RFC 3339, UTC)."""
_MARK_PREFIX: Final = f"{ANNOTATION_PREFIX}/installed-"

MAX_NAME: Final = 63
MAX_CRON_NAME: Final = 52
_HASH_LENGTH: Final = 24


def base(suffix: str) -> str:
    """Return the prefix of the names of all objects of one installation."""
    return f"{PROJECT}-{suffix}" if suffix else PROJECT


def suffixed(name: str, suffix: str) -> str:
    """Return `name` followed by the multi-install suffix, as in cluster-scoped objects."""
    return f"{name}-{suffix}" if suffix else name


def node_binding(suffix: str) -> str:
    """Return the name of the ClusterRoleBinding of the program that runs on nodes."""
    return suffixed(f"{PROJECT}-rb", suffix)


def job_templates(suffix: str) -> str:
    """Return the name of the ConfigMap with the templates of the per-node Jobs."""
    return truncated(f"{base(suffix)}-job-templates")


def mark_annotation(suffix: str) -> str:
    """Return the key of the mark, the annotation that says what is installed on a node."""
    return f"{_MARK_PREFIX}{suffix or 'default'}"


def is_mark_annotation(key: str) -> bool:
    """Whether a node annotation is the mark of some installation."""
    return key.startswith(_MARK_PREFIX)


def installation_of(mark_annotation: str) -> str:
    """Return the installation that a mark belongs to: its suffix, or `default`."""
    return mark_annotation.removeprefix(_MARK_PREFIX)


def instance_label(suffix: str) -> str:
    """Return the key of the node label that upstream's dispatcher sets per installation (4.1.0)."""
    return f"{ANNOTATION_PREFIX}/{suffix or 'default'}"


def is_instance_label(key: str) -> bool:
    """Whether a node label is the one that some installation has of its own."""
    return key.startswith(f"{ANNOTATION_PREFIX}/")


def job_prefix(suffix: str, kind: JobKind) -> str:
    """Return the name prefix of the per-node Jobs of a kind, which is also their owner label."""
    return f"{base(suffix)}-{kind}"


def dispatcher_name(suffix: str, kind: JobKind) -> str:
    """Return the name of the dispatcher Job that paces the per-node Jobs of a kind."""
    return truncated(f"{base(suffix)}-{kind}-dispatcher")


def reconcile(suffix: str) -> str:
    """Return the name of the CronJob for late nodes; its Jobs append a time to it."""
    return f"{base(suffix)}-reconcile"[:MAX_CRON_NAME].rstrip("-")


def handler(shim: str, suffix: str, variant: str = "") -> str:
    """Return the name of a shim's handler and RuntimeClass; debugging ones end in a `variant`."""
    return f"{suffixed(f'kata-{shim}', suffix)}{variant}"


def verification_job(full_name: str) -> str:
    """Return the name of the Job that verifies an installation."""
    return f"{full_name}-verify"


def sanitised(text: str) -> str:
    """Return `text` as upstream sanitises it for a label value or a part of a name (D32)."""
    return re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")


def node_label(node: str) -> str:
    """Return the value of the label that names a Job's node; long names are cut."""
    return sanitised(node)[:MAX_NAME].strip("-")


def job_name(prefix: str, node: str) -> str:
    """Return the name of a node's Job: readable where that is unique, else with a hash (D32)."""
    whole = f"{prefix}-{node}"
    clean = sanitised(whole)
    if clean == whole and len(whole) <= MAX_NAME:
        return whole
    digest = hashlib.sha256(f"{prefix}\0{node}".encode()).hexdigest()[:_HASH_LENGTH]
    return f"{clean[: MAX_NAME - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def truncated(name: str) -> str:
    """Return `name` cut to the length Kubernetes allows, as the chart does it."""
    return name[:MAX_NAME].rstrip("-")
