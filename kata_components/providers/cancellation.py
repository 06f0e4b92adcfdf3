"""Makes Ctrl-C reach a running rollout.

The engine sends `Cancel` to every plugin on the first Ctrl-C. The SDK's dynamic provider ignores
it, and its server is bound to that method before any of our code runs, so `install` replaces the
method's code object (docs/adr/0004). If the SDK does not look as expected, nothing is replaced,
and the second Ctrl-C ends the process as usual.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final


class Cancellation:
    """A request to stop, which may come from any thread and at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], object]] = []
        self._requested = False

    @contextmanager
    def notifying(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call `listener` on a request within the block, or at once if there was one before."""
        with self._lock:
            self._listeners.append(listener)
            requested = self._requested
        try:
            if requested:
                listener()
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def request(self) -> None:
        """Notify all listeners, present and future ones."""
        with self._lock:
            self._requested = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener()


current: Final = Cancellation()
"""That of this process."""


def install() -> bool:
    """Replace the SDK's `Cancel`; return whether that was possible."""
    servicer = getattr(sys.modules.get("__main__"), "DynamicResourceProviderServicer", None)
    method = getattr(servicer, "Cancel", None)
    code = getattr(method, "__code__", None)
    if code is None or code.co_freevars or code.co_argcount != _cancel.__code__.co_argcount:
        return False
    method.__code__ = _cancel.__code__  # type: ignore[union-attr] # has a code object, see above
    return True


def _cancel(self: Any, request: Any, context: Any) -> Any:  # noqa: ANN401, ARG001 # the servicer's signature
    # Runs with the globals of the SDK's module, so it imports everything it needs.
    from google.protobuf import empty_pb2  # noqa: PLC0415 # see above

    from kata_components.providers import cancellation  # noqa: PLC0415, PLW0406 # see above

    cancellation.current.request()
    return empty_pb2.Empty()
