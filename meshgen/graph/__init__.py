"""The user's graph as frozen data."""
