"""The process: starts the gRPC server, prints its port, and ends with the engine."""

import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc

from sandbox.kubernetes_plugin.engine import Engine, exit_now
from sandbox.kubernetes_plugin.protocol import provider_pb2_grpc
from sandbox.kubernetes_plugin.provider import KubernetesProvider

_THREADS: Final = 32
_UNLIMITED: Final = -1
_HEARTBEAT_SECONDS: Final = 2.0


def start(provider: KubernetesProvider) -> tuple[grpc.Server, int]:
    """Serve a provider on a free port of this machine; return the running server and the port."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_THREADS),
        options=[
            ("grpc.max_receive_message_length", _UNLIMITED),
            ("grpc.max_send_message_length", _UNLIMITED),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the plugin until it is told to stop. Arguments: the engine's address, last, as the engine starts plugins."""
    given = [
        argument for argument in (sys.argv[1:] if arguments is None else arguments) if not argument.startswith("-")
    ]
    engine = Engine(given[-1] if given else "")
    provider = KubernetesProvider(engine)
    server, port = start(provider)
    print(port, flush=True)

    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    # Without the engine nobody hears an outcome, or keeps it in the state.
    while not told.wait(_HEARTBEAT_SECONDS) and engine.is_there():
        pass
    provider.close()
    server.stop(grace=None)
    exit_now()
