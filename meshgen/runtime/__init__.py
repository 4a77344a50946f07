"""Running a graph: in process and on a mesh."""
