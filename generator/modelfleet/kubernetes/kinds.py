"""Which kinds belong to the cluster and not to a namespace, as far as that is known without one."""

from __future__ import annotations

from functools import lru_cache

from modelfleet.packaged import packaged_data


@lru_cache(maxsize=1)
def cluster_kinds() -> frozenset[str]:
    """Kinds that have no namespace."""
    return frozenset(packaged_data("kinds")["ofCluster"])
