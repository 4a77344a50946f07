"""A graph as plain calls in this process."""
