"""The TLS context of connections to a cluster: what they trust, which certificate they present."""

import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.cluster_access import Cluster
from kata_components.kubernetes.credentials import Credential
from kata_components.kubernetes.pem import pem


def tls_context(cluster: Cluster, credential: Credential) -> ssl.SSLContext:
    """Return the TLS context of connections to the cluster.

    Loads the system's trust store, which is slow, only if the kubeconfig names no authority.

    Raises:
        KubeconfigError: authority, certificate or key cannot be used.
    """
    authority = pem(
        "certificate-authority", cluster.certificate_authority_data, cluster.certificate_authority
    )
    if authority and cluster.insecure_skip_tls_verify:
        raise KubeconfigError(
            "the kubeconfig has both certificate-authority and insecure-skip-tls-verify: remove one"
        )
    plain = urlsplit(cluster.server).scheme == "http"
    if authority or cluster.insecure_skip_tls_verify or plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if cluster.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if authority:
            # Certificates are ASCII, comments between them may be any text.
            context.load_verify_locations(cadata=authority.encode("ascii", "ignore").decode())
        if credential.certificate:
            _present(context, credential)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "not PEM"
        raise KubeconfigError(
            f"certificate-authority, client-certificate or client-key cannot be used: {reason}"
        ) from None
    return context


def _present(context: ssl.SSLContext, credential: Credential) -> None:
    # Python's ssl takes a client certificate only from a file; the folder is private and
    # short-lived.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_text(f"{credential.certificate}\n{credential.key}", encoding="utf-8")
        # Without a password, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(path, password="")
