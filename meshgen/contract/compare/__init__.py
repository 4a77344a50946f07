"""Two versions of a contract: what changed, whom it breaks, and how to do it without harm."""
