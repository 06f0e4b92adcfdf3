"""The Kubernetes API client, from the outside in.

- `api`: the calls, as a protocol; `client` implements them, `connect` puts a client together
- `objects`, `nodes`, `pods`: the fields of objects that are read
- `watch`, `paging`, `retry`: what takes several requests
- `connection`: one request with credentials, time limits and this project's errors
- `transport`: one HTTP request, as a protocol; `http_transport` implements it over sockets
- `kubeconfig`: what a context stands for; `auth`: how it logs in
"""
