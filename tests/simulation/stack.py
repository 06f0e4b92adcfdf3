"""One Pulumi stack of a simulated history: its state between runs, and what its runs do."""

from dataclasses import dataclass, replace
from typing import Any

from kata_components import names
from kata_components.errors import GuardError
from kata_components.operations import install, installation, prelabel
from kata_components.operations.install import Installed
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import UninstallRequest, uninstall
from kata_components.pacing.progress import Progress
from kata_components.planning import node_mark
from kata_components.planning.approval import Approval
from kata_components.planning.demands import Demands
from kata_components.planning.host_digest import current, host_digests
from kata_components.planning.node_jobs import JobKind
from kata_components.planning.ownership import Owner
from kata_components.planning.prelabel import PrelabelRequest
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.runners.pulumi import PulumiRunner
from tests.model.installation import request, template
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.endings import nothing_left
from tests.simulation.hosts import POOL, handler_of
from tests.simulation.kubelets import READY_SECONDS
from tests.simulation.network import NetworkApi
from tests.simulation.processes import CURRENT, Process
from tests.simulation.promises import Promises
from tests.simulation.scheduling import change_classes, may_fail
from tests.simulation.site import NODE_TIMEOUTS
from tests.simulation.world import World

IMAGES = ("kata:1", "kata:2")
OLD, NEW = "4.0.0", "4.1.0"


