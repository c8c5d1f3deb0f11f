"""With which schemas the objects of an environment are checked."""

from __future__ import annotations

from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.layout import CRDS
from modelfleet.resolve.environment import Environment
from modelfleet.tools.schemas import Needs, schema_needs


def schemas_of(environment: Environment, root: Path | None = None) -> Needs:
    """What the objects of an environment are checked with, the user's own CRDs below the root before what is pinned.

    Raises `MachineFailed` where its release is not known.
    """
    release = environment.release
    if release is None:
        message = f"{environment.name} has no release"
        raise MachineFailed(message)
    store = environment.secrets
    return schema_needs(
        release.kubernetes,
        release.crds,
        secrets=store.api_version if store.provider == "external-secrets" else None,
        argocd=environment.argocd.version,
        exported=root / CRDS if root is not None and any((root / CRDS).glob("*.yaml")) else None,
    )
