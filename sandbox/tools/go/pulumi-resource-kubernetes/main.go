// Command pulumi-resource-kubernetes is Pulumi's Kubernetes provider with a schema that holds no more than its name:
// the engine asks a provider for its schema only to generate SDKs, and the full one is not part of the Go module.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

const name = "kubernetes"

func main() {
	schema := fmt.Sprintf(`{"name": %q, "version": %q}`, name, version.Version)
	provider.Serve(name, version.Version, []byte(schema), []byte("{}"))
}