@dataclass
class Stack:
    """The stack of one installation."""

    name: str
    world: World
    promises: Promises
    installation: str = ""
    """Its ID, empty before it exists."""
    creator: Process | None = None
    """The run that creates it, which Pulumi's lock protects."""
    image: str = IMAGES[0]
    """The configured image."""
    timeout: int = NODE_TIMEOUTS[0]
    """`rollout.nodeTimeoutSeconds`."""
    token_free: bool = False
    """Whether the configured version leaves labels and taints of nodes to whoever paces."""
    runs: int = 0
    """The number of runs so far."""

    @property
    def namespace(self) -> str:
        return self.promises.namespace

    @property
    def suffix(self) -> str:
        return self.promises.suffix

    @property
    def lease(self) -> str:
        return names.base(self.suffix)

    @property
    def digest(self) -> str:
        """The digest that a run installs."""
        return current(host_digests(self._template("install")))

    def may_upgrade(self) -> None:
        """Perhaps configure the next version, where that is to happen in this history."""
        world = self.world
        if world.setting.upgrades and not self.token_free and world.rng.random() < 0.5:
            self.upgrade()

    def upgrade(self) -> None:
        """Configure the next version; older checkouts did not label nodes ahead."""
        world = self.world
        world.met["upgraded"] += 1
        self.token_free = True
        if world.rng.random() < 0.5:
            for name, node in world.site.nodes.items():
                node["metadata"]["labels"].pop(names.instance_label(self.suffix), None)
                world.site.node_changed(name)

    def _template(self, kind: JobKind) -> dict[str, Any]:
        """Return the template of the configured version; it tolerates whatever new nodes carry."""
        image = f"{self.image}-{NEW if self.token_free else OLD}"
        made = template(kind, image, token=not self.token_free)
        if self.world.setting.startup_taint:
            made["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
        return made

    @property
    def _demands(self) -> Demands:
        handlers = (handler_of(self.suffix),)
        if not self.token_free:
            return Demands(handlers=handlers)
        taint = self.world.setting.startup_taint
        return Demands(
            labels=(names.RUNTIME_LABEL, names.instance_label(self.suffix)),
            handlers=handlers,
            startup_taints=(taint,) if taint else (),
            ready_seconds=READY_SECONDS,
        )

    async def up(self, api: NetworkApi) -> None:
        """Do what the resources of a stack do: first the installation, then the rollout."""
        if not self.installation:
            if self.creator and not self.creator.ended:
                raise GuardError("Pulumi locks a stack")
            self.creator = CURRENT.get()
            self.installation = await installation.establish(
                api, self.namespace, self.lease, stack=self.name
            )
        elif await installation.find_lease(api, self.namespace, self.lease) is None:
            await installation.restore(
                api, self.namespace, self.lease, stack=self.name, installation=self.installation
            )
        if self.token_free:
            await self._prelabel(api)
            change_classes(self.world.site, self.promises)
        wanted = self._request()
        found = await preview(api, wanted)
        if found.refusals and found.guards and self.world.setting.cleans:
            approval = Approval(path="plan.json", place=found.place, guards=frozenset(found.guards))
            wanted = replace(wanted, approval=approval)
            found = await preview(api, wanted)
        if found.refusals:
            raise GuardError("\n".join(found.refusals))
        if found.plan.pending or found.plan.leftover or found.cleanup.pending:
            self._check(await install.install(api, wanted, PulumiRunner, Silent()))

    async def _prelabel(self, api: NetworkApi) -> None:
        """Do what precedes the change of RuntimeClasses."""
        wanted = PrelabelRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            kata_version=NEW,
            label=names.instance_label(self.suffix),
        )
        if await prelabel.find(api, wanted):
            owner = Owner(self.installation, self.name)
            await prelabel.prelabel(api, wanted, owner, Silent())

    def _check(self, installed: Installed) -> None:
        """Check that each failed node had a reason to fail, and that its mark also says so."""
        key, run = names.mark_annotation(self.suffix), CURRENT.get().name
        for node in installed.outcome.failed_nodes:
            machine = self.promises.machines.get(node)
            if machine is None or self.world.weather.refuses:
                continue
            if not (machine.excused or machine.failed or machine.failed_before_cleanup):
                raise BrokenPromiseError(f"{node} counts as failed: {installed.failure}")
            mark = node_mark.parse(self.world.site.nodes[node]["metadata"]["annotations"].get(key))
            failed_now = self.digest in machine.failed and machine.worked_on_by == run
            if failed_now and (mark is None or mark.failed != self.digest):
                raise BrokenPromiseError(f"{node} has failed, but only its Job says so")
            if machine.awaits == self.digest and machine.worked_on_by == run:
                may_fail(self.world.site, self.promises, node)

    def _request(self) -> InstallRequest:
        setting = self.world.setting
        return replace(
            request(setting.parallelism, waves=setting.sizes),
            owner=Owner(self.installation, self.name),
            namespace=self.namespace,
            suffix=self.suffix,
            selection=Selection(selectors=(f"{POOL}=kata",)),
            kata_version=NEW if self.token_free else OLD,
            job=self._template("install"),
            max_failures=setting.max_failures,
            soak_seconds=setting.soak_seconds,
            not_ready=setting.not_ready,
            demands=self._demands,
            node_timeout_seconds=self.timeout,
            existing="install" if len(self.world.site.promises) > 1 else setting.existing,
            cleanup=self._cleanup() if setting.cleans else None,
            node_results=self.token_free,
        )

    def _cleanup(self) -> CleanupRequest:
        return CleanupRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            job=self._template("cleanup"),
            parallelism=self.world.setting.parallelism,
            node_timeout_seconds=self.timeout,
            node_results=self.token_free,
        )

    async def destroy(self, api: NetworkApi) -> None:
        if not self.installation:
            return
        ending = UninstallRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            stack=self.name,
            installation=self.installation,
            cluster_uid="cluster-1",
            cleanup=self._cleanup(),
        )
        runs = self.runs
        alone = all(run.ended or run is CURRENT.get() for run in self.world.processes)
        await uninstall(api, ending, PulumiRunner, Silent())
        self.installation = ""
        if alone and self.runs == runs:
            nothing_left(self.world.site, self.promises)


class Silent:
    """A reporter that shows nothing."""

    def message(self, text: str) -> None:
        pass

    def progress(self, kind: JobKind, progress: Progress, seconds: float) -> None:
        pass
