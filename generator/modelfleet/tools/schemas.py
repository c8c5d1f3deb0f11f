"""The schemas of the kinds that an environment uses, in the user's cache: made once, of what is pinned or exported.

The folders' names hold what is in them and of which version, so that what is there is what is wanted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.kubernetes.yaml import yaml_documents
from modelfleet.records import dataclass
from modelfleet.tools.crds import (
    CONVERTER,
    bundled_schemas,
    convert_core,
    convert_crds,
    crd_files,
    crds_in,
    write_schemas,
)
from modelfleet.tools.differences import SchemaDifference, with_differences
from modelfleet.tools.folder import Say, alone, explain_failure, fresh_folder, intact, pinned, seal
from modelfleet.tools.go import DOWNLOAD_S, provide_go
from modelfleet.tools.processes import failure_note
from modelfleet.wording import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """CRDs in a Go module. `versions` are the API versions to take, none for those that are served.

    `differences` are what the CRDs of the release have otherwise.
    """

    module: str
    version: str
    files: tuple[str, ...]
    versions: tuple[str, ...] = ()
    sum: str = ""
    differences: tuple[SchemaDifference, ...] = ()
    group: str = ""
    kinds: tuple[str, ...] = ()
    """Those that its files define, where these are not all of the group."""

    def __str__(self) -> str:
        return f"{self.module} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an environment's objects are checked with: Kubernetes such as `1.32`, CRDs, a folder of a cluster's CRDs."""

    kubernetes: str
    modules: tuple[Module, ...]
    exported: Path | None = None

    def covers(self, group: str, kind: str) -> bool:
        """Whether the CRDs define a kind, as far as is known without reading them."""
        return any(one.group == group and (not one.kinds or kind in one.kinds) for one in self.modules)


@dataclass(frozen=True, slots=True)
class Schemas:
    """Folders of schemas, looked up in this order. Their names say what is in them and of which version.

    `kubernetes` is the version whose core kinds are in them, such as `1.32`.
    """

    folders: tuple[Path, ...]
    kubernetes: str

    @property
    def key(self) -> str:
        """Differs wherever the schemas differ."""
        return " ".join(folder.name for folder in self.folders)


def schema_needs(
    kubernetes: str,
    crds: Iterable[Mapping[str, Any]],
    *,
    secrets: str | None = None,
    argocd: str | None = None,
    exported: Path | None = None,
) -> Needs:
    """What an environment needs, by its release's `crds`, its secrets.apiVersion and its argocd.version.

    Raises KeyError where no schemas are pinned for that version of External Secrets or Argo CD.
    """
    beside = pinned()["schemas"]
    entries = [*crds, *beside["always"]]
    if secrets is not None:
        entries.append(beside["secrets"][secrets])
    if argocd is not None:
        entries.append(beside["argocd"][argocd])
    return Needs(kubernetes=kubernetes, modules=tuple(_module(entry) for entry in entries), exported=exported)


def with_mentioned(needs: Needs, texts: Collection[bytes]) -> Needs:
    """The same with the CRDs of groups that objects are of which stand beside the models."""
    found = _of_groups(pinned()["schemas"]["mentioned"], texts)
    return replace(needs, modules=(*needs.modules, *map(_module, found)))


def mentioned(texts: Collection[bytes]) -> list[Mapping[str, Any]]:
    """What is pinned beside the CRDs of the releases, for manifests of any origin: that whose group they mention."""
    beside = pinned()["schemas"]
    return _of_groups([*beside["mentioned"], *beside["secrets"].values(), list(beside["argocd"].values())[-1]], texts)


def _of_groups(entries: Iterable[Mapping[str, Any]], texts: Collection[bytes]) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if any(entry["group"].encode() in text for text in texts)]


def _module(entry: Mapping[str, Any]) -> Module:
    return Module(
        module=entry["module"],
        version=entry["version"],
        files=tuple(entry["files"]),
        versions=tuple(entry.get("versions", ())),
        sum=entry.get("sum", ""),
        differences=tuple(entry.get("differences", ())),
        group=entry.get("group") or Path(entry["files"][0]).name.rpartition("_")[0],
        kinds=tuple(entry.get("kinds", ())),
    )


