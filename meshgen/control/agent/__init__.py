"""The parts of a mesh on a host beside Ray: Envoy, what keeps its endpoints current, and the servers behind it."""
