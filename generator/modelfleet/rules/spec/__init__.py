"""Rules on specs and environments, a module a topic."""
