"""One of everything that policy-arbiter takes from outside: a skill with a tree, a policy, a chunk backend, a node, a robot, a
driver."""
