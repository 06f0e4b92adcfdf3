package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	dropIns       = "/etc/containerd/conf.d"
	userDropIn    = dropIns + "/zz-kata-deploy-user.toml"
	customConfigs = "/custom-configs/custom-runtimes.list"
)

func (p *program) dropIn() string { return fmt.Sprintf("%s/kata-deploy%s.toml", dropIns, p.suffix()) }

func (p *program) handlers() ([]string, error) {
	var found []string
	for _, shim := range p.shims() {
		found = append(found, "kata-"+shim+p.suffix())
	}
	if p.environment["CUSTOM_RUNTIMES_ENABLED"] != "true" {
		return found, nil
	}
	list, err := os.ReadFile(customConfigs)
	for _, line := range strings.Fields(string(list)) {
		handler, _, _ := strings.Cut(line, ":")
		found = append(found, handler)
	}
	return found, because("Failed to read the custom runtimes", err)
}

// configuration returns what is written for containerd, by file.
func (p *program) configuration() (map[string][]byte, error) {
	handlers, err := p.handlers()
	if err != nil {
		return nil, err
	}
	text := "version = 3\n"
	for _, handler := range handlers {
		text += fmt.Sprintf(
			"[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.%s]\nruntime_type = 'io.containerd.runc.v2'\n",
			handler)
	}
	files := map[string][]byte{p.dropIn(): []byte(text)}
	if source := p.environment["CONTAINERD_USER_DROP_IN_SOURCE_FILE"]; source != "" {
		if files[userDropIn], err = os.ReadFile(source); err != nil {
			return nil, because("Failed to read the user's drop-in", err)
		}
	}
	return files, nil
}

func configureRuntime(p *program) error {
	return p.locked(func() error {
		main, err := os.ReadFile("/etc/containerd/config.toml")
		if err != nil || !bytes.Contains(main, []byte(dropIns)) {
			return because("Failed to configure containerd", errors.Join(err, errors.New("it does not import "+dropIns)))
		}
		files, err := p.configuration()
		if err != nil {
			return err
		}
		changed := false
		for path, text := range files {
			present, err := os.ReadFile(path)
			if err == nil && bytes.Equal(present, text) {
				continue
			}
			changed = true
			if err := writeWhole(path, text); err != nil {
				return because("Failed to configure containerd", err)
			}
		}
		if !changed && p.hostRoot == "" && runsSince(p.dropIn()) {
			fmt.Println("containerd runs with this configuration")
			return nil
		}
		return p.restartContainerd()
	})
}

func revertRuntime(p *program) error {
	return p.locked(func() error {
		if _, err := os.Stat(p.dropIn()); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		for _, path := range []string{p.dropIn(), userDropIn} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return because("Failed to revert containerd's configuration", err)
			}
		}
		return p.restartContainerd()
	})
}

func writeWhole(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
