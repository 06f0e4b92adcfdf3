"""Manifests as YAML text with the same meaning in YAML 1.1 and 1.2."""

import yaml

from kata_components.manifests.builders import Manifest


class _Dumper(yaml.SafeDumper):
    """Quotes text that could be a number: `1e3` is text in YAML 1.1 and a number in 1.2."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if text[:1].isalpha() else '"'
    )


_Dumper.add_representer(str, _represent_text)


def yaml_text(manifest: Manifest) -> str:
    """Return a manifest as YAML, without sorting keys or wrapping lines."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=1_000_000)
