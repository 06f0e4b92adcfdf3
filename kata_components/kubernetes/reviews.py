"""Asks the API server what this identity may do (SelfSubjectAccessReview)."""

from typing import Any

from kata_components.kubernetes.objects import ApiRecord


class ReviewStatus(ApiRecord):
    """`status` of a review."""

    allowed: bool = False


class AccessReview(ApiRecord):
    """A review with its answer."""

    status: ReviewStatus | None = None

    @property
    def allowed(self) -> bool:
        """Whether this identity may do it."""
        return self.status is not None and self.status.allowed


def access_review(
    verb: str, group: str, resource: str, namespace: str, name: str
) -> dict[str, Any]:
    """Return a review as it goes over the wire; `resource` may be `pods/log`."""
    kind, _, subresource = resource.partition("/")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": kind,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
