"""A user's function or object in this process: made, called, interrupted, given handles to others."""
