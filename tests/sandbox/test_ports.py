"""Each cluster has ports of its own, and avoids those that are in use."""

import socket
from pathlib import Path

from sandbox.ports import ports


def test_a_cluster_always_has_the_same_ports_and_shares_none(tmp_path: Path) -> None:
    assert ports(tmp_path / "a") == ports(tmp_path / "a")
    assert not set(ports(tmp_path / "a").values()) & set(ports(tmp_path / "b").values())


def test_ports_in_use_are_left_to_their_owner(tmp_path: Path) -> None:
    wanted = ports(tmp_path)
    with socket.create_server(("127.0.0.1", wanted["etcdPort"])):
        assert not set(ports(tmp_path).values()) & set(wanted.values())
