"""Kubernetes objects from settings: pure functions, a file per object, named like `components`."""
