"""The local cluster and its stack: files, ports and locks in the way of `make up`."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sandbox.doctor.finding import Finding, Mark
from sandbox.ports import COMPONENTS, is_free
from sandbox.processes import command_line

_AFRESH = "start over with `make clean` and `make up`"


def cluster_findings(cache: Path, name: str) -> list[Finding]:
    """Look at the cluster of that name, and at the locks of its stack."""
    config, runtime = cache / "clusters" / name / "kwok.yaml", cache / "kwok" / "clusters" / name
    if config.exists() and runtime.exists():
        findings = list(_cluster(config.read_text(encoding="utf-8"), runtime))
    else:
        findings = [Finding(Mark.OK, "state", "not created: `make up` creates it")]
    return [*findings, *_locks(cache / "state" / name)]


def _cluster(config: str, runtime: Path) -> Iterator[Finding]:
    running = {
        file.stem
        for file in (runtime / "pids").glob("*.pid")
        if str(runtime) in command_line(file.read_text(encoding="utf-8").strip())
    }
    ports = {option: int(port) for option, port in re.findall(r"(\w+Port): (\d+)", config)}
    if "kube-apiserver" in running:
        yield Finding(Mark.OK, "state", f"running, API server on port {ports['kubeApiserverPort']}")
    else:
        yield Finding(Mark.OK, "state", "stopped: `make up` starts it")
    for program in re.findall(r"Binary: (\S+)", config):
        if not Path(program).exists():
            yield Finding(Mark.FIX, Path(program).name, f"{program} is gone: {_AFRESH}")
    for option, port in ports.items():
        component = COMPONENTS[option]
        if component not in running and not is_free(port):
            text = f"{component} needs it, but {_listener(port)} has it: end that, or {_AFRESH}"
            yield Finding(Mark.FIX, f"port {port}", text)


def _listener(port: int) -> str:
    """Return who listens on a port, as far as this user can see."""
    if shutil.which("ss"):
        command = ["ss", "-Hltnp", f"sport = :{port}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        found = re.search(r'\("(.+?)",pid=(\d+)', answer.stdout)
        if found:
            return f"{found[1]} (process {found[2]})"
    return f"another program (`sudo lsof -i :{port}` shows which)"


def _locks(state: Path) -> Iterator[Finding]:
    """Look for locks that the Pulumi CLI leaves in its state when it is killed."""
    for file in (state / ".pulumi" / "locks").rglob("*.json"):
        lock = json.loads(file.read_text(encoding="utf-8"))
        owner = f"pulumi (process {lock['pid']})"
        if lock["hostname"] == socket.gethostname() and not command_line(str(lock["pid"])):
            text = f'{owner} was killed: eval "$(make -s env)", then pulumi cancel --stack local'
            yield Finding(Mark.FIX, "stack lock", text)
        else:
            text = f"{owner} of {lock['username']} on {lock['hostname']} is at work: wait for it"
            yield Finding(Mark.FIX, "stack lock", text)
