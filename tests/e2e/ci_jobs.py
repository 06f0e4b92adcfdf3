"""Runs the jobs of a CI example as GitHub or GitLab would, with the shell steps for real.

Actions of others are replaced by what the example relies on: a clone of the commit, artifacts.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.stack import CHECKOUT, NAME, Run

_EXAMPLES = CHECKOUT / "examples" / "ci"
GITHUB: dict[str, Any] = yaml.safe_load((_EXAMPLES / "github.yml").read_text(encoding="utf-8"))
GITLAB: dict[str, Any] = yaml.safe_load((_EXAMPLES / "gitlab.yml").read_text(encoding="utf-8"))
_EXPRESSION = re.compile(r"\$\{\{ (\S+) \}\}")


@dataclass(frozen=True)
class Ci:
    """A CI system for one repository."""

    repository: Path
    home: Path
    """Where the jobs work, and where their artifacts are kept."""
    machine: Mapping[str, str]
    """The environment of every job."""
    variables: Mapping[str, str]
    """The variables of the GitLab project, which all its jobs get."""
    expressions: Mapping[str, str]
    """What GitHub puts in the place of its expressions."""

    def artifact(self, job: str) -> Path:
        """Return the folder with the artifacts of a job that has run."""
        return self.home / "artifacts" / job

    def github(self, job: str) -> Run:
        """Run a job of github.yml on the newest commit, up to the first step that fails."""
        folder = self._folder(job)
        runs: list[Run] = []
        values = {**self.expressions, "github.job": job, "runner.temp": str(folder)}
        for step in GITHUB["jobs"][job]["steps"]:
            failed = any(not run.ok for run in runs)
            if failed and step.get("if") != "!cancelled()":
                continue
            if "run" in step:
                own = {**GITHUB["env"], **step.get("env", {})}
                files = {"RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": f"{folder}/summary"}
                settings = {name: _evaluated(text, values) for name, text in own.items()}
                runs.append(self._shell(folder / "work", step["run"], {**files, **settings}))
            else:
                self._act(step, folder / "work", values)
        return Run(max(run.code for run in runs), "".join(run.text for run in runs))

    def gitlab(self, job: str) -> Run:
        """Run a job of gitlab.yml on the newest commit."""
        work = self._folder(job) / "work"
        self._clone(work)
        for needed in GITLAB[job].get("needs", []):
            shutil.copytree(self.artifact(needed), work, dirs_exist_ok=True)
        settings = {name: str(value) for name, value in GITLAB["variables"].items()}
        script = "\n".join(GITLAB["default"]["before_script"] + GITLAB[job]["script"])
        run = self._shell(work, script, {**settings, **self.variables, "AWS_ID_TOKEN": "token"})
        for path in GITLAB["default"]["artifacts"]["paths"]:
            shutil.copytree(work / path, self.artifact(job) / path)
        return run

    def _folder(self, job: str) -> Path:
        folder = self.home / f"{len(list(self.home.iterdir()))}-{job}"
        (folder / "work").mkdir(parents=True)
        return folder

    def _act(self, step: Mapping[str, Any], work: Path, values: Mapping[str, str]) -> None:
        action = step["uses"].partition("@")[0]
        if action == "actions/checkout":
            self._clone(work)
        elif action in {"actions/upload-artifact", "actions/download-artifact"}:
            here = work / step["with"]["path"]
            kept = self.artifact(_evaluated(step["with"]["name"], values))
            source, target = (here, kept) if "upload" in action else (kept, here)
            shutil.copytree(source, target)

    def _clone(self, work: Path) -> None:
        subprocess.run(["git", "clone", "--quiet", self.repository, work], check=True)

    def _shell(self, work: Path, script: str, settings: Mapping[str, str]) -> Run:
        ended = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=work,
            env={**self.machine, **settings, "PULUMI_STACK": NAME},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Run(ended.returncode, ended.stdout)


def shell_lines(node: object) -> Iterator[str]:
    """Yield every shell line of an example."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"run", "script", "before_script"}:
                yield from [value] if isinstance(value, str) else value
            else:
                yield from shell_lines(value)
    elif isinstance(node, list):
        for value in node:
            yield from shell_lines(value)


def _evaluated(text: str, values: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: values[found[1]], text)
