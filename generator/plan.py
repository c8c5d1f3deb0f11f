"""What merging does to every environment: what would be synced before and after, compared by meaning.

Before is what is committed at a revision; after is a fresh render of the working tree. Only overlays of which a file
differs are looked into; where facts of a cluster change, all of its overlays are, since addresses may move.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from generator import catalog, plan_before
from generator.finding import Finding, MachineFailed, Rejected, merged
from generator.load import parse
from generator.merge import Merged, Source, lay, whole
from generator.model import Environment, Object, Project
from generator.plan_acknowledge import Given, Loss, Need, given, missing, needs, stale
from generator.plan_before import Built, NotBuilt, Tree
from generator.plan_change import ProjectChange
from generator.plan_diff import ABSENT
from generator.plan_effects import Consequence, Effect, ObjectChange, code, compared, said
from generator.plan_figures import Facts, Figures, changed_facts, figures
from generator.plan_rows import Row, rows_of
from generator.plan_workloads import Key, Side, servings, side
from generator.rules.admission import rulebook
from generator.tree import TOP, Scope, compare

ARGOCD, BASE = "argocd", "base"


class Deployed(Protocol):
    """A project in an environment, rendered."""

    @property
    def project(self) -> Project:
        """What it resolves to."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be in the cluster."""


