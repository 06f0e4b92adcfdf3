package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

var (
	required = []string{
		"NODE_NAME", "DAEMONSET_NAME", "DEBUG", "INSTALLATION_PREFIX", "MULTI_INSTALL_SUFFIX",
	}
	optional = []string{
		"AGENT_HTTPS_PROXY", "AGENT_NO_PROXY", "EXPERIMENTAL_SETUP_SNAPSHOTTER",
		"EROFS_MERGE_MODE", "EROFS_SNAPSHOTTER_MODE", "EROFS_DMVERITY", "CONTAINERD_CONFIG_FILE_NAME",
		"CONTAINERD_USER_DROP_IN_SOURCE_FILE", "HOST_OS", "CUSTOM_RUNTIMES_ENABLED", "STARTUP_TAINTS",
	}
	perArchitecture = []string{
		"SHIMS", "DEFAULT_SHIM", "ALLOWED_HYPERVISOR_ANNOTATIONS", "SNAPSHOTTER_HANDLER_MAPPING",
		"PULL_TYPE_MAPPING", "EXPERIMENTAL_FORCE_GUEST_PULL",
	}
	architectures = map[string]string{
		"amd64": "X86_64", "arm64": "AARCH64", "s390x": "S390X", "ppc64le": "PPC64LE",
	}
	// What the kubelet, the image and containerd set themselves.
	foreign = []string{"KUBERNETES_", "PATH", "HOSTNAME", "HOME", versionVariable}
)

// A program is one run of the node program: its release and its environment.
type program struct {
	release
	environment map[string]string
}

// newProgram checks the environment: everything that is wanted, and nothing that this version does not know.
func newProgram(r release, more []string) (*program, error) {
	found := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		found[name] = value
	}
	for _, name := range slices.Concat(required, more) {
		if _, present := found[name]; !present {
			return nil, fmt.Errorf("the variable %s is missing", name)
		}
	}
	known := slices.Concat(required, optional, r.optionalVariables, more)
	for _, name := range perArchitecture {
		for _, architecture := range architectures {
			known = append(known, name+"_"+architecture)
		}
	}
	for name := range found {
		isForeign := slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !isForeign && !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s does not know the variable %s", r.version, name)
		}
	}
	p := &program{r, found}
	if shim := p.ofThisMachine("DEFAULT_SHIM"); !slices.Contains(p.shims(), shim) {
		return nil, fmt.Errorf("the default shim %q is not among %q", shim, p.shims())
	}
	return p, nil
}

func (p *program) ofThisMachine(variable string) string {
	return p.environment[variable+"_"+architectures[runtime.GOARCH]]
}

func (p *program) shims() []string { return strings.Fields(p.ofThisMachine("SHIMS")) }

func (p *program) suffix() string {
	if suffix := p.environment["MULTI_INSTALL_SUFFIX"]; suffix != "" {
		return "-" + suffix
	}
	return ""
}

// installation returns where Kata goes, as this container sees it.
func (p *program) installation() string {
	return p.hostRoot + p.environment["INSTALLATION_PREFIX"] + "/opt/kata" + p.suffix()
}
