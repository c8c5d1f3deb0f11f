"""The straight line from hand-written files to files to write: load, validate, resolve, check, render, overlay.

Each stage collects everything that is wrong with all files and stops the line once; nothing here writes or prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import argocd, catalog, emit, secret
from generator.discover import Sources, discover
from generator.finding import (
    Finding,
    Location,
    MachineFailed,
    Pointer,
    Rejected,
    Severity,
    dotted,
    listed,
    merged,
    nearest,
)
from generator.load import Document, read
from generator.manifest import SOURCES, Manifest, manifests
from generator.merge import Merged, Source, lay, whole
from generator.model import Environment, Object, Project
from generator.overlay import Overlay, base_files, build, identity, overlay, overlay_files, placed, same
from generator.packaged import packaged
from generator.resolve import argocd_settings, destination, resolve
from generator.rules import Problem, judge, options, patches
from generator.rules.admission import Rulebook, rulebook
from generator.rules.admission_manifest import AdmissionRule, by_name
from generator.seal import sealed

if TYPE_CHECKING:
    from generator.api_schemas import Needs
    from generator.render import Rendered, Templates

BASE = "base"


@dataclass(frozen=True, slots=True)
class Repository:
    """The hand-written files, read and valid each by itself."""

    projects: Mapping[str, Document]
    environments: Mapping[str, Document]
    base: Document | None
    runtimes: Mapping[tuple[str | None, str], Document]


@dataclass(frozen=True, slots=True)
class Made:
    """A rendered object, and how to find what caused a part of it."""

    object: Object
    manifest: Manifest
    rendered: Rendered


@dataclass(frozen=True, slots=True)
class Deployed:
    """One project in one environment: what it resolves to, and the objects as they will be in the cluster."""

    project: Project
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """The overlay that Argo CD syncs."""
        return f"environments/{self.project.environment.name}/{self.project.name}"


@dataclass(frozen=True, slots=True)
class Synced:
    """What Argo CD needs to sync an environment, as it will be on the cluster that runs Argo CD."""

    environment: str
    objects: tuple[Object, ...]

    @property
    def folder(self) -> str:
        """Where it is written; an administrator applies it."""
        return f"environments/{self.environment}/argocd"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that the hand-written files mean."""

    environments: Mapping[str, Environment]
    deployed: tuple[Deployed, ...]
    synced: tuple[Synced, ...]
    files: Mapping[str, str]
    warnings: tuple[Finding, ...]


def stop(findings: Iterable[Finding], kept: list[Finding] | None = None) -> None:
    """Raises `Rejected` where there is an error; warnings are kept for later."""
    found = merged(findings)
    if judge.errors_of(found):
        raise Rejected(merged([*found, *(kept or ())]))
    if kept is not None:
        kept += found


def load(root: Path) -> Repository:
    """Reads every hand-written file and judges each by itself: syntax, shape, secrets."""
    sources: Sources = discover(root)
    findings: list[Finding] = []

    def take(file: str, kind: str) -> Document | None:
        from generator.schema import validate

        try:
            document = read(root, file)
        except Rejected as rejected:
            findings.extend(rejected.findings)
            return None
        secrets = secret.scan(document)
        told = {finding.at for finding in secrets}
        findings.extend(secrets)
        findings.extend(finding for finding in validate(document, kind) if finding.at not in told)
        return document

    base = take(sources.base, "environment") if sources.base else None
    environments = {name: take(file, "environment") for name, file in sources.environments.items()}
    projects = {name: take(file, "project") for name, file in sources.projects.items()}
    runtimes = {key: take(file, "custom-runtime") for key, file in sources.runtimes.items()}
    stop(findings)
    return Repository(
        projects={name: document for name, document in projects.items() if document},
        environments={name: document for name, document in environments.items() if document},
        base=base,
        runtimes={key: document for key, document in runtimes.items() if document},
    )


