"""The hand-written files as a whole: read, each valid by itself, laid over one another, and resolved.

What is wrong with all of them is collected, and where it is an error, the line stops after each of these steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

from modelfleet.finding import Finding, Rejected, dotted, merged
from modelfleet.layout import BASE
from modelfleet.pipeline import workers
from modelfleet.records import dataclass
from modelfleet.render import argocd
from modelfleet.resolve import catalog
from modelfleet.resolve.environment import Environment, environment_from
from modelfleet.resolve.model import Model, Project
from modelfleet.resolve.resolver import resolve
from modelfleet.resolve.weights import Weights, weights_from
from modelfleet.rules import check as judge
from modelfleet.spec import secrets as secret
from modelfleet.spec.discover import Sources, discover
from modelfleet.spec.load import Document, read_document
from modelfleet.spec.merge import Merged, Source, as_layer, overlay_document
from modelfleet.spec.misplaced import misplaced
from modelfleet.spec.overrides import in_override
from modelfleet.wording import choices, closest, did_you_mean, listed


@dataclass(frozen=True, slots=True)
class Repository:
    """The hand-written files, read and valid each by itself."""

    projects: Mapping[str, Document]
    environments: Mapping[str, Document]
    base: Document | None
    runtimes: Mapping[tuple[str | None, str], Document]
    objects: Mapping[tuple[str, str | None, str], Document]
    crds: tuple[str, ...]
    models: Mapping[str, Document]


def stop_on_errors(findings: Iterable[Finding], kept: list[Finding] | None = None) -> None:
    """Raises `Rejected` where there is an error; warnings are kept for later."""
    found = merged(findings)
    if judge.errors_of(found):
        raise Rejected(merged([*found, *(kept or ())]))
    if kept is not None:
        kept += found


# Fewer bytes than this are read before another process could begin to help.
_WORTH_A_PROCESS = 60_000


def load_repository(root: Path, known: Set[str] = frozenset()) -> Repository:
    """Reads every hand-written file and judges each by itself: syntax, shape, secrets.

    The files of projects that are `known` to be in order are read when somebody asks for them.
    """
    sources: Sources = discover(root)
    kinds = dict.fromkeys([sources.base] if sources.base else (), "environment")
    kinds |= dict.fromkeys(sources.environments.values(), "environment")
    kinds |= dict.fromkeys((file for name, file in sources.projects.items() if name not in known), "project")
    kinds |= dict.fromkeys(sources.runtimes.values(), "custom-runtime")
    kinds |= dict.fromkeys(sources.objects.values(), "carried-object")
    kinds |= dict.fromkeys(sources.models.values(), "model")
    sizes = [_size(root / file) for file in kinds]

    def taken(files: Sequence[str]) -> list[tuple[Document | None, list[Finding]]]:
        return [_taken(root, file, kinds[file]) for file in files]

    files = list(kinds)
    first = taken(files[:1])  # what it loads is there in every process that is forked then
    parts = workers.shares(files[1:], sizes[1:], _WORTH_A_PROCESS)
    found = [*first, *(each for part in workers.side_by_side(taken, parts) for each in part)]
    stop_on_errors(finding for _, findings in found for finding in findings)
    documents = {file: document for file, (document, _) in zip(kinds, found, strict=True) if document}
    return Repository(
        projects=_DocumentsOnDemand(root, sources.projects, documents),
        environments={name: documents[file] for name, file in sources.environments.items()},
        base=documents[sources.base] if sources.base else None,
        runtimes={key: documents[file] for key, file in sources.runtimes.items()},
        objects={key: documents[file] for key, file in sources.objects.items()},
        crds=sources.crds,
        models={name: documents[file] for name, file in sources.models.items()},
    )


class _DocumentsOnDemand(Mapping[str, Document]):
    """Documents by name, of which some are read when they are asked for."""

    def __init__(self, root: Path, files: Mapping[str, str], documents: dict[str, Document]) -> None:
        self._root = root
        self._files = files
        self._documents = documents

    def __getitem__(self, name: str) -> Document:
        file = self._files[name]
        if file not in self._documents:
            self._documents[file] = read_document(self._root, file)
        return self._documents[file]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # it is gone again, which is said when it is read
        return 0


def _taken(root: Path, file: str, kind: str) -> tuple[Document | None, list[Finding]]:
    """A file, if it is YAML, and what is wrong with it; where a secret stands, its shape is not spoken of."""
    from modelfleet.spec.schema import validate

    try:
        document = read_document(root, file)
    except Rejected as rejected:
        return None, list(rejected.findings)
    secrets = secret.scan(document)
    told = {finding.at for finding in secrets}
    wrong = [finding for finding in validate(document, kind) if finding.at not in told]
    elsewhere = misplaced(document, kind) if wrong else None
    return document, [*secrets, *([elsewhere] if elsewhere is not None else wrong)]


def with_project(repository: Repository, name: str, document: Document) -> Repository:
    """The repository with another spec of a project, valid by itself. Raises `Rejected` where it is not."""
    from modelfleet.spec.schema import validate

    stop_on_errors([*secret.scan(document), *validate(document, "project")])
    return replace(repository, projects={**repository.projects, name: document})


def with_environment(repository: Repository, name: str, document: Document) -> Repository:
    """The repository with other facts of an environment, valid by themselves. Raises `Rejected` where they are not."""
    from modelfleet.spec.schema import validate

    stop_on_errors([*secret.scan(document), *validate(document, "environment")])
    return replace(repository, environments={**repository.environments, name: document})


# ---- environments ----------------------------------------------------------------------------------------------------


def environment_of(name: str, document: Document, base: Document | None) -> tuple[Environment, list[Finding]]:
    """An environment's facts over the shared ones; its release where that is known."""
    from modelfleet.spec.schema import explain

    below = as_layer(base) if base is not None else Merged({}, Source(document, ()))
    facts, findings = overlay_document(below, document, "environment")
    findings += explain(facts.data, "merged-environment", facts)
    release, written = None, facts.data.get("release")
    if isinstance(written, str):
        known = catalog.release_names()
        if written in known:
            release = catalog.release(written)
        else:
            near = closest(written, known)
            findings.append(
                Finding(
                    at=facts.at(("release",)),
                    code="ENV001",
                    path="release",
                    message=f"{written!r} is not a release that modelfleet knows",
                    hint=(f"did you mean {near!r}? " if near else "") + catalog.likely_releases(written),
                )
            )
    found = environment_from(name, facts, release)
    version = found.argocd.version
    if version is not None and version not in argocd.versions():
        findings.append(
            Finding(
                at=facts.at(("argocd", "version")),
                code="ENV010",
                path="argocd.version",
                message=f"{version!r} is not a version of Argo CD that modelfleet knows",
                hint=f"write one of {listed(argocd.versions())}",
            )
        )
    return found, findings


