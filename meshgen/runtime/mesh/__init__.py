"""A replica of a mesh: what it answers, and how it calls others."""
