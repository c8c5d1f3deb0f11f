"""What holds of the repository as a whole: the committed example, the data files, and how the modules may be written."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from console import REPOSITORY, modelfleet
from modelfleet.rules import check as judge
from modelfleet.rules.admission.rulebook import declared_rules
from modelfleet.tools import folder as toolbox
from modelfleet.tools import install as tools

PACKAGE = REPOSITORY / "generator" / "modelfleet"
DATA = PACKAGE / "data"
SCHEMAS = REPOSITORY / "schemas"

# A room imports only from rooms to its left. The modules beside the rooms are what all of them stand on.
ROOMS = (
    *("", "spec", "kubernetes", "resolve", "rules", "render", "kustomize", "tree", "tools", "serving", "report"),
    *("capacity", "pipeline", "verify", "endpoints", "plan", "migrate", "rehearse", "smoke", "overview", "admit"),
    *("importer", "reference", "start", "cli"),
)


@cache
def sources() -> Mapping[str, ast.Module]:
    """Every module of the package, by its name within it."""
    paths = sorted(PACKAGE.rglob("*.py"))
    names = [path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for path in paths]
    short = (name.removesuffix(".__init__") for name in names)
    return {name: ast.parse(path.read_text("utf-8")) for name, path in zip(short, paths, strict=True)}


def room(module: str) -> str:
    """The room that a module stands in; "" for those beside the rooms, and for the entry point that needs all of them."""
    first = "cli" if module == "__main__" else module.partition(".")[0]
    return first if (PACKAGE / first).is_dir() else ""


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules of the package that a module imports when it runs."""
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    never = {id(inner) for block in blocks for inner in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in never:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "modelfleet":
            inside = (node.module or "").partition(".")[2]
            for name in node.names:
                whole = f"{inside}.{name.name}".lstrip(".")
                yield whole if whole in sources() else inside or "__init__"
        elif isinstance(node, ast.Import):
            yield from (name.name.partition(".")[2] for name in node.names if name.name.startswith("modelfleet."))


def literals(tree: ast.Module) -> Iterator[ast.Constant]:
    """The strings of a module that are not documentation."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node


def tracked() -> list[Path]:
    """The files that are committed or could be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a Git checkout")
    return [path for name in done.stdout.splitlines() if (path := REPOSITORY / name).is_file()]


# ---- the example


def test_the_committed_example_has_not_drifted() -> None:
    ran = modelfleet(REPOSITORY, "render", "--check")
    assert (ran.code, "error" in ran.err) == (0, False), ran.out


def test_the_example_uses_three_releases_and_both_platforms() -> None:
    ran = modelfleet(REPOSITORY, "check")
    assert ran.out.startswith("6 projects in 3 environments: ")


@pytest.mark.parametrize(
    "path",
    sorted([*REPOSITORY.glob("projects/*.yaml"), *REPOSITORY.glob("environments/*.yaml")]),
    ids=lambda path: path.name,
)
def test_a_hand_written_file_names_its_schema_for_editors(path: Path) -> None:
    match = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text("utf-8"))
    assert match
    assert (path.parent / match[1]).resolve() == SCHEMAS / f"{path.parent.name.removesuffix('s')}.schema.json"


# ---- data

