"""Kata Containers on the nodes of a Kubernetes cluster, as a Pulumi program.

Read from the inside out: `settings` (what the user asked for), `manifests` (settings to Kubernetes
objects), `rollout` (which nodes, in which order, at what pace), `kubernetes` (the API client),
`runner` (drives a rollout against a cluster), `providers` (Pulumi's dynamic resources),
`components` (what `__main__.py` builds).
"""
