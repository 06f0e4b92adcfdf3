"""The templates of the pages. Importing it imports Jinja2."""

from pathlib import Path
from typing import Final

import jinja2

from kata_components import wording
from kata_components.foreign import bounded

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"bounded": bounded, "duration": wording.duration, "nodes": wording.nodes}


def rendered(template: str, **values: object) -> str:
    """Return the HTML of a template, every value escaped."""
    return _TEMPLATES.get_template(template).render(values)
