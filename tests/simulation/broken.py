"""The error that ends a simulated history in which the product breaks a promise."""


class BrokenPromiseError(AssertionError):
    """Raised when a promise is broken."""
