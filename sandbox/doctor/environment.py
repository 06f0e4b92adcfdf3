"""Variables of this shell that change what `make up` does."""

import os

from sandbox.doctor.finding import Finding, Mark

SET_FOR_THE_CLUSTER = frozenset(
    {
        "KUBECONFIG",
        "KWOK_KUBE_VERSION",
        "KWOK_WORKDIR",
        "PATH",
        "PULUMI_BACKEND_URL",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_HOME",
        "PULUMI_K8S_ENABLE_PATCH_FORCE",
        "PULUMI_PYTHON_CMD",
        "PULUMI_SKIP_UPDATE_CHECK",
    }
)
"""What `make up` sets by itself, whatever it was before."""
_READERS = {
    "KATA_DEPLOY_": "the program",
    "KWOK_": "kwokctl",
    "PULUMI_K8S_": "Pulumi's Kubernetes provider",
    "PULUMI_": "Pulumi",
    "PYTHONPATH": "every Python",
}
_HARMLESS = frozenset({"PULUMI_ACCESS_TOKEN"})
_SPOIL_BUILDS = {"GOARCH": None, "GOOS": None, "GO111MODULE": "off", "GOPROXY": "off"}
"""Variables that make builds fail, and with which value (None: any)."""


def environment_findings(builds: bool) -> list[Finding]:
    """Look at the variables; those of Go matter only if something has to be built."""
    findings = [
        Finding(Mark.NOTE, name, f"is read by {reader}: unset it if `make up` behaves oddly")
        for name, reader in sorted(_read())
    ]
    if builds:
        findings += [
            Finding(Mark.FIX, name, f"={os.environ[name]} makes builds fail: unset it")
            for name, value in _SPOIL_BUILDS.items()
            if os.environ.get(name) and value in {None, os.environ[name]}
        ]
    if "KUBECONFIG" in os.environ:
        text = "is left alone: the local cluster has one of its own, which `make env` sets"
        findings.append(Finding(Mark.OK, "KUBECONFIG", text))
    return findings


def _read() -> set[tuple[str, str]]:
    """Return the variables that programs read, each with the first reader that claims it."""
    names = os.environ.keys() - SET_FOR_THE_CLUSTER - _HARMLESS
    return {
        (name, next(reader for prefix, reader in _READERS.items() if name.startswith(prefix)))
        for name in names
        if name.startswith(tuple(_READERS))
    }