# ---- environments ----------------------------------------------------------------------------------------------------


def environment_of(name: str, document: Document, base: Document | None) -> tuple[Environment, list[Finding]]:
    """An environment's facts over the shared ones; its release where that is known."""
    from generator.schema import explain

    below = whole(base) if base is not None else Merged({}, Source(document, ()))
    facts, findings = lay(below, document, "environment")
    findings += explain(facts.data, "merged-environment", facts)
    release, written = None, facts.data.get("release")
    if isinstance(written, str):
        known = catalog.release_names()
        if written in known:
            release = catalog.release(written)
        else:
            near = nearest(written, known)
            findings.append(
                Finding(
                    at=facts.at(("release",)),
                    code="ENV001",
                    path="release",
                    message=f"{written!r} is no release that modelfleet knows",
                    hint=(f"did you mean {near!r}? " if near else "") + f"there are {listed(known)}",
                )
            )
    version = (facts.data.get("argocd") or {}).get("version")
    if isinstance(version, str) and version not in argocd.versions():
        findings.append(
            Finding(
                at=facts.at(("argocd", "version")),
                code="ENV010",
                path="argocd.version",
                message=f"{version!r} is no version of Argo CD that modelfleet knows",
                hint=f"write one of {listed(argocd.versions())}",
            )
        )
    return Environment(name=name, facts=facts, release=release), findings


def shared_facts(repository: Repository) -> Environment:
    """What all environments share, as an environment that leaves the rest open."""
    if repository.base is None:
        document = next(iter(repository.projects.values()))
        return Environment(name=BASE, facts=Merged({}, Source(document, ())), release=None)
    facts = whole(repository.base)
    written = facts.data.get("release")
    return Environment(name=BASE, facts=facts, release=catalog.release(written) if written else None)


# ---- projects --------------------------------------------------------------------------------------------------------


def specs_of(
    name: str, document: Document, environments: Mapping[str, Environment]
) -> Iterator[tuple[str, Merged, list[Finding]]]:
    """The spec as it is in each of its environments."""
    from generator.schema import explain

    below = whole(document, without="environments")
    for key in document.data["environments"]:
        pointer = ("environments", key)
        if key not in environments:
            near = nearest(key, environments)
            known = f"there are {listed(sorted(environments))}" if environments else "there is none"
            finding = Finding(
                at=document.key_at(pointer),
                code="ENV008",
                path=dotted(pointer),
                message=f"there is no environments/{key}.yaml",
                hint=f"did you mean {near!r}?" if near else known,
            )
            yield key, below, [finding]
            continue
        spec, findings = lay(below, document, "project", pointer)
        for finding in explain(spec.data, "merged-project", spec):
            findings.append(_only_in_override(finding, key, spec, below))
        yield key, spec, findings


def _only_in_override(finding: Finding, environment: str, spec: Merged, below: Merged) -> Finding:
    """A part that lacks fields and stands in the override alone is most likely a misspelt name."""
    from dataclasses import replace

    steps = finding.path.split(".")
    for depth in range(len(steps) - 1, 0, -1):
        *around, name = steps[: depth + 1]
        old, new = below.data, spec.data
        for step in around:
            old = old.get(step) if isinstance(old, dict) else None
            new = new.get(step) if isinstance(new, dict) else None
        added = isinstance(old, dict) and isinstance(new, dict) and name in new and name not in old
        near = nearest(name, old) if added and around[-1] in ("models", "servers", "connections", "secrets") else None
        if near:
            hint = f"did you mean {near!r}? {finding.hint}".strip()
            return replace(finding, hint=hint, environments=(environment,))
    return replace(finding, environments=(environment,))


