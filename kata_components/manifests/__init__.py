"""Settings to Kubernetes objects: pure functions, one file per object, paired by name with `components`."""
