"""What is known of processes by their IDs."""

import subprocess


def command_line(pid: str) -> str:
    """Return the command line of a process; empty if there is none of that ID."""
    command = ["ps", "-ww", "-o", "args=", "-p", pid]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
