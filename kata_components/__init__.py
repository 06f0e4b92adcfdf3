"""Kata Containers on the nodes of a Kubernetes cluster, as a Pulumi program.

The packages from the outside in; each imports only those below it:

- `components`: what `__main__.py` builds
- `providers`: Pulumi's dynamic resources
- `operations`: preview, install, uninstall, adopt
- `runners`: who starts the per-node Jobs, under which lock
- `pacing`: when to start which node (pure)
- `planning`, `manifests`: which nodes, why and in which order; the Kubernetes objects (pure)
- `settings`, `kubernetes`: what the user configured; the API client
"""
