// Command kata-deploy is a double of upstream's node program, as the sandbox runs it on real nodes. It has the command
// lines of 4.0.0, 4.1.0 and 4.2.0 and refuses what they do not know. Its work is visible and harmless: files in the
// installation directory, runtime handlers that run on runc, a restart of containerd, and labels of its node.
//
// Its image says which version it imitates, in KATA_SANDBOX_NODE_PROGRAM. Started under another name, it is a small
// program that the other images need: the pause of a pod's sandbox, and the flock that Debian's busybox lacks.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

type stage struct {
	name string
	run  func(*program) error
}

// The stages that all versions have, by what Jobs call them.
var stages = map[string]stage{
	"install-stage-host-check":       {"host-check", hostCheck},
	"install-stage-artifacts":        {"artifacts", installArtifacts},
	"install-stage-cri":              {"cri", configureRuntime},
	"cleanup-stage-revert-cri":       {"revert-cri", revertRuntime},
	"cleanup-stage-remove-artifacts": {"remove-artifacts", removeArtifacts},
}

func main() {
	work := run
	switch filepath.Base(os.Args[0]) {
	case "pause":
		work = func([]string) error { untilTerminated(); return nil }
	case "flock":
		work = lock
	}
	if err := work(os.Args[1:]); err != nil {
		report(err)
		os.Exit(1)
	}
}

// lock waits for the exclusive lock of an open file, given by its number.
func lock(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("one number of an open file is wanted, not %q", arguments)
	}
	file, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	return syscall.Flock(file, syscall.LOCK_EX)
}

func run(arguments []string) error {
	r, err := imitated(os.Getenv(versionVariable))
	if err != nil {
		return err
	}
	if len(arguments) == 3 && arguments[0] == "--log-level" && arguments[2] == "install" {
		arguments = arguments[2:]
	}
	if len(arguments) != 1 {
		return fmt.Errorf("one action is wanted, not %q", arguments)
	}
	action := arguments[0]
	if action == "install" {
		p, err := newProgram(r, daemonVariables)
		if err != nil {
			return because("Invalid configuration", err)
		}
		return runDaemon(p)
	}
	wanted, known := stages[action]
	if own, has := r.stages[action]; has {
		wanted, known = own, true
	}
	if !known {
		return fmt.Errorf("%s has no action %s", r.version, action)
	}
	p, err := newProgram(r, r.stageVariables)
	if err != nil {
		return because("Invalid configuration", err)
	}
	return p.runStage(wanted)
}

func untilTerminated() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
}

// A failure has a cause; upstream prints such a chain with one cause per line, the most general first.
type failure struct {
	what  string
	cause error
}

func (f failure) Error() string { return f.what }
func (f failure) Unwrap() error { return f.cause }

func because(what string, cause error) error {
	if cause == nil {
		return nil
	}
	return failure{what, cause}
}

func report(err error) {
	fmt.Fprintf(os.Stderr, "Error: %s\n", err)
	cause := errors.Unwrap(err)
	if cause != nil {
		fmt.Fprint(os.Stderr, "\nCaused by:\n")
	}
	for number := 0; cause != nil; number++ {
		fmt.Fprintf(os.Stderr, "    %d: %s\n", number, cause)
		cause = errors.Unwrap(cause)
	}
}
