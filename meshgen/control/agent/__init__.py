"""The parts of a mesh that a host has beside Ray: Envoy, what keeps its endpoints current, and the servers behind it."""