def shared_facts(repository: Repository) -> Environment:
    """What all environments share, as an environment that leaves the rest open."""
    if repository.base is None:
        document = next(iter(repository.projects.values()))
        return environment_from(BASE, Merged({}, Source(document, ())), None)
    facts = as_layer(repository.base)
    written = facts.data.get("release")
    return environment_from(BASE, facts, catalog.release(written) if written else None)


# ---- projects --------------------------------------------------------------------------------------------------------


def specs_of(
    document: Document, environments: Mapping[str, Environment]
) -> Iterator[tuple[str, Merged, list[Finding]]]:
    """The spec as it is in each of its environments."""
    from modelfleet.spec.schema import explain

    below = as_layer(document, without="environments")
    for key in document.data["environments"]:
        pointer = ("environments", key)
        if key not in environments:
            near = closest(key, environments)
            known = choices(sorted(environments)) if environments else "there is none"
            way_out = f"add that file, or remove {key!r} here"
            finding = Finding(
                at=document.key_at(pointer),
                code="ENV008",
                path=dotted(pointer),
                message=f"there is no environments/{key}.yaml",
                hint=f"did you mean {near!r}? if not, {way_out}" if near else f"{way_out}; {known}",
            )
            yield key, below, [finding]
            continue
        spec, findings = overlay_document(below, document, "project", pointer)
        findings += in_override(explain(spec.data, "merged-project", spec), spec, below, (document, key))
        yield key, spec, findings


def resolved_projects(
    repository: Repository, environments: Mapping[str, Environment], runtime_catalog: catalog.RuntimeCatalog
) -> Iterator[Project]:
    """Every project in each of its environments. Raises `Rejected`."""
    findings: list[Finding] = []
    found: list[tuple[str, Document, str, Merged]] = []
    for name, document in repository.projects.items():
        for environment, spec, wrong in specs_of(document, environments):
            findings += wrong
            found.append((name, document, environment, spec))
    stop_on_errors(findings)
    projects = [
        resolve(name, document.file, spec, environments[environment], runtime_catalog)
        for name, document, environment, spec in found
        if environment in environments
    ]
    stop_on_errors(finding for project in projects for finding in _without_facts(project, repository.models))
    facts = {name: weights_from(document.data) for name, document in repository.models.items()}
    for project in projects:
        yield replace(project, models=tuple(_with_facts(model, facts) for model in project.models))


def _with_facts(model: Model, facts: Mapping[str, Weights | None]) -> Model:
    """The model with the facts of the file that its weights name."""
    source = model.weights.source if model.weights is not None else None
    return model if source is None else replace(model, weights=facts[source])


def _without_facts(project: Project, known: Mapping[str, Document]) -> Iterator[Finding]:
    """Models whose weights name a file that is not there."""
    for model in project.models:
        source = model.weights.source if model.weights is not None else None
        if source is not None and source not in known:
            pointer = (*model.pointer, "weights", "from")
            yield Finding(
                at=project.spec.at(pointer),
                code="FIT007",
                path=dotted(pointer),
                message=f"there is no models/{source}.yaml",
                hint=did_you_mean(source, known, "write that file, or the facts themselves in place of from"),
                environments=(project.environment.name,),
            )


def settle_environments(
    repository: Repository, kept: list[Finding] | None = None
) -> tuple[dict[str, Environment], catalog.RuntimeCatalog]:
    """All environments, and the user's own runtimes beside the catalogue; warnings of the latter are kept for later."""
    findings: list[Finding] = []
    environments = {}
    for name, document in repository.environments.items():
        environments[name], wrong = environment_of(name, document, repository.base)
        findings += wrong
    stop_on_errors(findings)
    runtime_catalog, findings = catalog.catalog_runtimes(
        (key[0], document) for key, document in repository.runtimes.items()
    )
    findings += judge.check_runtime_files(repository.runtimes.values())
    stop_on_errors(findings, kept)
    return environments, runtime_catalog
