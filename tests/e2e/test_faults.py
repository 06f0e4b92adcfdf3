"""Faults with a real control plane: no node lost, none installed twice, nothing left over.

The provider process is driven directly, as by the engine, so that it can be killed often;
`test_interruptions` covers what the CLI adds. KATA_DEPLOY_KILLS sets the number of kills (20),
KATA_DEPLOY_SEED repeats a run.
"""

import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import yaml

from kata_components.providers.installation import InstallationProvider
from kata_components.providers.rollout import RolloutProvider
from kata_components.settings.profile import SUPPORTED_VERSIONS, load_profile
from sandbox.cluster import Cluster
from sandbox.control_plane import OPERATOR
from sandbox.kube import Kube
from tests.e2e.conftest import fresh_fleet
from tests.e2e.observe import Audit, jobs, marked
from tests.e2e.proxy import Proxy
from tests.providers import inputs
from tests.providers.process import Engine, Message, Provider

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SECONDS = 180.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kata-deploy"
ACCOUNT = "/api/v1/namespaces/kube-system/serviceaccounts"
PACE = {
    "parallelism": 8,
    "waves": [],
    "nodeTimeoutSeconds": 600,
    "selectors": ["!node-role.kubernetes.io/control-plane"],
}


@dataclass
class Site:
    """A fleet, and the provider processes that work on it, one after the other."""

    cluster: Cluster
    kube: Kube
    folder: Path
    kubeconfig: Path

    @contextmanager
    def provider(self) -> Iterator[tuple[Provider, Engine]]:
        """Run a provider process; kill it at the end if it is still running."""
        errors = self.folder / "stderr"
        with (
            Engine() as engine,
            Provider(engine, self.kubeconfig, errors, self.cluster.context) as provider,
        ):
            yield provider, engine
        assert errors.read_text() == ""

    def establish(self, **changes: Any) -> tuple[str, dict[str, Any]]:
        """Create the installation; return its id and outputs."""
        with self.provider() as (provider, _):
            installation = provider.resource(InstallationProvider())
            checked = installation.check(inputs.installation(parallelism=8, **changes))
            assert checked.failures == []
            return installation.create(checked.inputs)

    def labelled(self) -> set[str]:
        found = self.kube.get("/api/v1/nodes", labelSelector="katacontainers.io/kata-runtime")[
            "items"
        ]
        return {node["metadata"]["name"] for node in found}


@pytest.fixture
def site(cluster: Cluster, kube: Kube, tmp_path: Path) -> Iterator[Site]:
    fresh_fleet(cluster)
    # A rollout takes some seconds, for faults to come in its middle.
    cluster.pod_seconds(0.5)
    kube.create(ACCOUNT, {"metadata": {"name": "kata-deploy-sa"}})
    made = Site(cluster, kube, tmp_path, cluster.kubeconfig_of(OPERATOR))
    yield made
    if marked(kube) or jobs(kube):
        # A failed test must not fail the next one by what it has left.
        made.kubeconfig = cluster.kubeconfig_of(OPERATOR)
        with made.provider() as (provider, _):
            provider.resource(InstallationProvider()).start_delete(
                *made.establish(), SECONDS
            ).result()
    kube.delete(f"{ACCOUNT}/kata-deploy-sa")


def twice(audit: Audit) -> list[str]:
    """Return the nodes with more than one install Job.

    A Job whose create was cut off by the fault may be missing.
    """
    return [node for node, count in Counter(audit.job_nodes()).items() if count > 1]


class Killer:
    """Runs operations in a provider that is killed at random moments, until `left` is 0."""

    def __init__(self, site: Site) -> None:
        self.left = int(os.environ.get("KATA_DEPLOY_KILLS", "20"))
        self.seed = int(os.environ.get("KATA_DEPLOY_SEED", random.randrange(1_000_000)))
        self._random = random.Random(self.seed)
        self._site = site

    def run(self, start: Callable[[Provider], Any]) -> Any:
        """Start an operation again after each kill, as the next `up` does; return its answer."""
        while True:
            with self._site.provider() as (provider, _):
                answer = start(provider)
                seconds = self._random.uniform(0.0, 2.5) if self.left else SECONDS
                try:
                    return answer.result(timeout=seconds)
                except grpc.FutureTimeoutError:
                    assert self.left, f"seed {self.seed}: no answer in {SECONDS} s"
                    self.left -= 1
            self._release_lease()

    def _release_lease(self) -> None:
        """Release the Lease of a dead process, for which the next one would wait 15 s."""
        names = [
            lease["metadata"]["name"]
            for lease in self._site.kube.get(LEASE.rpartition("/")[0])["items"]
        ]
        if "kata-deploy" in names:
            self._site.kube.merge(LEASE, {"spec": {"holderIdentity": None}})


