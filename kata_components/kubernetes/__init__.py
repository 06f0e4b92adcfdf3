"""The Kubernetes API: connections, requests, lists, watches, and the fields of objects it reads."""
