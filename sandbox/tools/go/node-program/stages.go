package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func (p *program) runStage(s stage) error {
	fmt.Printf("stage %s of %s on %s\n", s.name, p.version, p.environment["NODE_NAME"])
	err := behave(s.name)
	if err == nil {
		err = s.run(p)
	}
	return because(fmt.Sprintf("Stage %s failed", s.name), err)
}

func hostCheck(p *program) error {
	if distribution := p.environment["K8S_DISTRIBUTION"]; !slices.Contains([]string{"", "k8s", "kubeadm"}, distribution) {
		return fmt.Errorf("the node runs plain Kubernetes, not %s", distribution)
	}
	if err := p.checkMachine(); err != nil {
		return err
	}
	version, err := p.runtimeVersion()
	if err == nil && !strings.HasPrefix(version, "containerd://2.") {
		err = fmt.Errorf("the container runtime %s is not supported", version)
	}
	return because("Failed to detect the container runtime", err)
}

// checkMachine refuses a machine that is not the one that the node was when its Job was made.
func (p *program) checkMachine() error {
	if p.machineIDVariable == "" {
		return nil
	}
	wanted, stated := p.environment[p.machineIDVariable]
	if !stated {
		return nil
	}
	found, err := os.ReadFile("/host-machine-id")
	if err == nil && strings.TrimSpace(string(found)) != wanted {
		err = fmt.Errorf("this machine is %s, not %s", bytes.TrimSpace(found), wanted)
	}
	return because("Failed to verify the machine", err)
}

func (p *program) runtimeVersion() (string, error) {
	if version, present := p.environment["CONTAINER_RUNTIME_VERSION"]; present {
		return version, nil
	}
	node, err := p.node()
	return node.Status.NodeInfo.ContainerRuntimeVersion, err
}

// locked makes installations of one node take turns, where upstream does.
func (p *program) locked(work func() error) error {
	if err := p.checkMachine(); err != nil {
		return err
	}
	if p.hostRoot != "" {
		return work()
	}
	file, err := os.OpenFile("/host-run-lock/kata-deploy.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		defer file.Close()
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return because("Failed to lock the node", err)
	}
	return work()
}

func installArtifacts(p *program) error {
	return p.locked(func() error {
		files := map[string]string{"version": p.version, "bin/containerd-shim-kata-v2": "runs on runc"}
		for _, shim := range p.shims() {
			files["share/defaults/kata-containers/configuration-"+shim+".toml"] = "[hypervisor]\n"
		}
		for name, text := range files {
			path := filepath.Join(p.installation(), name)
			err := os.MkdirAll(filepath.Dir(path), 0o755)
			if err == nil {
				err = os.WriteFile(path, []byte(text), 0o644)
			}
			if err != nil {
				return because("Failed to extract artifacts", err)
			}
		}
		return nil
	})
}

// removeArtifacts empties the directory, which is a mount point where containers see no more than they need.
func removeArtifacts(p *program) error {
	return p.locked(func() error {
		entries, err := os.ReadDir(p.installation())
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		for _, entry := range entries {
			err = errors.Join(err, os.RemoveAll(filepath.Join(p.installation(), entry.Name())))
		}
		return because("Failed to remove artifacts", err)
	})
}

// loadModules checks that it could: the sandbox leaves the kernel of the machine alone.
func loadModules(*program) error {
	for _, path := range []string{"/host/etc", "/host-modules-load.d"} {
		if _, err := os.Stat(path); err != nil {
			return because("Failed to load kernel modules", err)
		}
	}
	return nil
}