def test_kills_at_random_moments(site: Site, cluster: Cluster, kube: Kube) -> None:
    """Every version in turn: Jobs that label their nodes, and those that leave it to us."""
    killer, workers = Killer(site), set(cluster.workers())
    seed = f"KATA_DEPLOY_SEED={killer.seed}"

    for version in itertools.cycle(SUPPORTED_VERSIONS):
        jobs_of = inputs.templates(version)
        common = {"kataVersion": version, "nodeResults": load_profile(version).traits.node_results}
        identity, outputs = site.establish(cleanupJob=jobs_of["cleanup-job.yaml"], **common)
        wanted = inputs.rollout(**PACE, installJob=jobs_of["install-job.yaml"], **common)

        def install(provider: Provider, wanted: dict[str, Any] = wanted) -> Any:
            return provider.resource(RolloutProvider()).start_create(wanted, SECONDS)

        def clean(
            provider: Provider, known: tuple[str, dict[str, Any]] = (identity, outputs)
        ) -> Any:
            return provider.resource(InstallationProvider()).start_delete(*known, SECONDS)

        audit = Audit(cluster.audit_log)
        killer.run(install)
        assert marked(kube) == site.labelled() == workers, seed
        assert not twice(audit), seed
        assert jobs(kube) == [], seed

        killer.run(clean)
        assert (marked(kube), site.labelled(), jobs(kube)) == (set(), set(), []), seed
        assert "kata-deploy" not in [
            lease["metadata"]["name"] for lease in kube.get(LEASE.rpartition("/")[0])["items"]
        ]
        if not killer.left:
            break


@contextmanager
def proxied(site: Site) -> Iterator[Proxy]:
    """Put a proxy between the provider and the API server."""
    config = yaml.safe_load(site.kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]
    with Proxy(urlsplit(server["server"]).port or 443) as proxy:
        server["server"] = f"https://127.0.0.1:{proxy.port}"
        site.kubeconfig = site.folder / "kubeconfig"
        site.kubeconfig.write_text(yaml.safe_dump(config))
        yield proxy


def survives(site: Site, fault: Callable[[], None]) -> None:
    """Cause a fault in the middle of a rollout; the same run must finish every node once."""
    identity, outputs = site.establish()
    audit = Audit(site.cluster.audit_log)
    with site.provider() as (provider, engine):
        answer = provider.resource(RolloutProvider()).start_create(inputs.rollout(**PACE), SECONDS)
        engine.until(_has_installed_some)
        fault()
        answer.result(timeout=SECONDS)
        workers = set(site.cluster.workers())
        assert marked(site.kube) == workers
        assert not twice(audit)
        provider.resource(InstallationProvider()).start_delete(identity, outputs, SECONDS).result()
    assert (marked(site.kube), jobs(site.kube)) == (set(), [])


def _has_installed_some(message: Message) -> bool:
    return message.status and " installed" in message.text and not message.text.startswith("0/")


def test_api_server_that_crashes_and_comes_back(site: Site) -> None:
    def crash() -> None:
        site.cluster.kill_apiserver()
        site.cluster.start_apiserver()

    survives(site, crash)


def test_etcd_that_is_suspended_for_some_seconds(site: Site) -> None:
    def suspend() -> None:
        with site.cluster.etcd_stopped():
            time.sleep(8.0)  # how long the fault lasts

    survives(site, suspend)


def test_connections_that_are_cut_repeatedly(site: Site) -> None:
    with proxied(site) as proxy:

        def cut() -> None:
            for _ in range(5):
                proxy.cut()
                time.sleep(0.5)  # how far apart the faults are

        survives(site, cut)


def test_network_that_is_lost_for_longer_than_the_lease_lasts(site: Site) -> None:
    with proxied(site) as proxy:

        def lose() -> None:
            proxy.freeze()
            time.sleep(16.0)  # how long the fault lasts
            proxy.thaw()

        survives(site, lose)
