"""Proves with the real tools that the overlays build to what was meant and that clusters know every field."""
