"""The pages of the documentation that are made of data: rules, runtimes, and what changes between releases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from modelfleet.packaged import packaged
from modelfleet.reference import reference
from modelfleet.reference.effects import effects_page, plan_schema
from modelfleet.reference.field_pages import environment_page, spec_page
from modelfleet.reference.markdown import Rows, fenced, markdown_table
from modelfleet.resolve import catalog
from modelfleet.resolve.release import Release, short
from modelfleet.resolve.road import main_road, release_types


def pages() -> dict[str, str]:
    """Every page that is made of data, by its path; and the schema whose list of names is."""
    made: Mapping[str, Callable[[], Iterator[str]]] = {
        "docs/effects.md": effects_page,
        "docs/environment.md": environment_page,
        "docs/rules.md": rules_page,
        "docs/runtimes.md": runtimes_page,
        "docs/spec.md": spec_page,
        "docs/upgrades.md": upgrades_page,
    }
    found = {path: "\n".join([_MADE, *make()]) + "\n" for path, make in made.items()}
    return found | {"schemas/plan.schema.json": plan_schema()}


_MADE = "<!-- Made by `modelfleet docs --write` from the data and the schemas: change those. -->\n"


def stale_pages(root: Path) -> list[str]:
    """The pages that are missing below the root or differ from what would be made."""

    def differs(path: str, text: str) -> bool:
        return not (root / path).is_file() or (root / path).read_text("utf-8") != text

    return [path for path, text in pages().items() if differs(path, text)]


def write_page(root: Path, path: str) -> None:
    """Writes one page below the root."""
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(pages()[path], "utf-8")


# ---- rules -----------------------------------------------------------------------------------------------------------


def rules_page() -> Iterator[str]:
    """Every code with its reason, by family."""
    yield "# Rules"
    yield ""
    yield "Everything that modelfleet refuses or warns of has a code. `modelfleet explain CODE` shows for each of them why it"
    yield "is so, an example that trips it, what is then said, the example mended, and where the fact comes from;"
    yield "`modelfleet rules --format json` lists them for other programs. In the tables, *releases* are those of OpenShift AI"
    yield "for which a rule holds."
    yield ""
    by_family = {
        family: [one for one in map(reference.explanation, reference.codes()) if one.family == family]
        for family in reference.FAMILIES
    }
    for family, found in by_family.items():
        yield f"## {family}: {reference.FAMILIES[family]}"
        yield ""
        if family == "ADM":
            yield from _ADMISSION
        head = ["Code", "What is wrong, and why it matters", "Releases"]
        codes = {one.code: f'<a id="{one.code.lower()}"></a>`{one.code}`' for one in found}  # what a link can name
        staged = [[codes[one.code], f"**{one.title}.** {one.why}", reference.span(one.releases)] for one in found]
        if family == "ADM":
            head.insert(1, "Stage")
            staged = [[row[0], one.stage, *row[1:]] for row, one in zip(staged, found, strict=True)]
        yield from markdown_table([head, *staged])
        yield ""
    yield "## The repository that the examples are laid over"
    yield ""
    yield "`modelfleet explain` shows of an example only what it changes in this repository. Maps merge key by key; null takes"
    yield "away what is there."
    yield ""
    yield from fenced(reference.example_lines(reference.base_repository(), manifest=False), "yaml")


_ADMISSION = (
    "`check` applies these to what it renders and reports them on the spec's line; `modelfleet admit` applies them to any",
    "manifests. The stage says who would speak up in the cluster: the *schema* or the *cel* rules of a custom resource, a",
    "*webhook*, or nobody until the controller tries to *reconcile* what was accepted; what *run*s works otherwise than it is",
    "meant.",
    "",
)


# ---- runtimes --------------------------------------------------------------------------------------------------------


def runtimes_page() -> Iterator[str]:
    """What can be served with what, on each release."""
    yield "# Serving runtimes"
    yield ""
    yield "What the releases of OpenShift AI ship. `runtime:` in a spec names one of these or one of your own in `runtimes/`;"
    yield "`framework:` is one of its frameworks, as `name-version` or, where one version is offered, as `name`. An entry such as"
    yield "`tensorflow-1/2` stands for `tensorflow-1` and `tensorflow-2`. *TP* is a technology preview."
    yield ""
    yield "## All releases"
    yield ""
    yield from markdown_table(_code_first(reference.runtime_rows(reference.runtimes(), releases=True)))
    for name in reversed(catalog.release_names()):
        yield ""
        yield f"## {catalog.release(name).title}"
        yield ""
        yield from markdown_table(_code_first(reference.runtime_rows(reference.runtimes(name), releases=False)))


def _code_first(rows: Rows) -> Rows:
    heading, *rest = rows
    return [[cell.capitalize() for cell in heading], *([f"`{first}`", *row] for first, *row in rest)]


# ---- upgrades --------------------------------------------------------------------------------------------------------


def upgrades_page() -> Iterator[str]:
    """What changes from each release to the next."""
    names = catalog.release_names()
    yield "# What changes when you upgrade"
    yield ""
    yield "From each release of OpenShift AI to the next: what is gone, what is new, and what is rendered differently without"
    yield "any change of a spec. To see what an upgrade means for your own specs, change `release:` in the environment's file and"
    yield "run `modelfleet check`: it lists everything that would no longer work, each with its way out; `modelfleet plan` then"
    yield "shows what happens to the running models."
    yield ""
    yield "## Overview"
    yield ""
    yield from markdown_table(reference.release_rows())
    yield ""
    for line in reference.release_notes():
        yield (
            f"{line[0].upper()}{line[1:]}.  " if ":" in line and "http" not in line else f"{line[0].upper()}{line[1:]}"
        )
    yield ""
    yield from _roads()
    for name in names:
        release = catalog.release(name)
        if release.successor is not None:
            yield ""
            yield from _upgrade(release, catalog.release(release.successor))


def _roads() -> Iterator[str]:
    """The types of releases, and the supported ways between releases, each with its source."""
    releases = [catalog.release(name) for name in catalog.release_names()]
    yield "## Types of releases, and the road"
    yield ""
    rows = [["Type", "Supported for", "Releases"]]
    for key, facts in release_types().items():
        named = [short(one.name) for one in releases if one.support["type"] == key]
        rows.append([facts["name"], facts["support"], ", ".join(named)])
    yield from markdown_table(rows)
    yield ""
    steps = " → ".join(dict.fromkeys(map(short, main_road())))
    yield f"The road for clusters that follow the EUS releases: **{steps}**. `modelfleet rehearse` plans an upgrade along it."
    yield ""
    rows = [["Release", "Is upgraded to from", "Source"]]
    for one in releases:
        before = ", ".join(map(short, one.upgrade["from"])) or "none of these releases"
        rows.append([short(one.name), before, one.upgrade["source"]])
    yield from markdown_table(rows)


def _upgrade(old: Release, new: Release) -> Iterator[str]:
    yield f"## {short(old.name)} to {short(new.name)}"
    yield ""
    blocks = {
        "Before the upgrade": list(_to_do(old, new)),
        "Runtimes": list(_runtime_changes(old, new)),
        "Facts": list(_fact_changes(old, new)),
    }
    if not any(blocks.values()):
        yield "Nothing that modelfleet knows of."
        return
    heads = {
        "Before the upgrade": ["What", "Is", "What to do"],
        "Runtimes": ["Runtime", short(old.name), short(new.name)],
        "Facts": ["What the fact is about", short(old.name), short(new.name)],
    }
    blocks = {title: rows for title, rows in blocks.items() if rows}
    for index, (title, rows) in enumerate(blocks.items()):
        if index:
            yield ""
        yield f"### {title}"
        yield ""
        yield from markdown_table([heads[title], *rows])


def _to_do(old: Release, new: Release) -> Iterator[list[str]]:
    known = {(fact["feature"], fact["state"]) for fact in old.lifecycle}
    order = ("removed", "deprecated", "preview")
    for fact in sorted(new.lifecycle, key=lambda fact: order.index(fact["state"])):
        if (fact["feature"], fact["state"]) not in known:
            remedy = fact["remedy"]
            yield [_named(fact["feature"]), _STATES[fact["state"]], f"{remedy[0].upper()}{remedy[1:]}."]
    named = {fact["feature"] for fact in new.lifecycle}
    for fact in old.lifecycle:
        if fact["state"] == "preview" and fact["feature"] not in named:
            yield [_named(fact["feature"]), "no longer a technology preview", "Nothing."]


_STATES = {"removed": "gone", "deprecated": "deprecated", "preview": "a technology preview"}

_NAMES = {
    "modelMesh": "the multi-model platform (ModelMesh)",
    "serverless": "mode: advanced (Knative Serverless)",
    "acceleratorProfiles": "accelerator profiles",
    "llm": "LLMInferenceService (llmd)",
    "llmScaling": "the workload variant autoscaler of LLMInferenceServices",
    "multiNode": "models over several nodes",
    "multiNodeRay": "Ray in the multi-node runtime",
}


def _named(feature: str) -> str:
    kind, colon, name = feature.partition(":")
    if colon:
        return f"the {kind} `{name}`" if kind == "runtime" else f"the word `{name}` for a {kind}"
    return _NAMES[feature]


def _runtime_changes(old: Release, new: Release) -> Iterator[list[str]]:
    for name in sorted(old.runtimes.keys() | new.runtimes.keys()):
        before, after = (_shipped(release, name) for release in (old, new))
        files = {release.runtimes[name]["file"] for release in (old, new) if name in release.runtimes}
        if len(files) > 1:
            yield [f"`{name}`", before, f"{after}; its arguments, variables or frameworks differ"]
        elif before != after:
            yield [f"`{name}`", before, after]


def _shipped(release: Release, name: str) -> str:
    entry = release.runtimes.get(name)
    return "-" if entry is None else str(entry.get("version") or "shipped")


@lru_cache(maxsize=1)
def _descriptions() -> Mapping[str, Mapping[str, str]]:
    schema = json.loads((packaged("schemas") / "release.schema.json").read_bytes())
    opening = {"capabilities": "", "terms": "", "forms": "In the dashboard's form: "}
    return {
        section: {
            key: words + _WITHOUT_VALUE.sub("", entry["description"]).rstrip(".")
            for key, entry in schema["properties"][section]["properties"].items()
        }
        for section, words in opening.items()
    }


_WITHOUT_VALUE = re.compile(r"[.;]? (?:null\b|Empty where|empty where).*")
"""How a description goes on where it says what no value means."""


def _fact_changes(old: Release, new: Release) -> Iterator[list[str]]:
    for section, described in _descriptions().items():
        before, after = (getattr(release, section) for release in (old, new))
        for key, description in described.items():
            if before[key] != after[key]:
                yield [f"{description} (`{key}`)", *_compared(before[key], after[key])]
    if old.kubernetes != new.kubernetes:
        yield ["The version of Kubernetes that core objects are checked with", old.kubernetes, new.kubernetes]
    if (crds := _crds(old)) != _crds(new):
        yield ["The custom resource definitions that objects are checked with", crds, _crds(new)]


def _crds(release: Release) -> str:
    return ", ".join(
        dict.fromkeys(f"{entry['module'].rpartition('/')[2]} {entry['version']}" for entry in release.crds)
    )


def _compared(before: Any, after: Any) -> tuple[str, str]:
    """Two values of a fact; of lists what the other does not have."""
    if isinstance(before, list) and isinstance(after, list) and before and after:
        gone, come = [x for x in before if x not in after], [x for x in after if x not in before]
        return (f"also {_shown(gone)}" if gone else "", f"also {_shown(come)}" if come else "")
    return _shown(before), _shown(after)


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"`{key}`: {_shown(item)}" for key, item in value.items()) or "none"
    return f"`{value}`" if isinstance(value, str) else str(value)