class Synced(Protocol):
    """What Argo CD needs to sync an environment, rendered."""

    @property
    def environment(self) -> str:
        """The environment's name."""

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they will be on the cluster of Argo CD."""


class Rendered(Protocol):
    """A fresh render of the working tree."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """All environments by name."""

    @property
    def deployed(self) -> Sequence[Deployed]:
        """Every project in each of its environments."""

    @property
    def synced(self) -> Sequence[Synced]:
        """For every environment."""

    @property
    def files(self) -> Mapping[str, str]:
        """Every generated file."""


class NoSuchEnvironment(Exception):
    """An environment was asked for that is neither in the files nor at the revision; `known` are those that are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name)
        self.name, self.known = name, tuple(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """What happens to one environment. `state` is `added`, `changed`, `removed` or `unchanged`; `rows` begin with the heaviest.

    `differs`: files differ, though maybe in nothing that matters. `facts` are the cluster facts that change, `remarks` what
    else is to be known; `needs` are the acknowledgements that it takes.
    """

    name: str
    state: str
    differs: bool
    prune: bool
    figures: Figures
    facts: tuple[str, ...]
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    needs: tuple[Need, ...]

    @property
    def effect(self) -> Effect:
        """The heaviest effect on a model."""
        return max((row.effect for row in self.rows), key=lambda effect: effect.weight, default=Effect.NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole plan. `revision` is what it compares with in the user's words, `commit` the commit of that.

    `stale` are generated files that are not as a fresh render would write them. `built` names folders that took the real
    kustomize, with the reason. `findings` are missing acknowledgements (errors) and stale ones (warnings).
    """

    revision: str
    commit: str
    stale: tuple[str, ...]
    built: tuple[str, ...]
    environments: tuple[EnvironmentPlan, ...]
    findings: tuple[Finding, ...]

    @property
    def changes(self) -> bool:
        """Whether anything has an effect or is at least another object."""
        return any(one.rows or one.facts for one in self.environments)


# ---- the two sides ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Comparison:
    """Everything that is known of both sides while the plan is made."""

    root: Path
    after: Rendered
    trees: Mapping[str, Tree]
    commits: Mapping[str, str]
    default: str
    ids: Mapping[str, str]
    built: list[str]

    def tree(self, environment: str) -> Tree:
        return self.trees[self.commits.get(environment, self.default)]


def plan(root: Path, after: Rendered, against: str | None = None, only: Collection[str] = ()) -> Plan:
    """The plan of merging the working tree; `only` limits it to some environments.

    Raises:
        MachineFailed: there is no Git, no such revision, or a committed folder that cannot be built.
        NoSuchEnvironment: one of `only` is not known.
    """
    comparison = _comparison(root, after, against)
    before = _environments_before(comparison)
    known = sorted({*after.environments, *before})
    for name in only:
        if name not in known:
            raise NoSuchEnvironment(name, known)
    chosen = [name for name in known if not only or name in only]
    projects = [one.project for one in after.deployed]
    written = [one for one in given(after.environments, projects) if one.environment in chosen]
    plans = [_of_environment(comparison, name, before.get(name), written) for name in chosen]
    found = [need for one in plans for need in one.needs]
    findings = [*missing(found, written), *stale(found, written)]
    return Plan(
        revision=against or _revisions(after),
        commit=comparison.default,
        stale=_stale(comparison),
        built=tuple(comparison.built),
        environments=tuple(plans),
        findings=tuple(merged(findings)),
    )


def _revisions(after: Rendered) -> str:
    return ", ".join(dict.fromkeys(filter(None, map(_revision, after.environments.values()))))


def _revision(environment: Environment) -> str | None:
    found = environment.get("argocd", "revision")
    return str(found) if found else None


def _comparison(root: Path, after: Rendered, against: str | None) -> _Comparison:
    if against is not None:
        default = plan_before.commit_of(root, against)
        commits = dict.fromkeys(after.environments, default)
    else:
        branches = {name: branch for name, env in after.environments.items() if (branch := _revision(env))}
        if not branches:
            message = "plan: no environment says which argocd.revision it syncs; name what to compare with: --against"
            raise MachineFailed(message)
        bases = {branch: plan_before.merge_base(root, branch) for branch in dict.fromkeys(branches.values())}
        commits = {name: bases[branch] for name, branch in branches.items()}
        default = next(iter(commits.values()))
    trees = {commit: plan_before.tree(root, commit) for commit in {default, *commits.values()}}
    like = next(iter(trees[default].blobs.values()), default)
    return _Comparison(root, after, trees, commits, default, plan_before.blob_ids(after.files, like), [])


def _stale(comparison: _Comparison) -> tuple[str, ...]:
    if plan_before.as_committed(comparison.root, comparison.ids):
        return ()
    changes = compare(comparison.root, comparison.after.files, Scope())
    return tuple(sorted({*changes.added, *changes.changed, *changes.removed}))


def _environments_before(comparison: _Comparison) -> dict[str, Environment]:
    """The environments that are in the committed tree, by name; facts that cannot be read are left open."""
    found = {}
    names = {*comparison.after.environments}
    for path in comparison.trees[comparison.default].blobs:
        match path.split("/"):
            case [_, file] if path.startswith(f"{TOP}/") and file.endswith(".yaml") and file != f"{BASE}.yaml":
                names.add(file.removesuffix(".yaml"))
            case [top, name, _, _] if top == TOP and name != BASE:
                names.add(name)
    for name in names:
        tree = comparison.tree(name)
        files = (f"{TOP}/{BASE}.yaml", f"{TOP}/{name}.yaml")
        folders = any(path.startswith(f"{TOP}/{name}/") for path in tree.blobs)
        if files[1] not in tree.blobs and not folders:
            continue
        now = comparison.after.environments.get(name)
        if now is not None and _same_on_disk(comparison, tree, files):
            found[name] = now
        else:
            found[name] = _environment(name, plan_before.contents(tree, files), files)
    return found


def _same_on_disk(comparison: _Comparison, tree: Tree, files: Sequence[str]) -> bool:
    for file in files:
        path = comparison.root / file
        text = {file: path.read_text("utf-8")} if path.is_file() else {}
        if plan_before.blob_ids(text, comparison.default).get(file) != tree.blobs.get(file):
            return False
    return True


def _environment(name: str, texts: Mapping[str, bytes], files: Sequence[str]) -> Environment:
    layers = []
    for file in files:
        if file in texts:
            try:
                layers.append(parse(texts[file], file))
            except Rejected:
                continue
    if not layers:
        return Environment(name=name, facts=Merged({}, Source(parse(b"{}", files[1]), ())), release=None)
    facts = whole(layers[0])
    for layer in layers[1:]:
        facts, _ = lay(facts, layer, "environment")
    written = facts.data.get("release") if isinstance(facts.data, dict) else None
    known = isinstance(written, str) and written in catalog.release_names()
    return Environment(name=name, facts=facts, release=catalog.release(str(written)) if known else None)


# ---- one environment -------------------------------------------------------------------------------------------------


def _of_environment(
    comparison: _Comparison, name: str, before: Environment | None, written: Sequence[Given]
) -> EnvironmentPlan:
    after = comparison.after.environments.get(name)
    facts = Facts(before, after)
    changes, differs = _changes(comparison, name, facts)
    rules = rulebook(after.release.capabilities, after.release.terms) if after and after.release else None
    rows = [row for change in changes if change.differs for row in rows_of(change.change, rules)]
    rows += _argocd(comparison, name)
    rows.sort(key=lambda row: (-row.effect.weight, row.project, row.key))
    counted = figures([one.change for one in changes], rows)
    loss = Loss(
        environment=name,
        rows=rows,
        models=counted.models[0],
        gone=len({(change.change.name, key) for change in changes for key in _gone(change.change)}),
        all=after is None,
    )
    projects = [one.project for one in comparison.after.deployed]
    state = "added" if before is None else "removed" if after is None else "changed" if rows else "unchanged"
    return EnvironmentPlan(
        name=name,
        state=state,
        differs=differs,
        prune=_prunes(after),
        figures=counted,
        facts=changed_facts(facts),
        remarks=tuple(_remarks(facts, rows, changes)),
        rows=tuple(rows),
        needs=tuple(needs(loss, written, comparison.after.environments, projects)),
    )


def _prunes(environment: Environment | None) -> bool:
    return environment is not None and environment.get("argocd", "prune") is True


def _gone(change: ProjectChange) -> Iterator[Key]:
    """Models that are no longer where they were."""
    for key, one in change.was.items():
        if one.model and (key not in change.now or change.moves):
            yield key


@dataclass(frozen=True, slots=True)
class _Compared:
    change: ProjectChange
    differs: bool


def _changes(comparison: _Comparison, name: str, facts: Facts) -> tuple[list[_Compared], bool]:
    """Every project of the environment; those that cannot differ with the same objects on both sides."""
    tree = comparison.tree(name)
    here = {one.project.name: one for one in comparison.after.deployed if one.project.environment.name == name}
    was, will = _folders(tree.blobs, name), _folders(comparison.ids, name)
    known = [*here, *(project for project in was if project not in here and project != ARGOCD)]
    base_was, base_will = _folders(tree.blobs, BASE), _folders(comparison.ids, BASE)
    differing = [
        project
        for project in known
        if was.get(project) != will.get(project) or base_was.get(project) != base_will.get(project)
    ]
    built = _built(comparison, tree, name, [project for project in differing if project in was])
    found = []
    for project in known:
        one = here.get(project)
        after = side(one.project.environment, one.project.namespace, one.objects) if one and facts.after else None
        if project in differing:
            old = built.get(project)
            before = _before_side(facts, project, old) if old is not None else None
        else:
            before = Side(facts.before, after.namespace, after.objects) if after and facts.before else None
        found.append(_Compared(_change(facts, project, before, after), project in differing or facts.differ))
    return found, bool(differing)


def _change(facts: Facts, project: str, before: Side | None, after: Side | None) -> ProjectChange:
    now = servings(after) if after else {}
    unmoved = before is not None and after is not None and before.objects is after.objects and not facts.differ
    return ProjectChange(
        name=project,
        before=before,
        after=after,
        was=now if unmoved else servings(before) if before else {},
        now=now,
        prune=_prunes(facts.after),
        environment_goes=facts.after is None,
    )


def _before_side(facts: Facts, project: str, old: Built) -> Side:
    environment = facts.before or facts.after
    if environment is None:
        raise AssertionError(project)
    spaces = [str(item["metadata"].get("namespace")) for item in old.objects if item["metadata"].get("namespace")]
    return side(environment, old.namespace or (spaces[0] if spaces else project), old.objects)


def _folders(paths: Mapping[str, str], environment: str) -> dict[str, dict[str, str]]:
    """The files of each project's folder in an environment, with their ids."""
    found: dict[str, dict[str, str]] = {}
    start = f"{TOP}/{environment}/"
    for path, blob in paths.items():
        if path.startswith(start):
            project, slash, file = path[len(start) :].partition("/")
            if slash:
                found.setdefault(project, {})[file] = blob
    return found


def _built(comparison: _Comparison, tree: Tree, name: str, projects: Sequence[str]) -> dict[str, Built]:
    """The committed overlays as they build; one without a kustomization makes nothing."""
    folders = {project: f"{TOP}/{name}/{project}" for project in projects}
    folders = {project: folder for project, folder in folders.items() if f"{folder}/kustomization.yaml" in tree.blobs}
    wanted = [
        path for project in folders for path in tree.below(folders[project]) | tree.below(f"{TOP}/{BASE}/{project}")
    ]
    texts = plan_before.contents(tree, wanted)
    found = {}
    for project, folder in folders.items():
        try:
            found[project] = plan_before.build(folder, texts)
        except NotBuilt as reason:
            everything = plan_before.contents(tree, [path for path in tree.blobs if path.startswith(f"{TOP}/")])
            found[project] = plan_before.build_for_real(comparison.root, folder, everything, str(reason))
            comparison.built.append(f"{code(folder)} as it was committed was built with kustomize: {code(reason)}")
    return found


# ---- Argo CD ---------------------------------------------------------------------------------------------------------


def _argocd(comparison: _Comparison, name: str) -> list[Row]:
    """What an administrator has to apply because it changed."""
    tree = comparison.tree(name)
    was, will = _folders(tree.blobs, name).get(ARGOCD), _folders(comparison.ids, name).get(ARGOCD)
    if was == will:
        return []
    now = next((one.objects for one in comparison.after.synced if one.environment == name), ())
    before = _built(comparison, tree, name, [ARGOCD]).get(ARGOCD) if was else None
    old, new = (_by_key(before.objects) if before else {}), _by_key(now)
    rows = []
    for key in (*new, *(key for key in old if key not in new)):
        change = compared(key, old.get(key), new.get(key))
        if change is not None:
            rows.append(_administered(name, change))
    return rows


def _by_key(objects: Iterable[Object]) -> dict[Key, Object]:
    return {(str(item["kind"]), str(item["metadata"]["name"])): item for item in objects}


def _administered(name: str, change: ObjectChange) -> Row:
    command = code(f"oc apply -k {TOP}/{name}/{ARGOCD}")
    widened = change.before is None or any(step.before is ABSENT for step in change.steps)
    if change.after is None:
        text = "it stays until an administrator of Argo CD deletes it"
    elif widened and change.key[0] == "AppProject":
        text = f"{command} where Argo CD runs; before that, Argo CD refuses what is new in it"
    else:
        text = f"{command} where Argo CD runs"
    return Row(
        project=ARGOCD,
        key=change.key,
        state="added" if change.before is None else "removed" if change.after is None else "changed",
        what=said([change], None) or (change.state,),
        consequences=(Consequence(Effect.ADMIN, text),),
        objects=(change,),
    )


def _remarks(facts: Facts, rows: Sequence[Row], changes: Sequence[_Compared]) -> Iterator[str]:
    before, after = facts.before, facts.after
    if before is not None and after is not None and _prunes(after) and not _prunes(before):
        yield (
            "Argo CD is to delete what is no longer in Git: from the next sync on that is also what earlier changes "
            "have left on the cluster"
        )
    if after is not None and after.get("namespaces") != "managed":
        new = [
            one.change.after.namespace
            for one in changes
            if one.change.after is not None and (one.change.before is None or one.change.moves)
        ]
        if new:
            named = ", ".join(map(code, new))
            yield f"{named} must exist with the labels that {code(f'modelfleet labels --env {after.name}')} prints"
