"""Graph → what back ends need: a contract beside a mesh."""
