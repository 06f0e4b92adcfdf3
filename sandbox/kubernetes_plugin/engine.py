"""Talking to the Pulumi engine: log lines, the status of a row, and whether it is still there."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import grpc

from sandbox.kubernetes_plugin.protocol import engine_pb2, engine_pb2_grpc

_ANSWER_SECONDS: Final = 2.0


class Engine:
    """The engine at a gRPC address; without an address every message goes nowhere."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address) if address else None
        self._stub = engine_pb2_grpc.EngineStub(self._channel) if self._channel else None
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def info(self, message: str, urn: str = "") -> None:
        """Show a line that stays."""
        self._log(engine_pb2.INFO, message, urn)

    def warning(self, message: str, urn: str = "") -> None:
        """Show a line that stays and counts as a warning."""
        self._log(engine_pb2.WARNING, message, urn)

    def info_once(self, message: str) -> None:
        """Show a line that stays, the first time it is said."""
        if self._is_new(message):
            self.info(message)

    def warning_once(self, message: str) -> None:
        """Show a warning, the first time it is said."""
        if self._is_new(message):
            self.warning(message)

    @contextmanager
    def progress(self, urn: str) -> Iterator[Callable[[str], None]]:
        """Give a function that shows how far a resource is, on its row, until the block ends."""
        shown = False

        def report(message: str) -> None:
            nonlocal shown
            shown = True
            self._log(engine_pb2.INFO, message, urn, ephemeral=True)

        try:
            yield report
        finally:
            if shown:
                report("")

    def is_there(self) -> bool:
        """Return whether the engine can be reached; without an address that is taken for granted."""
        if self._channel is None:
            return True
        try:
            grpc.channel_ready_future(self._channel).result(timeout=_ANSWER_SECONDS)
        except grpc.FutureTimeoutError:
            return False
        return True

    def _is_new(self, message: str) -> bool:
        with self._lock:
            new = message not in self._said
            self._said.add(message)
            return new

    def _log(
        self, severity: "engine_pb2.LogSeverity.ValueType", message: str, urn: str, *, ephemeral: bool = False
    ) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        # A message that nobody can show must not fail the work it is about.
        with suppress(grpc.RpcError):
            self._stub.Log(request, timeout=_ANSWER_SECONDS)


def exit_now() -> None:
    """End the process without waiting for threads: they may be in calls that take long."""
    os._exit(0)
