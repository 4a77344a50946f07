"""The rules of requests, enforced as the contract states them."""
