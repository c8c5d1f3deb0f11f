"""What can be looked up: the releases, what serves what, and every rule with its reason, an example and the way out.

Everything here is read from the data files and from the declared rules, and comes as plain data (for machines) or as rows
and lines of text (for people).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from modelfleet.finding import Finding, Location, dotted
from modelfleet.packaged import packaged, packaged_data
from modelfleet.records import dataclass
from modelfleet.resolve import catalog
from modelfleet.resolve.catalog import RUNTIME_VERSION
from modelfleet.resolve.release import Release, short
from modelfleet.resolve.road import type_of
from modelfleet.resolve.runtime import Runtime
from modelfleet.rules import Rule
from modelfleet.spec.fields import featured

ALL = "all"

FAMILIES: Mapping[str, str] = {
    "YAML": "reading the hand-written files",
    "SEC": "secrets",
    "SPEC": "the shape of the files",
    "ENV": "facts about clusters",
    "CAP": "what a cluster and its release offer",
    "NAME": "names",
    "OWN": "who owns a namespace",
    "LOC": "where models are read from",
    "NET": "routes and tokens",
    "MAAS": "Models-as-a-Service",
    "OPT": "arguments and variables",
    "RUN": "custom serving runtimes",
    "MN": "models on several nodes",
    "FIT": "the memory of GPUs",
    "ROOM": "room in quotas and on nodes",
    "SCALE": "autoscaling",
    "CAN": "canaries and shares of requests",
    "QUE": "queues of Kueue",
    "LLM": "distributed inference (llm-d)",
    "PATCH": "patches",
    "OBJ": "objects beside the models",
    "ACC": "warnings that are accepted",
    "OUT": "the generated files",
    "VER": "verification with the real tools",
    "PLAN": "what merging does",
    "ADM": "what a cluster refuses at admission, or accepts and never makes work",
}
"""The families of codes, in the order in which a run comes to them."""


def span(releases: Iterable[str]) -> str:
    """Releases for a table: `2.19-2.25`, `3.0, 3.3 and later`, `all`. A new release changes nothing in what goes on."""
    known, chosen = catalog.release_names(), set(releases)
    if chosen >= set(known):
        return ALL
    runs: list[list[str]] = []
    for before, name in zip((None, *known), known, strict=False):
        if name in chosen and before in chosen:
            runs[-1].append(name)
        elif name in chosen:
            runs.append([name])
    return ", ".join(_run(run[0], run[-1], known[-1]) for run in runs) or "none"


def _run(first: str, last: str, newest: str) -> str:
    if last == newest:
        return f"{short(first)} and later"
    return short(first) if first == last else f"{short(first)}-{short(last)}"


def state_of(release: Release, feature: str, has: Any) -> str:
    """Whether a release has a feature, for a table: `yes`, `old` (deprecated), `TP` (technology preview) or `-`."""
    states = {fact["state"] for fact in release.lifecycle if fact["feature"] == feature}
    if not has:
        return "-"
    return "old" if "deprecated" in states else "TP" if "preview" in states else "yes"


def release_rows() -> list[list[str]]:
    """What each release can do: a column a release, a row a feature; the first row is the heading."""
    releases = [catalog.release(name) for name in catalog.release_names()]
    rows = [["", *(short(release.name) for release in releases)]]
    for capability, label in featured():
        rows.append([label, *(state_of(item, capability, item.capabilities[capability]) for item in releases)])
    rows.append(
        ["multiNode", *(state_of(item, "multiNode", item.capabilities["multiNodeExecutor"]) for item in releases)]
    )
    rows.append(["  its nodes are joined by", *(str(item.capabilities["multiNodeExecutor"]) for item in releases)])
    rows.append(
        ["models from hf://", *("yes" if "hf" in item.capabilities["storageProtocols"] else "-" for item in releases)]
    )
    rows.append(["runtimes", *(str(len(item.runtimes)) for item in releases)])
    rows.append(["type of release", *(type_of(item) or "?" for item in releases)])
    rows.append(["supported until", *(str(item.support["ends"] or "?") for item in releases)])
    return rows


def release_notes() -> Iterator[str]:
    """What the table of releases does not say by itself."""
    yield "yes: there; old: deprecated; TP: technology preview; -: not there; ?: not known to modelfleet"
    for source in dict.fromkeys(catalog.release(name).support["source"] for name in catalog.release_names()):
        yield f"support dates: {source}"


def release_data() -> list[dict[str, Any]]:
    """Every release with everything that is known of it."""
    return [_release_data(catalog.release(name)) for name in catalog.release_names()]


def _release_data(release: Release) -> dict[str, Any]:
    return {
        "release": release.name,
        "title": release.title,
        "successor": release.successor,
        "support": dict(release.support),
        "upgrade": dict(release.upgrade),
        "kubernetes": release.kubernetes,
        "capabilities": dict(release.capabilities),
        "terms": dict(release.terms),
        "forms": dict(release.forms),
        "lifecycle": [dict(fact) for fact in release.lifecycle],
        "runtimes": {name: entry.get("version") for name, entry in release.runtimes.items()},
    }


# ---- what can be served with what ------------------------------------------------------------------------------------

RUNTIME_HEADING = ("RUNTIME", "PLATFORM", "FRAMEWORKS", "ACCELERATORS", "PORT", "NODES")


def runtimes(release: str | None = None) -> list[dict[str, Any]]:
    """The runtimes of a release; without one those of all, each as the newest release that ships it does.

    Raises KeyError for a release that is not known.
    """
    shipped: dict[str, list[str]] = {}
    for name in catalog.release_names() if release is None else (catalog.release(release).name,):
        for runtime in catalog.release(name).runtimes:
            shipped.setdefault(runtime, []).append(name)
    return [_runtime_data(catalog.shipped_runtime(names[-1], name), names) for name, names in sorted(shipped.items())]


def _runtime_data(runtime: Runtime, releases: Sequence[str]) -> dict[str, Any]:
    annotations = runtime.object["metadata"].get("annotations") or {}
    return {
        "name": runtime.name,
        "displayName": runtime.display_name,
        "engine": runtime.engine.facts["title"],
        "version": annotations.get(RUNTIME_VERSION),
        "platforms": sorted(runtime.platforms),
        "frameworks": [str(item) for item in runtime.formats],
        "accelerators": list(runtime.recommended),
        "accelerator": runtime.accelerator,
        "port": _port(runtime),
        "multiNode": runtime.multi_node,
        "modelTypes": list(runtime.model_types),
        "releases": [*releases],
        "state": {name: state_of(catalog.release(name), f"runtime:{runtime.name}", has=True) for name in releases}[
            releases[-1]
        ],
    }


def _port(runtime: Runtime) -> int | None:
    """The port on which it answers; ModelMesh has one of its own for all models of a project."""
    if runtime.multi_model:
        return int(catalog.multi_model_endpoints()["rest"]["port"])
    ports = (port["containerPort"] for container in runtime.containers for port in container.get("ports") or ())
    return next(ports, None)


def folded(frameworks: Iterable[str]) -> str:
    """Frameworks for a table, the versions of one together: `onnx-1, tensorflow-1/2`."""
    versions: dict[str, list[str]] = {}
    for framework in frameworks:
        name, _, version = framework.partition("-")
        versions.setdefault(name, []).extend([version] if version else [])
    return ", ".join(f"{name}-{'/'.join(found)}" if found else name for name, found in versions.items())


def runtime_rows(found: Iterable[Mapping[str, Any]], *, releases: bool) -> list[list[str]]:
    """Runtimes as a table, with the releases that ship them or with their versions; the first row is the heading."""
    rows = [[*RUNTIME_HEADING, "RELEASES" if releases else "VERSION"]]
    for item in found:
        optional = " (or none)" if item["accelerators"] and item["accelerator"] != "required" else ""
        rows.append(
            [
                item["name"] + (" (TP)" if item["state"] == "TP" else ""),
                ", ".join(item["platforms"]),
                folded(item["frameworks"]),
                ", ".join(item["accelerators"]) + optional or "none",
                str(item["port"] or "-"),
                "several" if item["multiNode"] else "1",
                span(item["releases"]) if releases else item["version"] or "-",
            ]
        )
    return rows


# ---- rules -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A rule or another kind of finding. `example` and `mended` are fragments of a repository, or one manifest.

    `finds` is what is said of the example, without lines and columns. `releases` are those for which the rule holds.
    """

    code: str
    title: str
    stage: str
    releases: tuple[str, ...]
    why: str
    source: str
    example: Any
    mended: Any
    finds: tuple[str, ...]
    data: Mapping[str, Any]

    @property
    def family(self) -> str:
        """The letters of the code."""
        return self.code.rstrip("0123456789")

    @property
    def manifest(self) -> bool:
        """Whether the examples are manifests, and no files of a repository."""
        return self.family == "ADM"


