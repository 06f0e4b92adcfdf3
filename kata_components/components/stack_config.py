"""Reads the configuration of the stack: all its keys, which `pulumi.Config` cannot list."""

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config
from kata_components.settings.settings import Settings


def stack_settings() -> Settings:
    """Return the settings of this stack.

    Raises:
        pulumi.RunError: the configuration has problems; the text names each of them and shows no traceback.
    """
    try:
        settings = load_settings(parse_stack_config({**get_config_env(), **CONFIG.get()}))
        _refuse_what_cannot_run(settings)
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    return settings


def _refuse_what_cannot_run(settings: Settings) -> None:
    if settings.deployment_mode == "job" and settings.traits.dispatcher_does_node_work:
        raise SettingsError([f"kataVersion: {settings.kata_version} is not supported yet in job mode; use 4.0.0"])
