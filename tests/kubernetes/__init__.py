"""Tests of the API client, mostly of the whole client against a scripted API server."""