@lru_cache(maxsize=1)
def base_repository() -> Mapping[str, Any]:
    """The small repository that the examples of the rules are laid over: files by path, without `.yaml`."""
    found: Mapping[str, Any] = packaged_data("rules/base")
    return found


@lru_cache(maxsize=1)
def declared() -> Mapping[str, Rule[Any]]:
    """Every declared rule, on specs, environments and manifests, by its code."""
    from modelfleet.rules.admission.rulebook import declared_rules
    from modelfleet.rules.check import spec_rules

    rules = [*(rule for rules in spec_rules().values() for rule in rules), *declared_rules()]
    return {rule.code: rule for rule in rules}


def codes() -> tuple[str, ...]:
    """All codes that can be explained, family by family."""
    found = [path.stem for path in (packaged("data") / "rules").glob("*.yaml") if path.stem != "base"]
    order = list(FAMILIES)
    return tuple(sorted(found, key=lambda code: (order.index(code.rstrip("0123456789")), code)))


@cache
def explanation(code: str) -> Explanation:
    """What is known of a code. Raises KeyError where it is not known."""
    if code not in codes():
        raise KeyError(code)
    data = packaged_data(f"rules/{code}")
    rule = declared().get(code)
    return Explanation(
        code=code,
        title=rule.title if rule else data.get("title") or _shape_titles()[code],
        stage=rule.stage if rule else data["stage"],
        releases=tuple(
            name for name in catalog.release_names() if not rule or rule.when(catalog.release(name).capabilities)
        ),
        why=" ".join(data["why"].split()),
        source=data["source"],
        example=data["example"],
        mended=data["mended"],
        finds=tuple(data.get("finds") or _found_by_admission(data)),
        data=data,
    )


