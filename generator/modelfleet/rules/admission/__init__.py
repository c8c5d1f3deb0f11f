"""Rules on objects, a module a topic: what a cluster of a release refuses."""
