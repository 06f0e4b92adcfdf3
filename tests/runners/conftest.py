"""All of it runs in virtual time."""

from tests.model.virtual_lease import virtual_lease

__all__ = ["virtual_lease"]