def _shape_titles() -> Mapping[str, str]:
    from modelfleet.spec.schema import TITLES

    return TITLES


def _found_by_admission(data: Mapping[str, Any]) -> Iterator[str]:
    """What an admission rule says of its example; nothing where it needs a schema or the text of a file for it."""
    from modelfleet.kubernetes.objects import by_name
    from modelfleet.rules.admission.rulebook import rulebook

    item, existing = data["example"], data.get("existing")
    if not isinstance(item, dict) or "kind" not in item:
        return
    release = catalog.release(data["release"])
    book = rulebook(release.capabilities, release.terms)
    known: dict[str, Any] = {}
    if existing is not None:
        same = (existing["kind"], existing["metadata"]["name"]) == (item["kind"], item["metadata"]["name"])
        known = {"old_object": existing} if same else {"peers": by_name([existing])}
    for rule, violation in book.check(book.request(item, **known)):
        if rule.code == data["code"]:
            finding = Finding(
                at=Location("manifest.yaml"),
                code=rule.code,
                path=dotted(violation.pointer),
                message=violation.message,
                hint=violation.hint,
                severity=violation.severity,
            )
            yield without_places(finding)


def without_places(finding: Finding) -> str:
    """A finding's text with files but without lines and columns, as the data files of the rules quote it."""
    import re

    return re.sub(r":\d+:\d+(?=[:)])", "", finding.text())


def titles(wanted: Iterable[str]) -> dict[str, str]:
    """The titles of codes, of those that are known."""
    known = codes()
    return {code: explanation(code).title for code in wanted if code in known}


def rule_rows() -> list[list[str]]:
    """All rules as a table; the first row is the heading."""
    rows = [["CODE", "STAGE", "RELEASES", "WHAT IS WRONG"]]
    for code in codes():
        one = explanation(code)
        rows.append([code, one.stage, span(one.releases), one.title])
    return rows


def rule_data() -> list[dict[str, Any]]:
    """All rules for machines."""
    return [explanation_data(explanation(code), brief=True) for code in codes()]


def explanation_data(one: Explanation, *, brief: bool = False) -> dict[str, Any]:
    """A rule for machines."""
    found: dict[str, Any] = {
        "code": one.code,
        "title": one.title,
        "stage": one.stage,
        "releases": [*one.releases],
    }
    if brief:
        return found
    whole = {"why": one.why, "example": one.example, "finds": [*one.finds], "mended": one.mended, "source": one.source}
    return found | whole


# ---- a rule explained ------------------------------------------------------------------------------------------------


def explained(one: Explanation, width: int = 100) -> Iterator[str]:
    """A rule as lines of text: what is wrong, why, an example, what is said of it, and the example mended."""
    from textwrap import wrap

    yield f"{one.code}: {one.title}"
    yield ""
    yield from wrap(one.why, width, break_long_words=False, break_on_hyphens=False)
    if existing := one.data.get("existing"):
        yield ""
        yield "In the cluster:"
        yield from indented(example_lines(existing, manifest=True))
    yield ""
    yield "Wrong:"
    yield from indented(example_lines(one.example, manifest=one.manifest))
    if one.finds:
        yield ""
        yield "modelfleet says:"
        yield from indented(one.finds)
    yield ""
    yield "Mended:"
    yield from indented(example_lines(one.mended, manifest=one.manifest))
    yield ""
    yield f"Stage:    {one.stage}"
    yield f"Releases: {span(one.releases)}"
    yield f"Source:   {one.source}"
    if not one.manifest and not isinstance(one.example, str):
        yield "The examples are laid over a small repository, which docs/rules.md shows at its end."


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Lines below a heading."""
    return (f"  {line}".rstrip() for line in lines)


def example_lines(example: Any, *, manifest: bool) -> Iterator[str]:
    """An example as it would be written: files with their names in comments, or one manifest."""
    from modelfleet.kubernetes.emit import dump

    if isinstance(example, str) or manifest:
        yield from (example if isinstance(example, str) else dump(example)).rstrip("\n").split("\n")
        return
    if not example:
        yield "# nothing of the kind"
    for index, (path, content) in enumerate(example.items()):
        if index:
            yield ""
        file = path if "." in path.rpartition("/")[2] else f"{path}.yaml"
        if content is None:
            yield f"# {file}: not there"
        elif path.endswith("/"):
            yield f"# {path}: a folder"
        elif isinstance(content, str) and content.startswith("-> "):
            yield f"# {file}: a symbolic link to {content.removeprefix('-> ')}"
        else:
            yield f"# {file}"
            yield from (content if isinstance(content, str) else dump(content)).rstrip("\n").split("\n")
