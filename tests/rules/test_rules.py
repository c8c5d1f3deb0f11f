"""Every rule has an explanation, an example that trips it and a mended one that does not; and branches beyond these.

`tests/data/rules/cases.yaml` holds what the examples leave out. With --update-golden what is found is written into both
kinds of files (`finds`), for you to review; not with several processes at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import modelfleet
from console import TESTS
from modelfleet import layout
from modelfleet.finding import Finding
from modelfleet.packaged import packaged
from modelfleet.pipeline import fleet as pipeline
from modelfleet.reference import reference
from modelfleet.reference.reference import Explanation, explanation, without_places
from modelfleet.spec.merge import as_layer
from modelfleet.tree import compare as tree
from modelfleet.tree import conflicts
from modelfleet.tree import write as writer
from repository import findings, repository, write

DATA = packaged("data") / "rules"
SOURCES = Path(modelfleet.__file__).parent
CASES = TESTS / "data" / "rules" / "cases.yaml"
JUDGED = [
    code for code in reference.codes() if not explanation(code).manifest and isinstance(explanation(code).example, dict)
]
EVERYTHING = layout.Scope(None, None)


@cache
def cases() -> Mapping[str, Any]:
    found = yaml.safe_load(CASES.read_text("utf-8"))
    assert len({case["name"] for case in found}) == len(found)
    return {case["name"]: case for case in found}


@pytest.fixture(scope="session")
def anyway(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of the small repository as it is."""
    return told(findings(write(tmp_path_factory.mktemp("repository"), repository())))


def told(found: list[Finding]) -> list[str]:
    return [without_places(finding) for finding in found]


def said_of(one: Explanation, example: Mapping[str, Any], root: Path) -> list[Finding]:
    """Everything that is said of the small repository with an example laid over it."""
    if one.family != "OUT":
        return findings(write(root, repository(example), one.data.get("encoding", "utf-8")))
    write(root, repository())
    files = dict(pipeline.fleet(root).files)
    writer.write(root, files, EVERYTHING)
    write(root, example)
    return conflicts.conflicts(tree.compare_tree(root, files, EVERYTHING))


@pytest.mark.parametrize("code", JUDGED)
def test_the_example_trips_its_rule_alone(code: str, tmp_path: Path, anyway: list[str], update_golden: bool) -> None:
    one = explanation(code)
    found = [finding for finding in said_of(one, one.example, tmp_path) if without_places(finding) not in anyway]
    mine = told([finding for finding in found if finding.code == code])
    if update_golden:
        rewrite(DATA / f"{code}.yaml", r"(?s)\nfinds:\n.*", "", mine)
    else:
        assert mine == list(one.finds)
    assert mine, "the example trips nothing"
    assert {finding.code for finding in found} == {code, *one.data.get("beside", ())}


@pytest.mark.parametrize("code", JUDGED)
def test_the_mended_example_does_not(code: str, tmp_path: Path, anyway: list[str]) -> None:
    one = explanation(code)
    assert [text for text in told(said_of(one, one.mended, tmp_path)) if text not in anyway] == []


def test_the_small_repository_is_fine(anyway: list[str]) -> None:
    assert [text for text in anyway if "[CAP002]" not in text] == []


@pytest.mark.parametrize("name", cases())
def test_branches_and_near_misses(name: str, tmp_path: Path, anyway: list[str], update_golden: bool) -> None:
    found = told(findings(write(tmp_path, repository(cases()[name]["files"]))))
    new = [text for text in found if text not in anyway]
    if update_golden:
        rewrite(CASES, rf"(?s)(?<=\n- name: {re.escape(name)}\n).*?(?=\n- name: |\Z)", "  ", new)
    else:
        assert new == cases()[name]["finds"]


def rewrite(file: Path, block: str, indent: str, found: list[str]) -> None:
    """Writes what was found as the `finds` at the end of a block of a data file."""
    quoted = (yaml.safe_dump(text, width=10_000, default_style="'" if '"' in text else '"').strip() for text in found)
    lines = [f"{indent}- {text}" for text in quoted]
    finds = "\n".join([f"{indent}finds:", *lines]) if lines else f"{indent}finds: []"
    text = file.read_text("utf-8")
    old = re.search(block, text)
    assert old is not None
    kept = re.sub(rf"(?s)(\A|\n){indent}finds:.*", "", old[0])
    end = "\n" if old.end() == len(text) else ""
    file.write_text(f"{text[: old.start()]}{kept}\n{finds}{end}{text[old.end() :]}", "utf-8")


