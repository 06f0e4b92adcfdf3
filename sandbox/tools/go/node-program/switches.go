package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
)

// Here the sandbox puts a file for each switch of the node (sandbox/README.md). All stages see it but those that only
// label.
const switches = "/etc/containerd/sandbox/"

// behave does what the switches of the node ask for, before a stage begins.
func behave(stage string) error {
	if seconds, err := strconv.ParseFloat(switched("seconds"), 64); err == nil {
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	}
	isMain := stage == "cri" || stage == "remove-artifacts"
	if isMain && switched("never-finishes") == "true" {
		untilTerminated()
		return errors.New("Terminated")
	}
	if switched("fail") == stage || (isMain && failsAgain()) {
		return because("Failed to prepare the node",
			because("Failed to read its settings",
				because("Failed to open "+switches+"fail", errors.New("No such device or address (os error 6)"))))
	}
	return nil
}

// failsAgain counts the failures down that are left.
func failsAgain() bool {
	left, _ := strconv.Atoi(switched("fail-times"))
	if left > 0 {
		_ = os.WriteFile(switches+"fail-times", []byte(strconv.Itoa(left-1)), 0o644)
	}
	return left > 0
}

func switched(name string) string {
	text, _ := os.ReadFile(switches + name)
	return strings.TrimSpace(string(text))
}