def schemas(cache: Path, wanted: Needs, say: Say) -> Schemas:
    """The schemas that an environment needs, made where they are missing: a cluster's own CRDs before the pinned ones.

    Raises MachineFailed where a module cannot be had, Rejected where the folder of exported CRDs holds none.
    """
    fillers: dict[Path, Callable[[Path], None]] = {}
    if wanted.exported is not None:
        fillers[_exported_folder(cache, wanted.exported)] = partial(convert_crds, wanted.exported)
    for module in wanted.modules:
        fillers[_module_folder(cache, module)] = partial(_convert_module, cache, module, say)
    optional = pinned()["schemas"]["core"]["optional"]
    core = _core_folder(cache, wanted.kubernetes, optional)
    fillers[core] = partial(convert_core, wanted.kubernetes, optional)
    if not all(map(intact, fillers)):
        with alone(cache, say):
            for folder, fill in fillers.items():
                _made(cache, folder, fill)
    return Schemas(tuple(fillers), wanted.kubernetes)


def made_before(cache: Path, wanted: Needs) -> tuple[Path, ...]:
    """The folders of pinned CRDs that are there already, and whole."""
    return tuple(filter(intact, (_module_folder(cache, module) for module in wanted.modules)))


def _made(cache: Path, folder: Path, fill: Callable[[Path], None]) -> None:
    """The folder, filled beside its place and moved there whole."""
    if intact(folder):
        return
    folder.parent.mkdir(exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    with fresh_folder(cache) as fresh:
        target = fresh / "schemas"
        target.mkdir()
        fill(target)
        target.replace(folder)
    seal(folder)


def _place(cache: Path, name: str) -> Path:
    return (cache / "schemas" / name).absolute()


def _digest(*texts: str | bytes) -> str:
    import hashlib

    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() if isinstance(text, str) else text)
        total.update(b"\0")
    return total.hexdigest()[:12]


def _module_folder(cache: Path, module: Module) -> Path:
    differences = json.dumps(module.differences, sort_keys=True)
    digest = _digest(CONVERTER, module.sum, *module.files, "", *module.versions, "", differences)
    return _place(cache, f"{module.module.replace('/', '_')}-{module.version}-{digest}")


def _core_folder(cache: Path, kubernetes: str, optional: Mapping[str, Any]) -> Path:
    definitions = (bundled_schemas(kubernetes) / "_definitions.json").read_bytes()
    return _place(cache, f"core-{kubernetes}-{_digest(CONVERTER, definitions, json.dumps(optional))}")


def _exported_folder(cache: Path, folder: Path) -> Path:
    contents = [text for path in crd_files(folder) for text in (path.name, path.read_bytes())]
    return _place(cache, f"exported-{_digest(CONVERTER, *contents)}")


def _convert_module(cache: Path, module: Module, say: Say, target: Path) -> None:
    for crd in crds_of(cache, module, say):
        write_schemas(crd, target, module.versions)


def crds_of(cache: Path, module: Module, say: Say) -> list[Mapping[str, Any]]:
    """The CRDs of a module, with the release's differences. Raises MachineFailed where the module cannot be had."""
    with explain_failure(f"the schemas of {module} cannot be downloaded", "run this once with a network"):
        go = provide_go(cache, say)
        say(f"schemas of {module}: downloading, once")
        with fresh_folder(cache) as folder:
            words = ["mod", "download", "-json", f"{module.module}@{module.version}"]
            done = go.run(words, folder, DOWNLOAD_S)
        said = json.loads(done.out) if done.out.strip() else {}
        if done.code:
            raise MachineFailed(failure_note(printable(" ".join(str(said.get("Error", "")).split())) or done.err))
        if module.sum and said.get("Sum") != module.sum:
            message = f"its checksum is {printable(str(said.get('Sum')))}, not {module.sum}"
            raise MachineFailed(message)
        contents = [yaml_documents((Path(said["Dir"]) / file).read_bytes()) for file in module.files]
        return [with_differences(crd, module.differences) for content in contents for crd in crds_in(content)]
