"""What people look up: the tables, the explanations and the pages, as they are printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from console import REPOSITORY, TESTS, modelfleet
from modelfleet.reference import markdown, pages
from modelfleet.reference.reference import codes, explanation, folded, span, state_of
from modelfleet.resolve import catalog
from modelfleet.resolve.release import Capability, short

GOLDEN = TESTS / "golden" / "reference"

PRINTED = {
    "releases": ["releases"],
    "runtimes": ["runtimes"],
    "runtimes-of-2.25": ["runtimes", "--release", "rhoai-2.25"],
    "explain-fragment": ["explain", "CAP003"],
    "explain-text": ["explain", "YAML011"],
    "explain-link": ["explain", "YAML020"],
    "explain-folder": ["explain", "OUT002"],
    "explain-file-taken-away": ["explain", "YAML023"],
    "explain-manifest-beside-another": ["explain", "ADM107"],
    "explain-manifest-as-text": ["explain", "ADM005"],
    "explain-in-small-letters": ["explain", "mn003"],
}


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed(name: str, tmp_path: Path, update_golden: bool) -> None:
    ran = modelfleet(tmp_path, *PRINTED[name])
    golden = GOLDEN / f"{name}.txt"
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(ran.out, "utf-8")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == golden.read_text("utf-8")


def releases_of(major: str) -> str:
    return ", ".join(name for name in catalog.release_names() if name.startswith(f"rhoai-{major}"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "CAP999"], "explain CAP999: there is no such code; `modelfleet rules` lists them"),
        *(
            ([*words, "--release", name], f"--release {name}: there is no such release; there are {releases_of(major)}")
            for words in (["runtimes"], ["admit", "-"])
            for name, major in (("rhoai-1", ""), ("1", ""), ("3.1", "3."), ("rhoai-2.2", "2."))
        ),
        (["rules", "--format", "github"], "Invalid value for '--format': 'github' is not one of 'text', 'json'."),
    ],
)
def test_what_is_not_known(words: list[str], said: str, tmp_path: Path) -> None:
    assert modelfleet(tmp_path, *words) == (2, "", f"modelfleet: {said}\n")


def test_a_release_is_known_by_its_number_alone(tmp_path: Path) -> None:
    named, numbered = (modelfleet(tmp_path, "runtimes", "--release", name) for name in ("rhoai-2.25", "2.25"))
    assert (named, named.code) == (numbered, 0)


def test_the_list_of_rules(tmp_path: Path) -> None:
    ran = modelfleet(tmp_path, "rules")
    heading, *rows = (re.split(r" {2,}", line) for line in ran.out.splitlines())
    assert (ran.code, heading) == (0, ["CODE", "STAGE", "RELEASES", "WHAT IS WRONG"])
    assert [row[0] for row in rows] == list(codes())
    assert ["ENV009", "environment", "3.0 and later", "The accelerator has no hardware profile"] in rows
    assert ["ADM025", "webhook", "all", explanation("ADM025").title] in rows


def test_releases_for_machines(tmp_path: Path) -> None:
    found = json.loads(modelfleet(tmp_path, "releases", "--format", "json").out)
    assert [item["release"] for item in found] == list(catalog.release_names())
    assert found[-1]["capabilities"] == catalog.release(catalog.release_names()[-1]).capabilities


def test_runtimes_for_machines(tmp_path: Path) -> None:
    found = json.loads(modelfleet(tmp_path, "runtimes", "--release", "rhoai-3.5", "--format", "json").out)
    assert [item for item in found if item["name"] == "vllm-multinode-runtime"] == [
        {
            "name": "vllm-multinode-runtime",
            "displayName": "vLLM Multi-Node ServingRuntime for KServe",
            "engine": "vLLM over several nodes",
            "version": "v0.24.0",
            "platforms": ["single-model"],
            "frameworks": ["vLLM"],
            "accelerators": ["nvidia.com/gpu"],
            "accelerator": "required",
            "port": 8080,
            "multiNode": True,
            "modelTypes": ["generative"],
            "releases": ["rhoai-3.5"],
            "state": "yes",
        }
    ]


def test_rules_for_machines(tmp_path: Path) -> None:
    found = json.loads(modelfleet(tmp_path, "rules", "--format", "json").out)
    assert [item["code"] for item in found] == list(codes())
    assert [item for item in found if item["code"] == "LLM006"] == [
        {
            "code": "LLM006",
            "title": "The minimum number of replicas exceeds the maximum",
            "stage": "spec",
            "releases": list(catalog.release_names()[catalog.release_names().index("rhoai-3.4") :]),
        }
    ]


def test_an_explanation_for_machines(tmp_path: Path) -> None:
    one = explanation("ENV005")
    assert json.loads(modelfleet(tmp_path, "explain", "ENV005", "--format", "json").out) == {
        "code": "ENV005",
        "title": one.title,
        "stage": "environment",
        "releases": list(catalog.release_names()),
        "why": one.why,
        "example": one.example,
        "finds": list(one.finds),
        "mended": one.mended,
        "source": one.source,
    }


def test_a_code_that_is_not_known_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        explanation("CAP999")


def test_spans_of_releases() -> None:
    known = catalog.release_names()
    assert span(known) == "all"
    assert span(known[:4]) == "2.19-2.22"
    assert span([known[0], *known[-3:]]) == f"2.19, {short(known[-3])} and later"
    assert span(known[-1:]) == f"{short(known[-1])} and later"
    assert span([known[2]]) == "2.21"
    assert span([]) == "none"


def test_the_versions_of_a_framework_stand_together() -> None:
    assert folded(["onnx-1", "tensorflow-1", "vLLM", "tensorflow-2"]) == "onnx-1, tensorflow-1/2, vLLM"


def test_the_states_of_a_feature() -> None:
    asked: dict[str, list[Capability]] = {
        "rhoai-2.25": ["modelMesh", "llm", "serverless"],
        "rhoai-3.0": ["modelMesh", "llm"],
    }
    states = {
        name: [
            state_of(catalog.release(name), feature, catalog.release(name).capabilities[feature])
            for feature in features
        ]
        for name, features in asked.items()
    }
    assert states == {"rhoai-2.25": ["old", "TP", "yes"], "rhoai-3.0": ["-", "yes"]}


def test_what_admission_says_of_its_examples_is_known_but_where_a_schema_or_a_file_is_needed() -> None:
    silent = [code for code in codes() if explanation(code).manifest and not explanation(code).finds]
    assert silent == ["ADM002", "ADM004", "ADM005", "ADM006"]


# ---- pages -----------------------------------------------------------------------------------------------------------


def test_the_pages_are_fresh() -> None:
    """`modelfleet docs --write` makes them anew."""
    assert pages.stale_pages(REPOSITORY) == []


def test_stale_pages_are_named_and_written(tmp_path: Path) -> None:
    names = sorted(pages.pages())
    stale = "".join(f"{name}: stale\n" for name in names)
    assert modelfleet(tmp_path, "docs") == (3, stale, "")
    assert modelfleet(tmp_path, "docs", "--write") == (0, stale.replace("stale", "written"), "")
    assert modelfleet(tmp_path, "docs") == (0, "", "")
    (tmp_path / "docs/rules.md").write_text("mine", "utf-8")
    assert modelfleet(tmp_path, "docs") == (3, "docs/rules.md: stale\n", "")


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert list(markdown.markdown_table([["a"], ["x|y"]])) == ["| a |", "| --- |", "| x\\|y |"]


def test_every_upgrade_is_described() -> None:
    page = pages.pages()["docs/upgrades.md"]
    steps = [(name, catalog.release(name).successor) for name in catalog.release_names()]
    headings = [f"## {old.rpartition('-')[2]} to {new.rpartition('-')[2]}" for old, new in steps if new is not None]
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Overview",
        "## Types of releases, and the upgrade path",
        *headings,
    ]


def test_a_default_with_a_point_in_it_stands_whole_in_its_column() -> None:
    rows = [[cell.strip() for cell in line.split("|")] for page in pages.pages().values() for line in page.splitlines()]
    said = {row[1]: (row[2], row[3]) for row in rows if len(row) > 4 and row[1].startswith("`")}
    assert said["`secrets.apiVersion`"] == (
        "The version of ExternalSecret that the cluster serves.",
        "external-secrets.io/v1",
    )
    assert said["`llmd.tracing.ratio`"] == ("The share of requests that a sampler with traceidratio takes.", "0.05")
