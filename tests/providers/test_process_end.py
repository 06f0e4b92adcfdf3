"""How a provider process stops: cancelled, orphaned, or without a cluster."""

import json
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.process import Engine, Provider

Creating = Any
"""A call in progress; the SDK has no types for it."""

STAYS = "Running Jobs continue; no new Job is started. Run the same command again to continue."


@pytest.fixture
def rolling_out(fresh: Running, api: ApiServer, cluster: Cluster) -> Creating:
    """A create that waits for its first three nodes, whose Jobs hang."""
    cluster.fates.update(dict.fromkeys(cluster.nodes, "hangs"))
    fresh.installation.create(fresh.installation.check(inputs.installation()).inputs)
    creating = fresh.rollout.start_create(fresh.rollout.check(inputs.rollout(waves=[])).inputs)
    api.until(lambda: len(cluster.starts) == 3)
    return creating


def end_all_jobs(api: ApiServer, cluster: Cluster) -> None:
    def end() -> None:
        for name in cluster.jobs:
            cluster.end_job(name)

    api.do(end)


def test_cancel_ends_a_rollout_within_a_second_with_a_clean_text(
    fresh: Running, rolling_out: Creating, api: ApiServer, cluster: Cluster
) -> None:
    asked = time.monotonic()
    fresh.provider.cancel()
    error = rolling_out.exception()
    assert time.monotonic() - asked < 1.0
    assert isinstance(error, grpc.RpcError)
    assert (error.details() or "").endswith(f"cancelled. {STAYS}")
    assert "Traceback" not in (error.details() or "") + fresh.provider.errors.read_text()
    assert cluster.leases["kata-deploy"]["spec"] == {}, "the next run need not wait for it"
    end_all_jobs(api, cluster)
    assert len(cluster.starts) == 3


def test_an_idle_process_does_not_outlive_the_engine(fresh: Running) -> None:
    fresh.preflight.check(inputs.preflight())
    fresh.engine.stop()
    assert fresh.provider.ended() == 1


def test_a_cancelled_rollout_leaves_a_report_of_what_it_has_reached(
    fresh: Running, tmp_path: Path, cluster: Cluster
) -> None:
    cluster.fates = dict.fromkeys(cluster.nodes, "hangs")
    checked = fresh.installation.check(inputs.installation())
    fresh.installation.create(checked.inputs)
    wanted = fresh.rollout.check(inputs.rollout(waves=[], reportDir=str(tmp_path))).inputs
    rolling_out = fresh.rollout.start_create(wanted)
    fresh.engine.until(lambda said: said.status and "0/5 installed, 3 running" in said.text)
    fresh.provider.cancel()
    assert isinstance(rolling_out.exception(), grpc.RpcError)
    document = json.loads((tmp_path / "rollout.json").read_text())
    results = [node["result"] for node in document["nodes"]]
    assert results == ["working"] * 3 + ["waiting"] * 2
    assert document["failure"] == f"cancelled. {STAYS}"
    html = (tmp_path / "rollout.html").read_text()
    assert "✗ 0 of 5 nodes done, 3 interrupted, 2 not started</h1>" in html
    metrics = (tmp_path / "rollout.prom").read_text()
    assert re.search(r"^kata_deploy_rollout_success\{.*\} 0$", metrics, re.MULTILINE)


def test_work_that_begins_after_a_cancel_ends_at_once(fresh: Running, cluster: Cluster) -> None:
    checked = fresh.installation.check(inputs.installation())
    fresh.provider.cancel()
    with pytest.raises(grpc.RpcError, match="cancelled"):
        fresh.installation.create(checked.inputs)
    assert cluster.starts == []


def test_orphaned_provider_ends_and_starts_nothing_more(
    fresh: Running, rolling_out: Creating, api: ApiServer, cluster: Cluster
) -> None:
    fresh.engine.stop()
    error = rolling_out.exception()
    assert isinstance(error, grpc.RpcError)
    assert fresh.provider.ended() == 1, "nobody is left to call it"
    end_all_jobs(api, cluster)
    assert len(cluster.starts) == 3


def test_unknown_context_is_one_failure_of_every_check(tmp_path: Path, api: ApiServer) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    api.write_kubeconfig(kubeconfig)
    with ExitStack() as stack:
        engine = stack.enter_context(Engine())
        provider = stack.enter_context(
            Provider(engine, kubeconfig, tmp_path / "stderr", context="prdo")
        )
        running = Running(engine, provider, kubeconfig)
        for resource, props in (
            (running.rollout, inputs.rollout()),
            (running.installation, inputs.installation()),
        ):
            (failure,) = resource.check(props).failures
            assert "prdo" in failure
            assert "prod" in failure, "the contexts there are"
