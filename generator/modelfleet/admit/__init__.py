"""Whether a cluster of a release would take any manifests."""
