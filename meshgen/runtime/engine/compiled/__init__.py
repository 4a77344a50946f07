"""Routes as straight-line Python functions, without event loop, tasks or threads."""
