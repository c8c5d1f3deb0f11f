"""What is published: the same bytes from two builds, whole, and runnable on its own; and the file of the container."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from console import REPOSITORY
from modelfleet import __version__
from modelfleet.start.requirement import PLACEHOLDER, requirement_of

WHEEL = f"modelfleet-{__version__}-py3-none-any.whl"
SOURCE = f"modelfleet-{__version__}.tar.gz"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def two_builds() -> tuple[dict[str, bytes], dict[str, bytes]]:
    found: tuple[dict[str, bytes], dict[str, bytes]] = script("build_twice").build_twice()
    return found


def test_two_builds_have_the_same_bytes() -> None:
    one, two = two_builds()
    assert sorted(one) == [WHEEL, SOURCE]
    assert {name: len(content) for name, content in one.items()} == {
        name: len(content) for name, content in two.items()
    }
    assert one == two


def test_the_wheel_runs_on_its_own(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(two_builds()[0][WHEEL])) as archive:
        archive.extractall(tmp_path / "site")
    run = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import modelfleet.cli.main as m; m.main()",
    ]
    begun = subprocess.run(
        [*run, "init", "--defaults", str(tmp_path / "models")], capture_output=True, check=False, text=True
    )
    assert (begun.returncode, begun.stderr) == (0, "")
    checked = subprocess.run(
        [*run, "--root", str(tmp_path / "models"), "check"], capture_output=True, check=False, text=True
    )
    assert checked.stdout.startswith("1 project in 1 environment: 1 model, 2 objects; all specs are valid\n")


def test_the_wheel_holds_what_is_made_of_its_data_templates_and_schemas(tmp_path: Path) -> None:
    """A container cannot write into it, so what is not there would be made at every start."""
    with zipfile.ZipFile(io.BytesIO(two_builds()[0][WHEEL])) as archive:
        archive.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.dont_write_bytecode = True; import modelfleet.packaged as p;"
        "from pathlib import Path; from modelfleet.render.compile import compiled; data = p.packaged('data');"
        "names = [str(path.relative_to(data))[:-5] for path in data.rglob('*.yaml') if 'start' not in path.parts];"
        "templates = list(p.packaged('templates').rglob('*.j2'));"
        "print(*map(bool, map(p.packaged_data, names)), *(bool(compiled(path, path.read_bytes())) for path in templates));"
        "import modelfleet.spec.schema as s; s._bare = None;"
        "schemas = [path.name.removesuffix('.schema.json') for path in p.packaged('schemas').glob('*.json')];"
        "print(*map(bool, map(s.bare_schema, schemas)));"
        "print({'yaml', 'jinja2'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, text=True)
    made, bare, loaded = done.stdout.splitlines()
    assert ({*made.split()}, len(made.split()) > 200, loaded) == ({"True"}, True, "set()")
    assert ({*bare.split()}, len(bare.split()) > 20) == ({"True"}, True)


def test_the_source_archive_builds_the_same_wheel(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(two_builds()[0][SOURCE])) as archive:
        archive.extractall(tmp_path, filter="data")
        epoch = str(max(member.mtime for member in archive.getmembers()))
    found = script("build_twice").built(tmp_path / SOURCE.removesuffix(".tar.gz"), {"SOURCE_DATE_EPOCH": epoch})
    assert found[WHEEL] == two_builds()[0][WHEEL]


# ---- what a pipeline installs


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (
            {"url": "https://git.acme.example/ml/modelfleet", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"modelfleet @ git+https://git.acme.example/ml/modelfleet@{COMMIT}",
        ),
        (
            {"url": "ssh://git@git.acme.example/ml/modelfleet.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"modelfleet @ git+ssh://git@git.acme.example/ml/modelfleet.git@{COMMIT}",
        ),
        ({"url": "https://me:secret@git.acme.example/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, PLACEHOLDER),
        ({"url": "https://token@git.acme.example/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, PLACEHOLDER),
        ({"url": "https://git.acme.example/x", "vcs_info": {"vcs": "git", "commit_id": "main"}}, PLACEHOLDER),
        ({"url": 'https://git.acme.example/x"; rm', "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, PLACEHOLDER),
        ({"url": "file:///home/me/modelfleet", "dir_info": {"editable": True}}, PLACEHOLDER),
        ({"url": "https://files.acme.example/modelfleet.whl", "archive_info": {}}, PLACEHOLDER),
        ({"url": 1, "vcs_info": []}, PLACEHOLDER),
        ([], PLACEHOLDER),
    ],
)
def test_a_pipeline_installs_what_this_was_installed_from(origin: object, requirement: str) -> None:
    assert requirement_of(json.dumps(origin)) == requirement
    assert requirement_of("no json") == PLACEHOLDER


# ---- the container


def test_the_container_copies_what_there_is_and_what_is_not_ignored() -> None:
    text = (REPOSITORY / "Containerfile").read_text("utf-8")
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    assert {name for name in copied if not (REPOSITORY / name).exists()} == set()
    kept = {
        line[1:] for line in (REPOSITORY / ".containerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    assert kept == copied
    needed = re.findall(
        r'^"?([^"\s]+)"? = "modelfleet/', (REPOSITORY / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert set(needed) <= copied


def test_the_tools_of_the_container_are_the_pinned_ones(tmp_path: Path, real_tools: object) -> None:
    words = [sys.executable, str(REPOSITORY / "scripts" / "install_tools.py"), str(tmp_path)]
    ran = subprocess.run(words, capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kubeconform", "kustomize"]
    said = subprocess.run([tmp_path / "kustomize", "version"], capture_output=True, check=True, text=True).stdout
    assert said.strip().startswith("v")
