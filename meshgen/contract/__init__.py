"""Schema → packages, messages, field numbers and services; the lock; the descriptor set."""
