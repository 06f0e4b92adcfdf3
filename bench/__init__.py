"""Measures rollouts on the local control plane: `make bench`."""
