"""What a simulated history ends with when the product does not keep its word."""


class BrokenPromiseError(AssertionError):
    """A promise was broken."""
