"""Runs a route: which steps, in which order, with which values."""
