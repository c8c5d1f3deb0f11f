"""Brings what runs already into a repository: objects become a spec, and the proof says what of them would change."""
