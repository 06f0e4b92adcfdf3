package main

import (
	"fmt"
	"strings"
)

const versionVariable = "KATA_SANDBOX_NODE_PROGRAM"

// A release is what differs between versions (kata-contract 1.2, 3.7 and 3.8; kata-4.2.0 3.2 to 3.5).
type release struct {
	version string
	// Where containers see the node's root, empty if they only see what they need.
	hostRoot string
	stages   map[string]stage
	// Variables that must be there in a stage, beside those of every container.
	stageVariables []string
	// The variable with the machine ID that the node reports, empty if none is compared.
	machineIDVariable string
	// Whoever paces Jobs may give the machine ID under the name of either version.
	optionalVariables []string
	// Whether nodes get a label of the installation, too.
	instanceLabel bool
}

var daemonVariables = []string{"HEALTH_PORT"}

func imitated(version string) (release, error) {
	switch {
	case strings.HasPrefix(version, "4.0."):
		return release{version: version, hostRoot: "/host", stages: map[string]stage{
			"install-stage-label":   {"label", func(p *program) error { return p.label("true") }},
			"cleanup-stage-unlabel": {"unlabel", func(p *program) error { return p.label(nil) }},
		}}, nil
	case strings.HasPrefix(version, "4.1."):
		return release{
			version:           version,
			stageVariables:    []string{"CONTAINER_RUNTIME_VERSION", "KATA_DEPLOY_NODE_MACHINE_ID"},
			machineIDVariable: "KATA_DEPLOY_NODE_MACHINE_ID",
			optionalVariables: []string{"NODE_MACHINE_ID", "K8S_DISTRIBUTION", "DEVKIT"},
			instanceLabel:     true,
		}, nil
	case strings.HasPrefix(version, "4.2."):
		return release{
			version:           version,
			stages:            map[string]stage{"install-stage-load-kernel-modules": {"load-kernel-modules", loadModules}},
			stageVariables:    []string{"CONTAINER_RUNTIME_VERSION", "NODE_MACHINE_ID", "K8S_DISTRIBUTION"},
			machineIDVariable: "NODE_MACHINE_ID",
			optionalVariables: []string{
				"KATA_DEPLOY_NODE_MACHINE_ID", "K8S_DISTRIBUTION", "DEVKIT", "CONTAINERD_CONFIG_DIR", "NVRC_ENABLE_DCGM",
			},
			instanceLabel: true,
		}, nil
	}
	return release{}, fmt.Errorf("%s=%q is no version of the node program", versionVariable, version)
}
