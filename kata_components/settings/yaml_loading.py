"""YAML as Kubernetes and Helm read it, where dates are text."""

from typing import Final

import yaml

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class Loader(yaml.SafeLoader):
    """The safe loader without timestamps, which YAML 1.1 has and Go's parsers do not.

    Not libyaml's, which is faster: there, deep nesting kills the process.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
