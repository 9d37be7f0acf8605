"""A robot: two arms on a desk. The folder of this package is its description."""
