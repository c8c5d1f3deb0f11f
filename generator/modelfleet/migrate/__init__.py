"""Rewrites specs from what a release is about to lose to what follows it, in two steps that can be reviewed."""
