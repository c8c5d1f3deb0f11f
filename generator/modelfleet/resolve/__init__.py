"""What is meant: releases, runtimes, environments and projects, merged and completed.

Defaults and arithmetic live here; whether something is wrong is judged by `rules`."""
