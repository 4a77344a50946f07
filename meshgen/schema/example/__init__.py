"""Requests that work, made up from their types: what a page offers to somebody who has nothing to send yet."""
