"""A Pulumi stack for the bench on one cluster, and the cost of its commands."""

import json
import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from bench.process import Usage, watch
from sandbox.cluster import Cluster
from sandbox.paths import CHECKOUT, cache_dir
from sandbox.shell import environment


@dataclass(frozen=True)
class Timed:
    """One command: wall-clock seconds, and the usage of the provider process."""

    seconds: float
    usage: Usage


class Stack:
    """A stack with a state of its own; `config` is its whole configuration."""

    def __init__(
        self, home: Path, cluster: Cluster, config: dict[str, Any], program: Path = CHECKOUT
    ) -> None:
        self._program = program
        self._config = home / "Pulumi.bench.yaml"
        self._state = home / "state"
        self._state.mkdir(parents=True)
        backend = {"PULUMI_BACKEND_URL": f"file://{self._state}"}
        self._environment = {**os.environ, **environment(cluster, cache_dir()), **backend}
        self._config.write_text(yaml.safe_dump({"config": config}))
        self._pulumi("stack", "init", "bench", "--no-select")
        for folder in (program, program / "stacks"):
            (folder / "Pulumi.bench.yaml").unlink(missing_ok=True)

    @classmethod
    def of_job_mode(cls, home: Path, cluster: Cluster, **keys: Any) -> Self:  # noqa: ANN401 - configuration
        """Return a stack in job mode with everything in one wave; `keys` are more configuration."""
        values = {
            "kataVersion": "4.0.0",
            "deploymentMode": "job",
            "cluster": {"context": cluster.context},
            "rollout": {"waves": []},
        }
        return cls(
            home, cluster, {f"kata-deploy:{key}": value for key, value in (values | keys).items()}
        )

    def preview(self) -> Timed:
        """Run a preview."""
        return self._timed("preview")

    def previews(self, count: int) -> float:
        """Return the median seconds of `count` previews."""
        return statistics.median(self.preview().seconds for _ in range(count))

    def resources(self) -> int:
        """Return how many resources a preview of the empty stack would create."""
        steps = json.loads(
            self._pulumi(
                "preview", "--stack", "bench", "--config-file", str(self._config), "--json"
            )
        )
        return int(steps["changeSummary"]["create"])

    def up(self) -> Timed:
        """Run an update without a preview."""
        return self._timed("up", "--yes", "--skip-preview")

    def state(self) -> str:
        """Return the exported state."""
        return self._pulumi("stack", "export", "--stack", "bench")

    def outcome(self) -> dict[str, Any]:
        """Return the outcome of the last rollout."""
        resources = json.loads(self.state())["deployment"]["resources"]
        outcome: dict[str, Any] = next(
            r["outputs"]["outcome"] for r in resources if r["type"].endswith("kata:Rollout")
        )
        return outcome

    def _timed(self, *command: str) -> Timed:
        done = threading.Event()
        usages: list[Usage] = []
        watcher = threading.Thread(target=lambda: usages.append(watch(str(self._state), done)))
        watcher.start()
        began = time.monotonic()
        try:
            self._pulumi(*command, "--stack", "bench", "--config-file", str(self._config))
        finally:
            seconds = time.monotonic() - began
            done.set()
            watcher.join()
        return Timed(seconds, usages[0])

    def _pulumi(self, *command: str) -> str:
        ended = subprocess.run(
            ["pulumi", *command, "--non-interactive"],
            cwd=self._program,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"pulumi {command[0]} failed:\n{ended.stdout}{ended.stderr}")
        return ended.stdout
