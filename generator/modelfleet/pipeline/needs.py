"""With which schemas the objects of an environment are checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.layout import CRDS
from modelfleet.resolve.environment import Environment
from modelfleet.tools.schemas import Needs, schema_needs, with_mentioned


def schemas_of(environment: Environment, root: Path | None = None, *, exported: bool = True) -> Needs:
    """What the objects of an environment are checked with, the user's own CRDs before what is pinned where `exported`.

    Raises `MachineFailed` where its release is not known.
    """
    release = environment.release
    if release is None:
        message = f"{environment.name} has no release"
        raise MachineFailed(message)
    store = environment.secrets
    needs = schema_needs(
        release.kubernetes,
        release.crds,
        secrets=store.api_version if store.provider == "external-secrets" else None,
        argocd=environment.argocd.version,
        exported=root / CRDS if root is not None and exported and any((root / CRDS).glob("*.yaml")) else None,
    )
    return with_mentioned(needs, list(_brought_along(root)))


def _brought_along(root: Path | None) -> Iterator[bytes]:
    """The objects beside the models, as they are written."""
    for path in sorted((root / "objects").rglob("*.yaml")) if root is not None else ():
        if path.is_file() and not path.is_symlink():
            yield path.read_bytes()
