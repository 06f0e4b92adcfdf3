"""Drives a plan against a cluster: the asyncio loop around the pure pacer, the Lease, the report of failures."""
