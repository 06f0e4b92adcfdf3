"""Reads the configuration of the stack: all its keys, which `pulumi.Config` cannot list."""

import pulumi
from pulumi.runtime.config import (
    CONFIG,
    get_config_env,
    get_config_secret_keys_env,
    is_config_secret,
)

from kata_components.components.kata_deploy_args import KataDeployArgs
from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config, project_keys


def stack_args() -> KataDeployArgs:
    """Return what the configuration of this stack asks for.

    Raises:
        pulumi.RunError: the configuration has problems; the text names each, without a traceback.
    """
    try:
        raw = {**get_config_env(), **CONFIG.get()}
        secrets = {*get_config_secret_keys_env(), *filter(is_config_secret, raw)}
        settings = load_settings(parse_stack_config(raw), project_keys(secrets))
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None
    return KataDeployArgs(settings, cluster_in_stack_config=True)
