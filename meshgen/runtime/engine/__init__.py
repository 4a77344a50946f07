"""Runs a route, by its schedule: the executor on an event loop, or compiled as one Python function."""