def resolved(
    repository: Repository, environments: Mapping[str, Environment], shelf: catalog.Shelf
) -> Iterator[Project]:
    """Every project in each of its environments. Raises `Rejected`."""
    findings: list[Finding] = []
    found: list[tuple[str, Document, str, Merged]] = []
    for name, document in repository.projects.items():
        for environment, spec, wrong in specs_of(name, document, environments):
            findings += wrong
            found.append((name, document, environment, spec))
    stop(findings)
    for name, document, environment, spec in found:
        yield resolve(name, document.file, spec, environments[environment], shelf)


def owners(projects: Sequence[Project]) -> Iterator[Finding]:
    """A namespace of a cluster belongs to one project in one environment."""
    first: dict[tuple[str, str], Project] = {}
    for project in projects:
        environment = project.environment
        clusters = {environment.cluster, str(environment.get("cluster", "appsDomain"))}  # two names may be one cluster
        taken = [first.setdefault((cluster, project.namespace), project) for cluster in sorted(clusters)]
        owner = next((other for other in taken if other is not project), project)
        if owner is project:
            continue
        pointer: Pointer = ("namespace",) if "namespace" in project.spec.data else ()
        yield Finding(
            at=project.spec.at(pointer),
            code="OWN002",
            path=dotted(pointer),
            message=f"namespace {project.namespace!r} on cluster {environment.cluster} would be {project.name}'s "
            f"in {environment.name} and {owner.name}'s in {owner.environment.name}",
            hint="give each its own namespace",
            see=owner.spec.at(("namespace",) if "namespace" in owner.spec.data else ()),
            policy=True,
        )


# ---- objects ---------------------------------------------------------------------------------------------------------


def render(project: Project, templates: Templates) -> tuple[list[Made], list[Finding]]:
    """All objects of a project, patched; and what is wrong with the patches."""
    made: list[Made] = []
    findings: list[Finding] = []
    for manifest in manifests(project):
        rendered = templates.render(manifest.template, manifest.values)
        if rendered is None:
            continue
        item = rendered.object
        steps = manifest.patches.get(item["kind"])
        if steps:
            item, wrong = patched(project, manifest, item, steps)
            findings += wrong
        made.append(Made(item, manifest, rendered))
    findings += _patches_of_nothing(project, made)
    return made, findings


def patched(
    project: Project, manifest: Manifest, item: Object, steps: tuple[Mapping[str, Any], ...]
) -> tuple[Object, list[Finding]]:
    """The object after the user's patch."""
    pointer = (*manifest.pointer, "patch", item["kind"])
    name = project.environment.name
    findings = [judge.located("PATCH001", problem, project.spec, name) for problem in patches.locked(steps, pointer)]
    if findings:
        return item, findings
    try:
        changed = patches.apply(item, steps)
    except patches.PatchFailed as failed:
        problem = Problem(pointer=(*pointer, failed.index, "path"), message=failed.message, hint=failed.hint)
        return item, [judge.located("PATCH002", problem, project.spec, name)]
    for place, message, hint in patches.misshapen(item, changed):
        shown = f"{dotted(place)}: {message}" if place else message
        problem = Problem(pointer=_step_at(pointer, steps, place), message=shown, hint=hint)
        findings.append(judge.located("PATCH004", problem, project.spec, name))
    if not findings and item["kind"] == "InferenceService":
        findings += _reserved_variables(project, manifest, (item, changed), steps)
    return (item, findings) if findings else (changed, [])


