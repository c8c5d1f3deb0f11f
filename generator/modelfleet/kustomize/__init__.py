"""Bases and overlays: what differs between environments, as Kustomize files, and what such files build to."""
