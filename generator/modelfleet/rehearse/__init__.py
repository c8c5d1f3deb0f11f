"""Rehearses an upgrade: the pull requests that bring an environment to another release, and what holds between them."""
