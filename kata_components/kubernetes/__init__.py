"""The Kubernetes API: connection, requests, list and watch, and the few fields of objects that are read."""
