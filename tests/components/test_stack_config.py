"""What the program reads from Pulumi's configuration, and what of it is secret."""

import json
from collections.abc import Iterator

import pulumi
import pytest

from kata_components.components.stack_config import stack_args

CONFIG = {
    "kata-deploy:kataVersion": "4.0.0",
    "kata-deploy:cluster": '{"context": "c"}',
    "kata-deploy:shims": '{"qemu": {"agent": {"httpsProxy": "http://user:PASSWORD@proxy"}}}',
    "aws:token": "t",
}


@pytest.fixture(autouse=True)
def _no_configuration_after() -> Iterator[None]:
    yield
    pulumi.runtime.set_all_config({}, [])


def test_secret_that_would_not_remain_one_ends_the_program() -> None:
    pulumi.runtime.set_all_config(CONFIG, ["kata-deploy:shims", "aws:token"])
    with pytest.raises(pulumi.RunError, match="shims: was set with --secret") as caught:
        stack_args()
    assert "PASSWORD" not in str(caught.value)
    assert "aws" not in str(caught.value)


def test_secret_of_the_environment_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(CONFIG))
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", '["kata-deploy:shims"]')
    with pytest.raises(pulumi.RunError, match="shims: was set with --secret"):
        stack_args()


def test_without_secrets_the_same_is_read() -> None:
    pulumi.runtime.set_all_config(CONFIG, ["aws:token"])
    assert (
        stack_args().loaded().shims.enabled["qemu"].agent.https_proxy
        == "http://user:PASSWORD@proxy"
    )
