"""What the generated tree is called: its folders and files, and which of them a run owns."""

from __future__ import annotations

from collections.abc import Sequence

from modelfleet.patterns import lazy_pattern
from modelfleet.records import dataclass

TOP = "environments"

CRDS = "crds"
"""The folder of definitions of kinds that no release ships."""

BASE, ARGOCD = "base", "argocd"
"""Beside environments the folder of what they share, and beside projects that of what Argo CD needs."""

APPLICATION_FILE = "modelfleet-application.yaml"
"""What Argo CD makes an Application of, wherever it stands below an environment: the `*` of its pattern crosses `/`."""

BASE_FILE = f"{TOP}/{BASE}.yaml"
"""What all environments share, as it is written by hand."""

CONTRACT_FILE = "endpoints.lock.yaml"
"""What the callers of a project's models were promised: written by `endpoints --lock` alone, part of no kustomization."""


_UNFIT = lazy_pattern(r"[^a-z0-9.-]")

FILE_STEM = lazy_pattern(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
"""What a file is called, without its suffix, that an import writes for an object of this name."""

GENERATED_FILE = lazy_pattern(rf"{TOP}(?:/[a-z0-9][a-z0-9._-]*){{3,}}")


# ---- files -----------------------------------------------------------------------------------------------------------


def project_file(name: str) -> str:
    """What is written by hand of a project."""
    return f"projects/{name}.yaml"


def environment_file(name: str) -> str:
    """What is written by hand of an environment."""
    return f"{TOP}/{name}.yaml"


def overlay_folder(environment: str, project: str) -> str:
    """What Argo CD syncs of a project in an environment."""
    return f"{TOP}/{environment}/{project}"


def base_folder(project: str) -> str:
    """What a project's overlays have in common."""
    return overlay_folder(BASE, project)


def argocd_folder(environment: str) -> str:
    """What Argo CD itself needs for an environment."""
    return overlay_folder(environment, ARGOCD)


def file_name(kind: str, name: str) -> str:
    """The file of an object. What a name may have and a file not, as the colons of a RoleBinding, is written in hex."""
    return f"{kind.lower()}-{_UNFIT.sub(lambda found: f'_{ord(found[0]):02x}', name)}.yaml"


@dataclass(frozen=True, slots=True)
class Scope:
    """The generated folders that a run owns: `environments/<environment>/<project>` for these names, None for all.

    `BASE` counts as an environment here and `ARGOCD` as a project. Projects `everywhere` are owned in all environments.
    Nothing outside is looked at or touched.
    """

    environments: frozenset[str] | None = None
    projects: frozenset[str] | None = None
    everywhere: frozenset[str] = frozenset()

    def owns(self, names: Sequence[str]) -> bool:
        """Whether it owns this folder, or something in this folder: `(environment,)` or `(environment, project)`."""
        if self.everywhere and (len(names) == 1 or names[1] in self.everywhere):
            return True
        limits = (self.environments, self.projects)
        return all(limit is None or name in limit for limit, name in zip(limits, names, strict=False))

    def covers(self, path: str) -> bool:
        """Whether it owns this generated file."""
        return self.owns(path.split("/")[1:3])


EVERYTHING = Scope()
"""Every generated folder."""
