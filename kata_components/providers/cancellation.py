"""Makes Ctrl-C reach a running rollout.

The engine sends `Cancel` to every plugin on the first Ctrl-C, but the SDK's dynamic provider
ignores it, and its server is bound to that method before any of our code runs. So the code object
of the method is replaced (docs/adr/0004). Where the SDK does not look as expected, nothing is
replaced, and the second Ctrl-C ends the process as before.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()
_listeners: list[Callable[[], None]] = []
_requested = False


def install() -> bool:
    """Replace the SDK's `Cancel`; return whether that was possible."""
    servicer = getattr(sys.modules.get("__main__"), "DynamicResourceProviderServicer", None)
    method = getattr(servicer, "Cancel", None)
    code = getattr(method, "__code__", None)
    if code is None or code.co_freevars or code.co_argcount != _cancel.__code__.co_argcount:
        return False
    method.__code__ = _cancel.__code__  # type: ignore[union-attr] # has a code object, see above
    return True


def subscribe(listener: Callable[[], None]) -> None:
    """Call `listener` (from another thread) once the user asks to stop.

    At once if that has happened.
    """
    with _lock:
        _listeners.append(listener)
        requested = _requested
    if requested:
        listener()


def unsubscribe(listener: Callable[[], None]) -> None:
    """Do not call `listener` any more."""
    with _lock:
        _listeners.remove(listener)


def request() -> None:
    """Tell all listeners, now and later ones."""
    global _requested  # noqa: PLW0603 # one process, one wish to stop
    with _lock:
        _requested = True
        listeners = list(_listeners)
    for listener in listeners:
        listener()


def _cancel(self: Any, request: Any, context: Any) -> Any:  # noqa: ANN401, ARG001 # the servicer's signature
    # Runs with the globals of the SDK's module: everything it needs is imported here.
    from google.protobuf import empty_pb2  # noqa: PLC0415 # see above

    from kata_components.providers import cancellation  # noqa: PLC0415, PLW0406 # see above

    cancellation.request()
    return empty_pb2.Empty()
