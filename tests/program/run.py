"""Runs programs as the language host does, against a monitor that records registrations."""

import asyncio
import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack

from tests.components.recorder import Recorder

PROJECT = "kata-deploy"
STACK = "test"
MAIN = Path(__file__).parents[2] / "__main__.py"


@dataclass(frozen=True)
class Registration:
    """One resource as registered with the engine; the provider by its logical name."""

    name: str
    type: str
    urn: str
    parent: str
    provider: str
    inputs: dict[str, Any]
    depends_on: frozenset[str]
    replace_on_changes: tuple[str, ...]

    @property
    def type_and_parent(self) -> tuple[str, str]:
        """The type, and the logical name of the parent."""
        return self.type, self.parent.rpartition("::")[2]


@dataclass
class Run:
    """What one run of the program registered, in order, and the outputs of its stack."""

    resources: dict[str, Registration] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def order(self, *names: str) -> list[str]:
        return [name for name in self.resources if name in names]


class _Monitor(MockMonitor):
    # The SDK's mocks see neither parents, nor dependencies, nor the outputs of the stack.

    def __init__(self, run: Run) -> None:
        super().__init__(Recorder())
        self._run = run

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the URN as the engine makes it: with the types of all parents but the stack."""
        qualified = parent.split("::")[2] if parent else "pulumi:pulumi:Stack"
        prefix = "" if qualified == "pulumi:pulumi:Stack" else f"{qualified}$"
        return f"urn:pulumi:{STACK}::{PROJECT}::{prefix}{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 # the method's name in the protocol
        if request.type != "pulumi:pulumi:Stack":
            self._run.resources[request.name] = Registration(
                name=request.name,
                type=request.type,
                urn=self.make_urn(request.parent, request.type, request.name),
                parent=request.parent,
                provider=request.provider.rpartition("::")[0].rpartition("::")[2],
                inputs=json_format.MessageToDict(request.object),
                depends_on=frozenset(urn.rpartition("::")[2] for urn in request.dependencies),
                replace_on_changes=tuple(request.replaceOnChanges),
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK leaves it without types

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 # the method's name in the protocol
        if "pulumi:pulumi:Stack::" in request.urn:
            self._run.outputs.update(json_format.MessageToDict(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call] # see above


def main() -> None:
    """The project's program."""
    runpy.run_path(str(MAIN), run_name="__main__")


def run_program(
    loop: asyncio.AbstractEventLoop,
    config: dict[str, Any],
    program: Callable[[], Any] = main,
) -> Run:
    """Run a program to the end of all registrations.

    Args:
        loop: the current event loop.
        config: the stack's configuration; values other than text become JSON, as in Pulumi.
        program: what registers the resources.
    """
    run = Run()
    texts = {
        f"kata-deploy:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }
    pulumi.runtime.set_mocks(Recorder(), project=PROJECT, stack=STACK, monitor=_Monitor(run))
    # Mocks come with a stack without outputs; the program's run creates its own.
    set_root_resource(None)  # type: ignore[arg-type] # what the setting holds before the first stack
    pulumi.runtime.set_all_config(texts)
    try:
        loop.run_until_complete(run_in_stack(program))
    finally:
        pulumi.runtime.set_all_config({})
        set_root_resource(None)  # type: ignore[arg-type] # see above
    return run
