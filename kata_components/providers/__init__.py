"""Pulumi's dynamic resources.

Users' state stores the module paths and names of the provider classes, so these never change.
"""
