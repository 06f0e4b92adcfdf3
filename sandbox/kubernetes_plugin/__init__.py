"""Stand-in for Pulumi's official Kubernetes plugin, for machines that cannot download that binary.

Owns: the `ResourceProvider` gRPC service of the type `kubernetes`, for the kinds this project uses and, by discovery,
for any other kind without special treatment. It keeps the state in the official layout, so that a stack can change
between the two plugins at any time.
Leaves out: Helm, YAML, Kustomize and Patch resources, rendering to files, client-side apply, and waiting for kinds
other than DaemonSet and Job. These are refused or documented, never half done.
The product knows nothing of this package: anything that works only with it is a bug there.
"""