def test_findings_with_a_path_stand_where_the_path_points(tmp_path: Path) -> None:
    """Told by another reader than ours: line and column are those of the key or the value, in one layer or the other."""
    wrong = []
    for index, code in enumerate(JUDGED):
        one = explanation(code)
        if one.family in ("YAML", "OUT", "SEC"):
            continue
        root = tmp_path / str(index)
        for finding in said_of(one, one.example, root):
            if finding.path and (finding.at.line, finding.at.column) not in places(
                root / finding.at.file, finding.path
            ):
                wrong.append(finding.text())
    assert wrong == []


def places(file: Path, path: str) -> set[tuple[int, int]]:
    """Where the key and the value of a path stand in a file, at its top or in an override; else its nearest ancestor."""
    root = yaml.compose(file.read_text("utf-8"))
    found: set[tuple[int, int]] = set()
    for layer in (root, *overrides(root)):
        node, rest = layer, path
        reached = {mark(root)}
        while rest and isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            step = next((item for item in entries(node) if matches(rest, item[0])), None)
            if step is None:
                break
            name, key, node = step
            rest = re.sub(r"^[.\[\]]*", "", rest[len(name) :].removeprefix("[").removeprefix("]"))
            reached = {mark(key), mark(node)}
        found |= reached
    return found


def overrides(root: Any) -> list[Any]:
    """The overrides of all environments in a project's file."""
    blocks = [node for name, _, node in entries(root) if name == "environments"]
    return [node for block in blocks for _, _, node in entries(block)]


def entries(node: Any) -> list[tuple[str, Any, Any]]:
    """The names, keys and values of a mapping, longest name first, or the items of a list."""
    if isinstance(node, yaml.SequenceNode):
        return [(f"{index}", item, item) for index, item in enumerate(node.value)]
    return sorted(((key.value, key, value) for key, value in node.value), key=lambda entry: -len(entry[0]))


def matches(rest: str, name: str) -> bool:
    return rest == name or (rest.startswith(name) and rest[len(name)] in ".[]")


def mark(node: Any) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


# ---- the data files --------------------------------------------------------------------------------------------------


def test_every_rule_and_every_code_has_a_file_and_every_file_a_rule_or_a_code() -> None:
    written = {
        code
        for path in SOURCES.rglob("*.py")
        for code in re.findall(r'"([A-Z]{2,5}[0-9]{3})"', path.read_text("utf-8"))
        if code.rstrip("0123456789") in reference.FAMILIES
    }
    assert {*reference.codes()} == written | {*reference.declared()}


def test_what_is_judged_elsewhere_needs_manifests_real_tools_or_a_history() -> None:
    elsewhere = {explanation(code).family for code in set(reference.codes()) - set(JUDGED)}
    assert elsewhere == {"ADM", "OUT", "PLAN", "VER"}


def test_files_have_these_keys() -> None:
    allowed = {
        "code",
        "title",
        "stage",
        "why",
        "source",
        "example",
        "mended",
        "finds",
        "beside",
        "encoding",
        "release",
        "existing",
    }
    wanted = {"code", "why", "source", "example", "mended"}
    strays = {}
    for code in reference.codes():
        keys = explanation(code).data.keys()
        if keys - allowed or wanted - keys or explanation(code).data["code"] != code:
            strays[code] = sorted((keys - allowed) | (wanted - keys))
    assert strays == {}


@pytest.mark.parametrize("code", [code for code in JUDGED if code in reference.declared()])
def test_the_title_of_a_declared_rule_stands_in_the_rule(code: str) -> None:
    assert explanation(code).data.keys().isdisjoint({"title", "stage"})


def test_reasons_are_sentences() -> None:
    poor = [code for code in reference.codes() if not re.fullmatch(r"\S.{30,700}\.", explanation(code).why)]
    assert poor == []


def test_a_finding_that_people_can_do_something_about_says_what() -> None:
    silent = [text for code in JUDGED for text in explanation(code).finds if "; " not in text]
    assert silent == []


def test_a_document_without_overrides_is_one_layer(tmp_path: Path) -> None:
    """The reader of places that the tests use agrees with ours where there is nothing to choose."""
    from modelfleet.spec.load import read_document

    write(tmp_path, repository())
    document = read_document(tmp_path, "projects/acme.yaml")
    at = as_layer(document).at(("models", "llama", "size"))
    assert (at.line, at.column) in places(tmp_path / "projects/acme.yaml", "models.llama.size")
