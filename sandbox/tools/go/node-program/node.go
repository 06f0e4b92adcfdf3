package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	account     = "/var/run/secrets/kubernetes.io/serviceaccount/"
	sharedLabel = "katacontainers.io/kata-runtime"
	ownLabels   = "kata-deploy.katacontainers.io/"
)

type node struct {
	Status struct {
		NodeInfo        struct{ ContainerRuntimeVersion string }
		Conditions      []struct{ Type, Status string }
		RuntimeHandlers []struct{ Name string }
	}
}

func (p *program) node() (node, error) {
	var found node
	_, err := call("GET", "/api/v1/nodes/"+p.environment["NODE_NAME"], nil, &found)
	return found, because("Failed to read the node", err)
}

// label gives the node this value of the labels of the installation; nil removes them.
func (p *program) label(value any) error {
	labels := map[string]any{sharedLabel: value}
	if p.instanceLabel {
		name := strings.TrimPrefix(p.suffix(), "-")
		if name == "" {
			name = "default"
		}
		labels[ownLabels+name] = value
	}
	patch := map[string]any{"metadata": map[string]any{"labels": labels}}
	_, err := call("PATCH", "/api/v1/nodes/"+p.environment["NODE_NAME"], patch, nil)
	return because("Failed to label the node", err)
}

// call sends a request with the token of the pod's ServiceAccount and returns the status of the answer.
func call(method, path string, content, result any) (int, error) {
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return 0, err
	}
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return 0, err
	}
	body, err := json.Marshal(content)
	if err != nil {
		return 0, err
	}
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	request, err := http.NewRequest(method, "https://"+address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/merge-patch+json")
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	client := http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}},
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s %s", method, path, answer.Status, text)
	}
	if err == nil && result != nil {
		err = json.Unmarshal(text, result)
	}
	return answer.StatusCode, err
}