FITS = {
    "releases/*.yaml": "release",
    "runtimes/*/*.yaml": "runtime-data",
    "engines.yaml": "engines",
    "parsers.yaml": "parsers",
    "downloads.yaml": "downloads",
    "options/*/*.yaml": "option-table",
    "connections.yaml": "connections",
    "fields.yaml": "fields",
    "kinds.yaml": "kinds",
    "platform.yaml": "platform",
}
WITH_TESTS_OF_THEIR_OWN = {
    "argocd.yaml",
    "clients.yaml",
    "tools.yaml",
    "effects.yaml",
    "imported.yaml",
    "memory.yaml",
    "release-types.yaml",
    "rules/*.yaml",
    "sarif.yaml",
    "secrets.yaml",
    "shapes.yaml",
    "start/**/*.yaml",
}


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_a_schema_is_one(path: Path) -> None:
    schema = json.loads(path.read_text("utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("pattern", "name"), sorted(FITS.items()))
def test_data_fits_its_schema(pattern: str, name: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")))
    paths = sorted(DATA.glob(pattern))
    assert paths
    wrong = {
        str(path): [error.message for error in validator.iter_errors(yaml.safe_load(path.read_bytes()))]
        for path in paths
    }
    assert {path: errors for path, errors in wrong.items() if errors} == {}


def test_all_data_has_a_schema_or_tests() -> None:
    known = {path for pattern in (*FITS, *WITH_TESTS_OF_THEIR_OWN) for path in DATA.glob(pattern)}
    assert sorted(set(DATA.rglob("*.yaml")) - known) == []


# ---- modules


@pytest.mark.parametrize("name", sorted(sources()))
def test_a_room_imports_only_from_rooms_to_its_left(name: str) -> None:
    here = ROOMS.index(room(name))
    assert {other for other in imported(sources()[name]) if ROOMS.index(room(other)) > here} == set()


def test_no_module_imports_itself_on_a_detour() -> None:
    graph = {name: set(imported(tree)) - {name} for name, tree in sources().items()}
    while free := {name for name, others in graph.items() if not others & graph.keys()}:
        graph = {name: others for name, others in graph.items() if name not in free}
    assert graph == {}


def test_every_room_is_listed_and_says_what_it_does() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    assert {folder.relative_to(PACKAGE).parts[0] for folder in folders} == {*ROOMS} - {""}
    silent = [
        folder.name for folder in folders if not ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    ]
    assert silent == []


def public_names(tree: ast.Module) -> Iterator[str]:
    """The functions, classes and constants that a module defines for others."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            stored = (each for target in node.targets for each in ast.walk(target))
            names = [each.id for each in stored if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_name_means_one_thing() -> None:
    """The function of a command is called like the command: nothing imports it but the command line."""
    homes: dict[str, list[str]] = defaultdict(list)
    for name, tree in sources().items():
        if not name.startswith("cli.commands."):
            for public in public_names(tree):
                homes[public].append(name)
    assert {public: modules for public, modules in homes.items() if len(modules) > 1} == {}


def test_modules_and_functions_are_short_enough_to_be_read() -> None:
    long = {name for name, tree in sources().items() if _last_line(tree) > 450}
    functions = {
        f"{name}.{node.name}": size
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (size := (node.end_lineno or 0) - node.lineno + 1) > 45
    }
    assert (long, functions) == (set(), {})


def _last_line(tree: ast.Module) -> int:
    return max((node.end_lineno or 0 for node in tree.body), default=0)


def calls(tree: ast.Module) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def foreign(tree: ast.Module) -> set[str]:
    """The packages, other than ours, that a module imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
    return found


def test_only_the_command_line_prints_exits_and_reads_arguments() -> None:
    speaking = {"print", "input", "exit", "quit", "sys.exit", "os._exit", "SystemExit", "breakpoint"}
    streams = {"sys.stdout", "sys.stderr", "sys.stdin", "sys.argv"}
    found = {}
    for name, tree in sources().items():
        attributes = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        raised = {ast.unparse(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc}
        clicked = {package for package in foreign(tree) if package.partition(".")[0] == "click"}
        ends = {"os._exit"} if name == "pipeline.workers" else set()  # a copy of this process, when its work is done
        wrong = ((calls(tree) | raised) & (speaking - ends)) | (attributes & streams) | clicked
        if wrong and room(name) != "cli":
            found[name] = wrong
    assert found == {}


def test_only_one_module_starts_processes() -> None:
    starting = re.compile(r"os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*)")
    packages = {"subprocess", "multiprocessing", "pty", "concurrent.futures"}
    found = {
        name
        for name, tree in sources().items()
        if foreign(tree) & packages or any(map(starting.fullmatch, calls(tree)))
    }
    assert found == {"tools.processes", "pipeline.workers"}


def test_dataclasses_are_those_that_cost_little_to_define() -> None:
    """`from modelfleet.records import dataclass`: the standard ones cost every start half a millisecond each."""
    found = [
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "dataclasses"
        and "dataclass" in {one.name for one in node.names}
    ]
    assert found == ["records"]


def test_nothing_swallows_every_exception() -> None:
    found = set()
    for name, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception"):
                found.add(name)
    assert found == {"cli.main"}, "where a bug of ours is confessed, and nowhere else"


# ---- versions are data

VERSION = re.compile(r"(?:rhoai-?)?[23]\.\d{1,2}(?:\.\d+)?", re.IGNORECASE)
RELEASE = re.compile(r"rhoai-?\d", re.IGNORECASE)


def told_to_users(tree: ast.Module) -> set[int]:
    """The strings that explain something: an option's help, a rule's title."""
    words = ("help", "title")
    return {
        id(keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in words
    }


def test_no_version_of_the_product_stands_in_python() -> None:
    found = [
        f"{name}:{node.lineno}: {node.value!r}"
        for name, tree in sources().items()
        for told in [told_to_users(tree)]
        for node in literals(tree)
        if id(node) not in told
        if VERSION.fullmatch(str(node.value)) or RELEASE.search(str(node.value))
    ]
    assert found == []


NAMED = re.compile(r"(?:^|[._])release(?:_name|\.name|\.title)$")
"""What a release is called: for looking up and for showing."""


def comparisons(tree: ast.Module) -> Iterator[ast.AST]:
    """Where something depends on what a release is called, other than whether there is one of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
            looked_up = all(isinstance(how, ast.Is | ast.IsNot | ast.In | ast.NotIn) for how in node.ops)
            ordered = any(isinstance(how, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for how in node.ops)
            sorted_by = ordered and any("release" in side and ".forms" not in side for side in sides)
            if sorted_by or (any(map(NAMED.search, sides)) and not looked_up):
                yield node
        elif isinstance(node, ast.Match) and NAMED.search(ast.unparse(node.subject)):
            yield node.subject
        elif isinstance(node, ast.Attribute) and NAMED.search(ast.unparse(node.value)):
            yield node  # such as release.name.startswith


def test_no_version_is_compared_in_python() -> None:
    found = [
        f"{name}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"
        for name, tree in sources().items()
        for node in comparisons(tree)
    ]
    assert found == []


def test_a_comparison_would_be_noticed() -> None:
    code = "if release.name == x: pass\nif environment.release.name.startswith(x): pass\nif x < release_name: pass\n"
    assert len(list(comparisons(ast.parse(code)))) == 3
    assert list(comparisons(ast.parse("x = release_name in known\nif environment.release is None: pass\n"))) == []


@pytest.mark.parametrize("path", sorted((REPOSITORY / "templates").rglob("*.j2")), ids=lambda path: path.name)
def test_a_template_knows_no_version(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"rhoai|release|\b[23]\.\d+", re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)) == []


# ---- findings

CODE = re.compile(r"[A-Z]{2,5}\d{3}")
OWNERS = {
    "YAML": {"spec"},
    "SPEC": {"spec"},
    "SEC": {"spec"},
    "OUT": {"tree", "report", "cli"},
    "VER": {"verify", "tools"},
    "PLAN": {"plan"},
    "OWN": {"pipeline", "rules"},
    "PATCH": {"render", "rules"},
}
"""The rooms that use the codes with these letters; all other codes belong to rules."""


def declared() -> list[str]:
    """The code of every rule."""
    on_specs = (rule for rules in judge.spec_rules().values() for rule in rules)
    return [rule.code for rule in (*on_specs, *declared_rules())]


def test_a_code_is_declared_by_one_rule_or_used_by_one_module() -> None:
    assert sorted(set(declared())) == sorted(declared())
    used: dict[str, set[str]] = defaultdict(set)
    for name, tree in sources().items():
        for node in literals(tree):
            if CODE.fullmatch(str(node.value)):
                used[str(node.value)].add(name)
    homes = {
        code: {room(name) for name in names if room(name) not in ("cli", "reference")} for code, names in used.items()
    }
    assert {code: used[code] for code, found in homes.items() if len(found) > 1} == {}


def test_a_codes_letters_say_where_it_comes_from() -> None:
    strangers = {
        f"{match[0]} in {name}"
        for name, tree in sources().items()
        for node in literals(tree)
        if (match := re.fullmatch(r"([A-Z]{2,5})\d{3}", str(node.value)))
        if room(name) not in OWNERS.get(match[1], {room(name)})
    }
    assert strangers == set()


def test_every_code_of_a_rule_has_its_reasons_on_file() -> None:
    written = {path.stem for path in (DATA / "rules").glob("*.yaml")} - {"base"}
    assert set(declared()) - written == set()


# ---- files


def test_no_file_names_a_machine() -> None:
    """Neither where this checkout stands nor anybody's home; a container's own paths are none of a machine."""
    home = re.compile(r"(?<![\w.*}/~-])/(?:work|home|root|Users)/\w|\.\./shared")
    here = [re.compile(rf"(?<![\w}}]){re.escape(str(place))}/") for place in (REPOSITORY, Path.home())]
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        lines = (line for line in text.splitlines() if home.search(line) or any(place.search(line) for place in here))
        found += [f"{path.relative_to(REPOSITORY)}: {line.strip()[:100]}" for line in lines]
    assert found == []


def test_no_file_names_an_index_of_packages() -> None:
    locks = [path for path in tracked() if path.name.startswith("requirements")]
    assert locks
    found = [
        path.name
        for path in locks
        if re.search(r"--(?:extra-)?index-url|--find-links|https?://", path.read_text("utf-8"))
    ]
    assert found == []


def test_tools_are_pinned() -> None:
    assert set(toolbox.pinned()["tools"]) >= {*tools.VERIFY_TOOLS, "oldest-kustomize"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", entry["version"]) for entry in toolbox.pinned()["tools"].values())
