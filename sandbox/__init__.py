"""What makes a bare machine able to run the project: pinned tools, a local cluster with simulated nodes, `make` verbs.

The product knows nothing of this package; users with a cluster and a Pulumi CLI of their own never
need it.
"""
