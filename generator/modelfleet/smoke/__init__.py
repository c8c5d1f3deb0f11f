"""Calls what is served: whether each model answers as its endpoints promise, and refuses whom they refuse."""
