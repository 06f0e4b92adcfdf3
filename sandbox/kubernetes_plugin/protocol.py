"""The gRPC messages of Pulumi's plugin protocol, without the rest of the SDK.

Importing `pulumi.runtime.proto` the usual way first runs the package `pulumi`, which loads the whole SDK: a quarter of
a second in a process that every preview starts. Only the generated modules are needed here, so while they are imported
empty packages take the place of their parents, and are gone afterwards.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_PARENTS = ("pulumi", "pulumi.runtime", "pulumi.runtime.proto")


@contextmanager
def _empty_parents() -> Iterator[None]:
    spec = find_spec("pulumi")
    if "pulumi" in sys.modules or spec is None or spec.origin is None:
        yield
        return
    root = Path(spec.origin).parent
    for name in _PARENTS:
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in _PARENTS:
            del sys.modules[name]


with _empty_parents():
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )

__all__ = ["engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2"]
