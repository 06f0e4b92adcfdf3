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
        return load_settings(parse_stack_config({**get_config_env(), **CONFIG.get()}))
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
