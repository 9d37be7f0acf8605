"""The behaviour tree: YAML in, py_trees out. `docs/tree.md` lists the node types."""
