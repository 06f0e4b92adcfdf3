package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const (
	readyTimeout = 300 * time.Second
	pollEvery    = 500 * time.Millisecond
)

// runDaemon is daemonset mode: it installs, waits for its end, and cleans up, unless its DaemonSet goes on.
func runDaemon(p *program) error {
	var ready atomic.Bool
	go serveHealth(p.environment["HEALTH_PORT"], &ready)
	steps := []stage{
		{"host-check", hostCheck},
		{"artifacts", installArtifacts},
		{"cri", configureRuntime},
		{"label", func(p *program) error {
			if err := p.awaitHandlers(); err != nil {
				return err
			}
			return p.label("true")
		}},
	}
	for _, step := range steps {
		if err := p.runStage(step); err != nil {
			return err
		}
	}
	ready.Store(true)
	untilTerminated()
	if p.goesOn() {
		return nil
	}
	for _, step := range []stage{
		{"unlabel", func(p *program) error { return p.label(nil) }},
		{"revert-cri", revertRuntime},
		{"remove-artifacts", removeArtifacts},
	} {
		if err := p.runStage(step); err != nil {
			return err
		}
	}
	return nil
}

func serveHealth(port string, ready *atomic.Bool) {
	http.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /readyz", func(answer http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			answer.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	report(because("Failed to serve health checks", http.ListenAndServe(":"+port, nil)))
	os.Exit(1)
}

func (p *program) awaitHandlers() error {
	handlers, err := p.handlers()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); time.Sleep(pollEvery) {
		found, err := p.node()
		if err == nil && isReady(found) && serves(found, handlers) {
			return nil
		}
	}
	return fmt.Errorf("the node was not Ready with a handler of %q for %s", handlers, readyTimeout)
}

func isReady(n node) bool {
	for _, condition := range n.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

func serves(n node, handlers []string) bool {
	for _, handler := range n.Status.RuntimeHandlers {
		if slices.Contains(handlers, handler.Name) {
			return true
		}
	}
	return false
}

// goesOn returns whether the DaemonSet is still there, and its next pod takes over.
func (p *program) goesOn() bool {
	namespace, err := os.ReadFile(account + "namespace")
	if err != nil {
		return false
	}
	var found struct {
		Metadata struct{ DeletionTimestamp string }
	}
	path := fmt.Sprintf("/apis/apps/v1/namespaces/%s/daemonsets/%s", namespace, p.environment["DAEMONSET_NAME"])
	_, err = call("GET", path, nil, &found)
	return err == nil && found.Metadata.DeletionTimestamp == ""
}
