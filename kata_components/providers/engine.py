"""Messages to the Pulumi engine, and whether it is still there.

The SDK offers a dynamic provider neither. The engine's address is the plugin's last argument. If
it is not (tests, another SDK), messages are printed and the engine counts as present.
"""

import os
import sys
import threading
import time
from collections import deque
from functools import cache
from typing import Final

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from kata_components.foreign import printable

_FOLLOW_SECONDS: Final = 3.0
"""How often a process looks for the engine even if it is idle; work looks more often."""
_MISSED: Final = 2
"""How many looks in vain end it: work has ended in order by then."""
_TIMEOUT_SECONDS: Final = 5.0
_DIRECTLY: Final = (("grpc.enable_http_proxy", 0),)
"""The engine runs on this machine, where a proxy from the environment cannot reach it."""
_statuses: Final[deque[object]] = deque(maxlen=8)
"""The latest calls that are not waited for."""


def info(text: str, urn: str = "") -> None:
    """Show a message on a resource, or on the stack without `urn`; it stays in the diagnostics."""
    _log(engine_pb2.INFO, text, urn, ephemeral=False)


def warning(text: str, urn: str = "") -> None:
    """Show a warning, as `info` does."""
    _log(engine_pb2.WARNING, text, urn, ephemeral=False)


def status(text: str, urn: str = "") -> None:
    """Show the current status of a resource; the next one replaces it."""
    _log(engine_pb2.INFO, text, urn, ephemeral=True)


def is_gone() -> bool:
    """Whether the engine has ended: nobody would read our answer, so nothing more may start."""
    stub = _stub(sys.argv[-1])
    if stub is None:
        return False
    try:
        stub.GetRootResource(engine_pb2.GetRootResourceRequest(), timeout=_TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.UNAVAILABLE)
    return False


def end_with_it() -> None:
    """End this plugin process when the engine is gone and no work is left that ends it.

    A CLI that is killed does not end its plugins, and one that waits for calls would wait forever.
    """
    if _stub(sys.argv[-1]) is not None:
        threading.Thread(target=_follow, name="engine", daemon=True).start()


def _follow() -> None:
    missed = 0
    while missed < _MISSED:
        time.sleep(_FOLLOW_SECONDS)
        missed = missed + 1 if is_gone() else 0
    end_process()


def end_process() -> None:
    """End this plugin process, which would wait for calls forever; do nothing outside of one."""
    if _stub(sys.argv[-1]) is not None:
        os._exit(1)


def _log(
    severity: engine_pb2.LogSeverity.ValueType, text: str, urn: str, *, ephemeral: bool
) -> None:
    text = printable(text)
    stub = _stub(sys.argv[-1])
    if stub is None:
        if not ephemeral:
            print(text, flush=True)
        return
    request = engine_pb2.LogRequest(
        severity=severity, message=text, urn=urn, streamId=0, ephemeral=ephemeral
    )
    if ephemeral:
        # Not waited for, since a slow terminal must not slow the rollout; but kept, since gRPC
        # cancels a call that nobody refers to.
        _statuses.append(stub.Log.future(request, timeout=_TIMEOUT_SECONDS))
        return
    try:
        stub.Log(request, timeout=_TIMEOUT_SECONDS)
    except grpc.RpcError:
        print(text, file=sys.stderr, flush=True)


@cache
def _stub(address: str) -> engine_pb2_grpc.EngineStub | None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return None
    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_DIRECTLY))
