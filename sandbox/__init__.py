"""Runs the project on a bare machine: pinned tools and a local cluster with simulated nodes.

The product knows nothing of this package. Users with a cluster and a Pulumi CLI of their own never
need it.
"""
