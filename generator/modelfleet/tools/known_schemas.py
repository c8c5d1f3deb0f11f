"""What is known of kinds without a network: the user's own CRDs, what was converted before, and the bundled core kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from modelfleet.kubernetes.schemas import FolderSchemas, self_contained
from modelfleet.records import dataclass
from modelfleet.tools.crds import core_definitions, core_schema, crd_schemas
from modelfleet.tools.folder import cache_folder, pinned
from modelfleet.tools.schemas import Needs, made_before


@dataclass(frozen=True)
class KnownSchemas:
    """The schemas of one environment's kinds, as far as they are at hand. `crds` are the user's own definitions."""

    root: Path
    needs: Needs
    crds: tuple[Mapping[str, Any], ...]

    @cached_property
    def _own(self) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
        return {
            (crd["spec"]["group"], version, crd["spec"]["names"]["kind"]): schema
            for crd in self.crds
            for version, schema in crd_schemas(crd)
        }

    @cached_property
    def _converted(self) -> FolderSchemas:
        return FolderSchemas(made_before(cache_folder(self.root), self.needs))

    @cached_property
    def _definitions(self) -> Mapping[str, Any]:
        return core_definitions(self.needs.kubernetes, pinned()["schemas"]["core"]["optional"])

    def schema(self, group: str, version: str, kind: str) -> Mapping[str, Any] | None:
        """See `SchemaSource`."""
        if (own := self._own.get((group, version, kind))) is not None:
            return own
        if (converted := self._converted.schema(group, version, kind)) is not None:
            return converted
        core = core_schema(self.needs.kubernetes, group, version, kind)
        return None if core is None else self_contained(core, self._definitions)

    def versions(self, group: str, kind: str) -> Sequence[str]:
        """See `SchemaSource`."""
        own = {version for known, version, name in self._own if (known, name) == (group, kind)}
        return sorted(own | set(self._converted.versions(group, kind)))

    def later(self, group: str, kind: str) -> bool:
        """Whether a kind is checked with CRDs that are not there yet: `verify` has them."""
        return self.needs.covers(group, kind) and len(self._converted.folders) < len(self.needs.modules)

    def of_cluster(self, group: str, kind: str) -> bool:
        """Whether the user's own definition says that a kind belongs to no namespace."""
        specs: Iterable[Mapping[str, Any]] = (crd["spec"] for crd in self.crds)
        return any(
            (spec["group"], spec["names"]["kind"], spec.get("scope")) == (group, kind, "Cluster") for spec in specs
        )
