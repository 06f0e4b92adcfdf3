package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

const (
	containerd     = "containerd.service"
	restartTimeout = 300 * time.Second
)

// restartContainerd has systemd do it: from within the node's root, or over the only socket that the container sees.
func (p *program) restartContainerd() error {
	fmt.Println("restarting containerd")
	restart := overSocket
	if p.hostRoot != "" {
		restart = func(ctx context.Context) error { return fromHost(ctx, p.hostRoot) }
	}
	ctx, cancel := context.WithTimeout(context.Background(), restartTimeout)
	defer cancel()
	return because("Failed to restart the container runtime", restart(ctx))
}

// fromHost needs hostPID and a privileged container.
func fromHost(ctx context.Context, root string) error {
	command := exec.CommandContext(ctx, "/usr/bin/nsenter", "--target=1", "--mount", "--",
		"systemctl", "restart", containerd)
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	command.Dir = "/"
	output, err := command.CombinedOutput()
	words := strings.ReplaceAll(string(bytes.TrimSpace(output)), "\n", " ")
	if err == nil {
		return nil
	}
	return because("systemctl restart "+containerd, because(err.Error(), errors.New(words)))
}

func overSocket(ctx context.Context) error {
	systemd, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return because("Failed to connect to systemd", err)
	}
	defer systemd.Close()
	result := make(chan string, 1)
	if _, err = systemd.RestartUnitContext(ctx, containerd, "replace", result); err != nil {
		return because("RestartUnit "+containerd, err)
	}
	select {
	case how := <-result:
		if how != "done" {
			return because("Job for "+containerd, fmt.Errorf("its result is %s", how))
		}
		return nil
	case <-ctx.Done():
		return because("Timed out waiting for "+containerd, ctx.Err())
	}
}

// runsSince returns whether containerd has been running since this file was written.
func runsSince(path string) bool {
	file, err := os.Stat(path)
	if err != nil {
		return false
	}
	ctx := context.Background()
	systemd, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return false
	}
	defer systemd.Close()
	unit, err := systemd.GetUnitPropertiesContext(ctx, containerd)
	if err != nil || unit["ActiveState"] != "active" {
		return false
	}
	microseconds, _ := unit["ActiveEnterTimestamp"].(uint64)
	return time.UnixMicro(int64(microseconds)).After(file.ModTime())
}
