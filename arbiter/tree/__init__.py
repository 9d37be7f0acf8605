"""The behaviour tree: YAML in, py_trees out. `docs/how-to/write-a-tree.md` lists the node types."""
