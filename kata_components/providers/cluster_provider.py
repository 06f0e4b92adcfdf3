"""What our dynamic providers share: they are stateless, and the stack's configuration says which cluster is meant."""

from pulumi.dynamic import ConfigureRequest, ResourceProvider

from kata_components.providers import cancellation, session


class ClusterProvider(ResourceProvider):
    """A provider that works on the stack's cluster.

    Nothing of the cluster's address is in a resource: on destroy, too, it comes from the configuration.
    """

    serialize_as_secret_always = False
    _cluster: str | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; called once per process, before anything else."""
        self._cluster = req.config.get("cluster")
        cancellation.install()

    @property
    def target(self) -> session.Target:
        """The cluster of the stack.

        Raises:
            KubeconfigError: the configuration names no context.
        """
        return session.target(self._cluster)
