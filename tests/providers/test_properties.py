"""Resource properties, to the engine and back."""

from collections.abc import Mapping
from typing import Any

import pytest

from kata_components.manifests.job_templates import template_files
from kata_components.manifests.mounted_configs import mounted_fingerprints
from kata_components.providers.installation_inputs import InstallationOutputs
from kata_components.providers.properties import PropertyModel, unknowns
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.settings.load import load_settings
from tests.providers import inputs
from tests.providers.inputs import UNKNOWN


class Pace(PropertyModel, frozen=True, kw_only=True):
    node_count: int
    sizes: tuple[str | int, ...] = ()
    report_dir: str | None = None


def test_models_read_what_the_engine_makes_of_them() -> None:
    sent = {"nodeCount": 5.0, "sizes": ["canary", 10.0], "outcome": {"from": "an older version"}}
    assert Pace.of(sent) == Pace(node_count=5, sizes=("canary", 10))
    assert Pace.of(sent).props() == {"nodeCount": 5, "sizes": ["canary", 10]}


def test_unknown_values_of_a_preview_are_found() -> None:
    assert unknowns({"a": 1, "b": UNKNOWN, "c": None}) == {"b": UNKNOWN}


def test_digest_of_a_rollout_covers_what_the_mounted_files_mean_and_not_their_text() -> None:
    def digests(drop_in: str, **values: Any) -> Mapping[int, str]:
        config = {
            "kataVersion": "4.0.0",
            "cluster": {"context": "c"},
            "deploymentMode": "job",
            **values,
        }
        settings = load_settings(config | {"containerd": {"userDropIn": drop_in}})
        job = template_files(settings)["install-job.yaml"]
        props = inputs.rollout(installJob=job, mounted=mounted_fingerprints(settings))
        return RolloutInputs.of(props).request.rules().digests

    assert digests("a = 1") != digests("a = 2")
    assert (
        digests("a = 1")
        == digests("a = 1\n")
        == digests("a = 1", tolerations=[{"operator": "Exists"}])
    )


def test_names_to_abandon_may_have_spaces_around_their_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KATA_DEPLOY_ABANDON_NODES", " node-a, node-b ,,")
    outputs = InstallationOutputs.of(inputs.installation() | {"installationId": "i"})
    assert outputs.uninstall_request().abandoned == {"node-a", "node-b"}
