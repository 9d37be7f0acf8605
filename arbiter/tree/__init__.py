"""The behaviour tree: YAML in, py_trees out. `docs/reference/nodes.md` lists the node types."""
