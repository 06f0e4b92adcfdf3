"""Pulumi's dynamic resources.

The paths of the classes here are stored in users' state and never change.
"""
