"""From a graph to what back ends need: a contract beside a mesh."""
