"""The dynamic providers in users' state: a pickle that only names a class."""

import base64
import pickletools

import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider

from kata_components.providers.installation import InstallationProvider
from kata_components.providers.preflight import PreflightProvider
from kata_components.providers.rollout import RolloutProvider
from tests.program.conftest import Program

JOB = {"kataVersion": "4.0.0", "deploymentMode": "job", "cluster": {"context": "c"}}

INSTALLATION = (
    "gASVRgAAAAAAAACMJmthdGFfY29tcG9uZW50cy5wcm92aWRlcnMuaW5zdGFsbGF0aW9u"
    "lIwUSW5zdGFsbGF0aW9uUHJvdmlkZXKUk5QpgZQu"
)
ROLLOUT = (
    "gASVPAAAAAAAAACMIWthdGFfY29tcG9uZW50cy5wcm92aWRlcnMucm9sbG91dJSM"
    "D1JvbGxvdXRQcm92aWRlcpSTlCmBlC4="
)
PREFLIGHT = (
    "gASVQAAAAAAAAACMI2thdGFfY29tcG9uZW50cy5wcm92aWRlcnMucHJlZmxpZ2h0"
    "lIwRUHJlZmxpZ2h0UHJvdmlkZXKUk5QpgZQu"
)
KEPT = {
    "kata-deploy-preflight": (PREFLIGHT, PreflightProvider),
    "kata-deploy-installation": (INSTALLATION, InstallationProvider),
    "kata-deploy-rollout": (ROLLOUT, RolloutProvider),
}


@pytest.mark.parametrize("name", KEPT)
def test_the_program_stores_the_golden_provider(program: Program, name: str) -> None:
    # A different text shows up as a change of every user's resource, and one that cannot be loaded
    # breaks their destroy.
    assert program(JOB).resources[name].inputs["__provider"] == KEPT[name][0]


@pytest.mark.parametrize("name", KEPT)
def test_the_golden_provider_names_its_class_by_an_existing_path(name: str) -> None:
    golden, kind = KEPT[name]
    texts = [
        argument
        for _, argument, _ in pickletools.genops(base64.b64decode(golden))
        if isinstance(argument, str)
    ]
    assert texts == [kind.__module__, kind.__qualname__]
    modules = {
        f"kata_components.providers.{name}" for name in ("preflight", "installation", "rollout")
    }
    assert kind.__module__ in modules


@pytest.mark.parametrize("kind", [PreflightProvider, InstallationProvider, RolloutProvider])
def test_a_provider_is_serialised_the_same_every_time(kind: type[ResourceProvider]) -> None:
    assert serialize_provider(kind()) == serialize_provider(kind())
