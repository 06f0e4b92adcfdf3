"""`python -m sandbox doctor`: says what `make up` finds, what it will get, what is in its way.

Needs nothing but Python, so that it can run before anything is installed.
"""

from sandbox.doctor.cluster import cluster_findings
from sandbox.doctor.environment import environment_findings
from sandbox.doctor.finding import Finding, Mark
from sandbox.doctor.machine import machine_findings
from sandbox.doctor.programs import examined
from sandbox.paths import cache_dir
from sandbox.tools.downloads import sizes

__all__ = ["examine"]


def examine(cluster: str) -> int:
    """Print what was found; return 1 if `make up` would fail, else 0."""
    cache = cache_dir()
    programs = examined(cache / "tools", sizes)
    sections = {
        "Programs": programs.findings,
        "Machine": machine_findings(cache, programs.builds),
        f"Cluster {cluster}": cluster_findings(cache, cluster),
        "Environment": environment_findings(programs.builds),
    }
    for title, findings in sections.items():
        if findings:
            print(f"{title}\n{_rows(findings)}\n")
    if any(found.mark is Mark.FIX for findings in sections.values() for found in findings):
        print("`make up` would fail: first mend what is marked `fix`.")
        return 1
    print(f"`make up` will work. {programs.first}It takes about a minute.")
    return 0


def _rows(findings: list[Finding]) -> str:
    width = max(len(found.subject) for found in findings)
    return "\n".join(
        f"  {found.mark:4}  {found.subject:{width}}  {found.text}" for found in findings
    )
