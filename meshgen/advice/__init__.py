"""From traces of a running mesh to advice about its graph: which nodes are too cheap for a hop of their own."""
