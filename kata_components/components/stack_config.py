"""Reads the configuration of the stack: all its keys, which `pulumi.Config` cannot list."""

import pulumi
from pulumi.runtime.config import (
    CONFIG,
    get_config_env,
    get_config_secret_keys_env,
    is_config_secret,
)

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config, project_keys
from kata_components.settings.settings import Settings


def stack_settings() -> Settings:
    """Return the settings of this stack.

    Raises:
        pulumi.RunError: the configuration has problems; the text names each, without a traceback.
    """
    try:
        raw = {**get_config_env(), **CONFIG.get()}
        secrets = {*get_config_secret_keys_env(), *filter(is_config_secret, raw)}
        return load_settings(parse_stack_config(raw), project_keys(secrets))
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