def _reserved_variables(
    project: Project, manifest: Manifest, items: tuple[Object, Object], steps: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Variables that a patch adds although the runtime or the controller sets them."""
    model = next((model for model in project.models if model.pointer == manifest.pointer), None)
    if model is None:
        return
    before, after = (item["spec"].get("predictor", {}).get("model", {}).get("env") or [] for item in items)
    for index, variable in enumerate(after):
        name = variable.get("name") if isinstance(variable, dict) and variable not in before else None
        if name is not None and (reason := options.reserved(model).get(name)):
            patch = (*manifest.pointer, "patch", items[1]["kind"])
            pointer = _step_at(patch, steps, ("spec", "predictor", "model", "env", index))
            problem = Problem(pointer=pointer, message=f"{name} is not yours to set", hint=reason)
            yield judge.located(options.reserved_variable.code, problem, project.spec, project.environment.name)


def _step_at(pointer: Pointer, steps: Sequence[Mapping[str, Any]], place: Pointer) -> Pointer:
    """The last step of a patch that speaks of a place in the object, or of something around or below it."""
    spoken = tuple(map(str, place))
    for index in range(len(steps) - 1, -1, -1):
        path = patches.steps_of(steps[index]["path"])
        if path[-1:] == ("-",):
            path = path[:-1]
        if spoken[: len(path)] == path or path[: len(spoken)] == spoken:
            return (*pointer, index, "value" if "value" in steps[index] else "path")
    return pointer


def _patches_of_nothing(project: Project, made: Sequence[Made]) -> Iterator[Finding]:
    """Patches for kinds that the entry has no object of."""
    for entry in dict.fromkeys(one.manifest.pointer for one in made if one.manifest.patches):
        here = [one for one in made if one.manifest.pointer == entry]
        kinds = sorted({one.object["kind"] for one in here})
        for kind in here[0].manifest.patches:
            if kind not in kinds:
                pointer = (*entry, "patch", kind)
                yield Finding(
                    at=project.spec.key_at(pointer),
                    code="PATCH003",
                    path=dotted(pointer),
                    message=f"no {kind} is rendered for it",
                    hint=f"there are {listed(kinds)}",
                    environments=(project.environment.name,),
                )


def place_of(project: Project, one: Made, pointer: Pointer) -> tuple[Merged | Document, Pointer]:
    """The hand-written file and the field in it that caused a part of a rendered object."""
    entry, kind = one.manifest.pointer, one.object["kind"]
    steps = one.manifest.patches.get(kind) or ()
    patch = (*entry, "patch", kind)
    if pointer and (step := _step_at(patch, steps, pointer)) != patch:
        return project.spec, step
    runtime = one.manifest.runtime
    found = one.rendered.source(pointer)
    if runtime is not None and runtime.document is not None and pointer in (("apiVersion",), ("kind",)):
        return runtime.document, (*runtime.pointer, *pointer)
    if found is None:
        return project.spec, entry
    expression, rest = found
    if expression == "spec" and runtime is not None and runtime.document is not None:
        return runtime.document, (*runtime.pointer, "spec", *rest)
    if expression == "env" and rest and isinstance(rest[0], int):
        return project.spec, (*entry, "env", one.manifest.values["env"][rest[0]]["name"])
    field = SOURCES.get(expression)
    return project.spec, entry if field is None else (*entry, *field, *rest)


def collisions(project: Project, made: Sequence[Made]) -> Iterator[Finding]:
    """Two things of one project that would be one object of the cluster."""
    taken: dict[tuple[str, str, str], Made] = {}
    for one in made:
        for key in _identities(project, one):
            first = taken.setdefault(key, one)
            if first is one:
                continue
            yield Finding(
                at=_entry_at(project, first.manifest.pointer),
                code="NAME005",
                path=dotted(first.manifest.pointer),
                message=f"{key[1]} {key[2]!r} would be made twice: for it and for {dotted(one.manifest.pointer)}",
                hint="rename one of the two",
                see=_entry_at(project, one.manifest.pointer),
                environments=(project.environment.name,),
            )
            break


def _entry_at(project: Project, pointer: Pointer) -> Location:
    """Where an entry of the spec is named: its key, or the item of the list."""
    named = bool(pointer) and isinstance(pointer[-1], str)
    return project.spec.key_at(pointer) if named else project.spec.at(pointer)


def _identities(project: Project, one: Made) -> Iterator[tuple[str, str, str]]:
    yield identity(one.object)
    if one.object["kind"] == "ExternalSecret":
        name = one.object["metadata"]["name"]
        yield ("", "Secret", name)
        s3 = one.manifest.template == "externalsecret-connection" and one.manifest.values["s3"]
        if s3 and project.environment.can("connectionAnnotation"):
            yield ("", "ServiceAccount", f"{name}-sa")  # made by the operator's webhook for an S3 connection


def admitted(project: Project, made: Sequence[Made], rules: Rulebook) -> Iterator[Finding]:
    """What the cluster's own admission would refuse, on the line of the spec that causes it."""
    here = [placed(one.object, project.namespace) for one in made]
    peers = by_name(here)
    for one, item in zip(made, here, strict=True):
        for rule, problem in rules.judge(rules.manifest(item, peers=peers)):
            origin, pointer = place_of(project, one, problem.pointer)
            at = origin.key_at(pointer) if problem.pointer == ("metadata", "name") else origin.at(pointer)
            yield Finding(
                at=at,
                code=rule.code,
                path=dotted(pointer),
                message=problem.message,
                hint=problem.hint,
                severity=Severity.ERROR if _is_stuck(rule, item) else problem.severity,
                environments=(project.environment.name,),
            )


def _is_stuck(rule: AdmissionRule, item: Object) -> bool:
    """What the cluster takes and the model never gets over. Presets of an LLMInferenceService may be the user's own."""
    return rule.stage == "reconcile" and item["kind"] == "InferenceService"


# ---- files -----------------------------------------------------------------------------------------------------------


def spec_objects(
    name: str,
    document: Document,
    shared: Environment,
    shelf: catalog.Shelf,
    templates: Callable[[Environment], Templates],
) -> list[Object]:
    """The objects of a project's base: those whose shape the shared part of the spec and base.yaml settle."""
    if shared.release is None:
        return []
    project = resolve(name, document.file, whole(document, without="environments"), shared, shelf)
    made, _ = render(project, templates(shared))
    return [one.object for one in made if _settled(one.object)]


def _settled(item: Object) -> bool:
    """Whether the object can stand in a base: it has an identity, and a runtime is known that fixes its template."""
    return bool(item.get("apiVersion")) and bool(item["metadata"].get("name"))


def fleet(root: Path) -> Fleet:
    """Everything that the hand-written files of a repository mean. Raises `Rejected` and `MachineFailed`."""
    from generator.render import Templates

    repository = load(root)
    warnings: list[Finding] = []
    environments, shelf = settle_environments(repository)
    projects = list(resolved(repository, environments, shelf))
    stop(
        [
            *(finding for one in environments.values() for finding in judge.judge_environment(one, shelf)),
            *owners(projects),
            *judge.judge_fleet(projects),
            *(finding for project in projects for finding in judge.judge_project(project, shelf)),
        ],
        warnings,
    )
    known: dict[tuple[str, ...], Templates] = {}

    def templates(environment: Environment) -> Templates:
        folders = environment.release.templates if environment.release else ("common",)
        if folders not in known:
            known[folders] = Templates([packaged("templates") / folder for folder in folders])
        return known[folders]

    made: list[list[Made]] = []
    findings: list[Finding] = []
    books = {
        name: rulebook(environment.release.capabilities, environment.release.terms)
        for name, environment in environments.items()
        if environment.release is not None
    }
    for project in projects:
        objects, wrong = render(project, templates(project.environment))
        made.append(objects)
        findings += wrong
        findings += collisions(project, objects)
        if not wrong:
            findings += admitted(project, objects, books[project.environment.name])
    stop(findings, warnings)

    shared = shared_facts(repository)
    bases = {
        name: spec_objects(name, document, shared, shelf, templates) for name, document in repository.projects.items()
    }
    files: dict[str, str] = {}
    for name, document in repository.projects.items():
        sources = [document.file] + ([repository.base.file] if repository.base else [])
        files |= _files(f"environments/{BASE}/{name}", base_files(bases[name]), sources)
    deployed = []
    for project, objects in zip(projects, made, strict=True):
        wanted = [one.object for one in objects]
        layer = overlay(bases[project.name], wanted, project.namespace)
        meant = [placed(item, project.namespace) for item in wanted]
        _assert_built(project, bases[project.name], layer, meant)
        sources = [project.file, f"environments/{project.environment.name}.yaml"]
        folder = f"environments/{project.environment.name}/{project.name}"
        files |= _files(folder, overlay_files(layer, f"../../{BASE}/{project.name}"), sources)
        deployed.append(Deployed(project, tuple(meant)))
    synced = []
    for name, environment in environments.items():
        here = [one for one in deployed if one.project.environment.name == name]
        applied, written = argocd_of(environment, here, templates(environment))
        synced.append(Synced(name, applied))
        files |= written
    return Fleet(environments, tuple(deployed), tuple(synced), files, tuple(merged(warnings)))


def argocd_of(
    environment: Environment, deployed: Sequence[Deployed], templates: Templates
) -> tuple[tuple[Object, ...], dict[str, str]]:
    """What Argo CD needs to sync an environment, and the files in which that is written."""
    kinds, conditions = argocd.observed(item for one in deployed for item in one.objects)
    facts = argocd.Facts(
        environment=environment.name,
        destination=destination(environment),
        argocd=argocd_settings(environment),
        projects={one.project.name: one.project.namespace for one in deployed},
        kinds=kinds,
        conditions=conditions | ({"emptyArguments"} if environment.can("argsEnvAlways") else set()),
    )
    objects = tuple(rendered.object for rendered in argocd.objects(facts, templates))
    file = f"environments/{environment.name}.yaml"
    written = _files(f"environments/{environment.name}/argocd", base_files(objects), [file])
    for one in deployed:
        content = argocd.application_file(facts, one.project.name)
        written |= _files(one.folder, {argocd.APPLICATION_FILE: content}, [one.project.file, file])
    return objects, written


def schemas_of(environment: Environment) -> Needs:
    """What the objects of an environment are checked with. Raises `MachineFailed` where its release is not known."""
    from generator.api_schemas import needs

    release = environment.release
    if release is None:
        message = f"{environment.name} has no release"
        raise MachineFailed(message)
    by_store = environment.get("secrets", "provider") == "external-secrets"
    return needs(
        release.kubernetes,
        release.crds,
        secrets=environment.get("secrets", "apiVersion") if by_store else None,
        argocd=environment.get("argocd", "version"),
    )


def settle_environments(repository: Repository) -> tuple[dict[str, Environment], catalog.Shelf]:
    """All environments, and the user's own runtimes beside the catalogue."""
    findings: list[Finding] = []
    environments = {}
    for name, document in repository.environments.items():
        environments[name], wrong = environment_of(name, document, repository.base)
        findings += wrong
    stop(findings)
    shelf, findings = catalog.shelve((key[0], document) for key, document in repository.runtimes.items())
    findings += judge.judge_runtimes(repository.runtimes.values())
    stop(findings)
    return environments, shelf


def _files(folder: str, contents: Mapping[str, Any], sources: Sequence[str]) -> dict[str, str]:
    named = " and ".join(sources)
    return {f"{folder}/{name}": sealed(named, emit.dump(content)) for name, content in contents.items()}


def _assert_built(project: Project, base: Sequence[Object], layer: Overlay, meant: Sequence[Object]) -> None:
    """The overlay builds to what was meant; anything else is a bug of ours that must not reach a cluster."""
    built = {identity(item): item for item in build(base, layer)}
    wanted = {identity(item): item for item in meant}
    wrong = [key for key in built.keys() | wanted.keys() if not same(built.get(key), wanted.get(key))]
    if wrong:
        message = f"{project.name} in {project.environment.name}: the overlay does not build to {sorted(wrong)[0]}"
        raise AssertionError(message)
