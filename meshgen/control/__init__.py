"""A running mesh: Ray Serve and Envoy started, deployed to, discovered, watched and stopped.

Nothing is imported here: `model` is light, the rest brings in Ray and gRPC.
"""
