"""Real nodes beside the simulated ones: a kubelet, containerd and systemd of their own."""
