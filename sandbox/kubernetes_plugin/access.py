"""Which API server a kubeconfig stands for, and how to prove there who we are.

Owns: what the official plugin reads of a kubeconfig and this project's own client does not: the current context, and
the namespace of a context. Reading the rest and getting credentials is that client's.
"""

import asyncio
import os
import ssl
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.auth import credential_source, pem
from kata_components.kubernetes.credentials import Credential
from kata_components.kubernetes.kubeconfig import Cluster, Target, load

_HOME: Final = "~/.kube/config"


@dataclass(frozen=True)
class Place:
    """Where objects go: a context, and the namespace of objects that name none."""

    target: Target
    namespace: str


def place(kubeconfig: str, context: str, namespace: str) -> Place:
    """Return the place a kubeconfig stands for.

    Args:
        kubeconfig: a path, or the text of one; empty for `KUBECONFIG`, else `~/.kube/config`.
        context: empty for the current context.
        namespace: empty for that of the context, else `default`.

    Raises:
        KubeconfigError: it cannot be used; the text says why.
    """
    # The SDK makes the variable an argument of every provider; only as a variable may it be a list of paths.
    source = None if kubeconfig in {"", os.environ.get("KUBECONFIG", "")} else kubeconfig
    documents = _documents(source)
    chosen = context or next((name for one in documents if (name := one.get("current-context"))), "")
    if not chosen:
        raise KubeconfigError("the kubeconfig has no current-context: set the provider's argument context")
    return Place(load(chosen, source), namespace or _namespace(documents, chosen) or "default")


def different_clusters(olds: dict[str, Any], news: dict[str, Any]) -> bool:
    """Return whether two sets of provider arguments stand for different clusters, as far as that can be known."""
    try:
        old, new = (place(str(args.get("kubeconfig", "")), str(args.get("context", "")), "") for args in (olds, news))
    except KubeconfigError:
        return False
    return old.target.cluster != new.target.cluster


class Login:
    """The credential of one context, got when first asked for and again when it expired; for many threads."""

    def __init__(self, target: Target) -> None:
        self._cluster = target.cluster
        self._source = credential_source(target)
        self._lock = threading.Lock()
        self._credential = Credential()
        self._tls: ssl.SSLContext | None = None

    def authorization(self) -> str:
        """Return the Authorization header, empty when there is none.

        Raises:
            KubeconfigError: no credential could be had.
        """
        return self._current().authorization or ""

    def tls(self) -> ssl.SSLContext:
        """Return how to trust the server and which certificate to show; the same until the credential changes.

        Raises:
            KubeconfigError: a certificate cannot be used, or no credential could be had.
        """
        self._current()
        with self._lock:
            if self._tls is None:
                self._tls = _tls_context(self._cluster, self._credential)
            return self._tls

    def renew(self) -> bool:
        """Get a new credential for a rejected one; return whether there was another."""
        with self._lock:
            rejected = self._credential
            self._keep(asyncio.run(self._source.renewed(rejected)))
            return self._credential is not rejected

    def _current(self) -> Credential:
        with self._lock:
            self._keep(asyncio.run(self._source.current()))
            return self._credential

    def _keep(self, credential: Credential) -> None:
        if credential is not self._credential:
            self._credential, self._tls = credential, None


def _tls_context(cluster: Cluster, credential: Credential) -> ssl.SSLContext:
    authority = pem("certificate-authority", cluster.certificate_authority_data, cluster.certificate_authority)
    try:
        context = ssl.create_default_context(cadata=authority or None)
        if cluster.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if credential.certificate and credential.key:
            # The ssl module only takes files, so they lie in one for this moment.
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(f"{credential.certificate}\n{credential.key}")
                file.flush()
                context.load_cert_chain(file.name)
    except ssl.SSLError as error:
        raise KubeconfigError(f"certificates for {cluster.server} in the kubeconfig cannot be used: {error}") from error
    return context


def _documents(source: str | None) -> list[dict[str, Any]]:
    """Return the kubeconfigs as they are; what is wrong with them, `load` tells."""
    if source and ("\n" in source or source.lstrip().startswith("{")):
        return _parsed([source])
    paths = [source] if source else os.environ.get("KUBECONFIG", _HOME).split(os.pathsep)
    files = [file for path in paths if path and (file := Path(path).expanduser()).is_file()]
    if not files:
        raise KubeconfigError(f"no kubeconfig at {', '.join(paths)}: set the provider's argument kubeconfig")
    return _parsed([file.read_text(encoding="utf-8") for file in files])


def _parsed(texts: list[str]) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [yaml.load(text, loader) for text in texts]  # noqa: S506 - both loaders are safe ones
    except yaml.YAMLError:
        # The error's own text quotes the line, which may hold a token.
        raise KubeconfigError("the kubeconfig is not valid YAML") from None
    return [document for document in documents if isinstance(document, dict)]


def _namespace(documents: list[dict[str, Any]], context: str) -> str:
    named = (entry for document in documents for entry in document.get("contexts") or [])
    found = next(((entry.get("context") or {}) for entry in named if entry.get("name") == context), None)
    return str((found or {}).get("namespace") or "")
