"""Stages of `nodeBinaries`: they copy files out of the user's images into a directory of the host.

The scripts are ours; what they do on a node is what the chart's do (upstream #13712).
"""

from kata_components.manifests.builders import Manifest, suffixed, without_empty
from kata_components.manifests.node_pod import host_access
from kata_components.manifests.scripts import script
from kata_components.settings.settings import Settings
from kata_components.settings.traits import Stage

_SEARCHED = "/usr/local/bin /usr/local/sbin /usr/bin /usr/sbin /bin /sbin /"
_STAGED = "node-binaries"
_TARGET = "host-usr-local-bin"
_LOCKS = "host-run-lock"


def staging_containers(settings: Settings, stage: Stage) -> list[Manifest]:
    """Return a container per entry, which copies the files out of its image."""
    return [
        _container(
            settings,
            stage.model_copy(update={"name": name}),
            image=entry.image,
            pull_policy=entry.pull_policy,
            text=script(
                "stage_binaries",
                entry=name,
                binaries=" ".join(entry.binaries),
                searched=_SEARCHED,
                staged=_paths(stage)[_STAGED],
            ),
        )
        for name, entry in sorted(settings.node_binaries.items())
    ]


def placing_container(settings: Settings, stage: Stage) -> Manifest:
    """Return the container that writes to the host, or removes all it wrote if nothing is staged.

    A file beside them lists what belongs to this installation: nothing else is touched, and what
    the configuration has no longer is found.
    """
    paths = _paths(stage)
    text = script(
        "place_binaries",
        staged=paths.get(_STAGED, ""),
        target=paths[_TARGET],
        marker=f"{paths[_TARGET]}/{suffixed(settings, '.kata-deploy-node-binaries')}",
        lock=f"{paths[_LOCKS]}/kata-deploy.lock",
    )
    return _container(settings, stage, image=settings.kubectl_image.name, text=text)


def _paths(stage: Stage) -> dict[str, str]:
    return {mount.name: mount.mount_path for mount in stage.mounts}


def _container(
    settings: Settings, stage: Stage, *, image: str, text: str, pull_policy: str | None = None
) -> Manifest:
    return {
        "name": stage.name,
        "image": image,
        "imagePullPolicy": pull_policy or settings.image_pull_policy,
        "command": ["/bin/sh", "-c"],
        "args": [text],
        **host_access(settings, stage),
        **without_empty(resources=settings.resources),
    }
