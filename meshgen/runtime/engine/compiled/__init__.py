"""Routes as Python functions, without event loop, tasks or threads."""
