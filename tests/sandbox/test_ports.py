"""Each cluster has ports of its own, and gives way to whoever has them."""

import socket
from pathlib import Path

from sandbox.ports import ports


def test_ports_of_a_cluster_are_always_the_same_and_those_of_another_are_others(
    tmp_path: Path,
) -> None:
    assert ports(tmp_path / "a") == ports(tmp_path / "a")
    assert not set(ports(tmp_path / "a").values()) & set(ports(tmp_path / "b").values())


def test_ports_in_use_are_left_to_their_owner(tmp_path: Path) -> None:
    wanted = ports(tmp_path)
    with socket.create_server(("127.0.0.1", wanted["etcdPort"])):
        assert not set(ports(tmp_path).values()) & set(wanted.values())
