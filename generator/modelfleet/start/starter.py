"""The files that a new repository begins with: those of `data/start/`, with names put into them.

In a path and in a text `%%{name}` stands for an answer, and `dot-` at the beginning of a name for a dot. The workflows for GitHub
are this project's own, with another way to install the tool.
"""

from __future__ import annotations

import json
import re
import string
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelfleet.finding import Rejected
from modelfleet.kubernetes import emit
from modelfleet.packaged import packaged, packaged_data
from modelfleet.pipeline.fleet import fleet
from modelfleet.records import dataclass
from modelfleet.render import argocd
from modelfleet.resolve import catalog
from modelfleet.start.editor_schemas import SCHEMA_FILES, CompletedNames, editor_schema, names_of

CI_SYSTEMS = ("github", "gitlab", "none")
"""Whose pipelines can be written."""

_WORKFLOWS = ("pull-request.yml", "comment.yml", "main.yml")
_OWNERS = {"github": ".github/CODEOWNERS", "gitlab": "CODEOWNERS", "none": "CODEOWNERS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterAnswers:
    """What a new repository is to be like; `requirement` is what pip installs the tool by."""

    environment: str
    project: str
    kind: str
    release: str
    apps_domain: str
    repository_url: str
    ci: str
    requirement: str


class _Template(string.Template):
    delimiter = "%%"


def starter_kinds() -> tuple[str, ...]:
    """The kinds of project that a repository can begin with."""
    return tuple(sorted(folder.name for folder in (_data() / "kinds").iterdir()))


def starter_files(answers: StarterAnswers, *, with_specs: bool = True) -> dict[str, str]:
    """The files of a new repository by path; without specs those that stand around what is there already."""
    data = _data()
    words = {name: emit.dump(value).rstrip("\n") for name, value in asdict(answers).items()}
    words |= {name: getattr(answers, name) for name in ("repository_url", "requirement")}  # they stand between quotes
    words["argocd_version"] = argocd.versions()[-1]
    known = catalog.release(answers.release).capabilities
    profiles = "acceleratorProfiles" if known["acceleratorProfiles"] else "hardwareProfiles"
    words["profile"] = packaged_data("start/accelerator")[profiles]
    folders = [data / "repository", data / "kinds" / answers.kind, data / "ci" / answers.ci]
    texts = {path: text for folder in folders for path, text in _texts(folder, answers)}
    if answers.ci == "github":
        texts |= {f".github/workflows/{name}": _workflow(name) for name in _WORKFLOWS}
    texts[_OWNERS[answers.ci]] = (data / "CODEOWNERS").read_text("utf-8")
    found = {path: _Template(text).substitute(words) for path, text in texts.items()}
    names = _names_in(found) if with_specs else CompletedNames()
    for kind, file in SCHEMA_FILES.items():
        found[f"schemas/{file}"] = editor_schema(kind, names)
    return {path: text for path, text in sorted(found.items()) if with_specs or not _is_spec(path)}


def check_starter(files: Mapping[str, str]) -> None:
    """Raises `Rejected` where `check` would refuse what is to be written."""
    with _laid_out(files) as root:
        fleet(root)


def _names_in(files: Mapping[str, str]) -> CompletedNames:
    """What an editor completes in the specs that are to be written; nothing where they will be refused."""
    try:
        with _laid_out(files) as root:
            return names_of(root)
    except Rejected:
        return CompletedNames()


@contextmanager
def _laid_out(files: Mapping[str, str]) -> Iterator[Path]:
    """The specs among the files in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in files.items():
            if _is_spec(path):
                (root / path).parent.mkdir(exist_ok=True)
                (root / path).write_text(text, "utf-8")
        yield root


def wrong_answer(name: str, answer: str) -> str:
    """What is wrong with an answer, in the words of the schema that its place in the file has; empty if nothing is."""
    schema = json.loads((packaged("schemas") / "environment.schema.json").read_text("utf-8"))
    rules: Mapping[str, Mapping[str, Any]] = {
        "environment": schema["$defs"]["label"],
        "project": schema["$defs"]["label"],
        "apps_domain": schema["$defs"]["host"],
        "repository_url": schema["properties"]["argocd"]["properties"]["repoURL"],
    }
    rule = rules[name]
    if re.fullmatch(rule["pattern"], answer) and len(answer) <= rule["maxLength"]:
        return ""
    what = "that" if "@" in answer else repr(answer)  # an address may hold a password
    return f"{what} {rule['x-message']}; {rule['x-hint']}"


def _data() -> Path:
    return packaged("data") / "start"


def _is_spec(path: str) -> bool:
    return path.startswith(("projects/", "environments/"))


def _texts(folder: Path, answers: StarterAnswers) -> Iterator[tuple[str, str]]:
    named = {"ENVIRONMENT.yaml": f"{answers.environment}.yaml", "PROJECT.yaml": f"{answers.project}.yaml"}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            steps = path.relative_to(folder).parts
            dotted = [f".{step[4:]}" if step.startswith("dot-") else step for step in steps]
            yield "/".join([*dotted[:-1], named.get(dotted[-1], dotted[-1])]), path.read_text("utf-8")


def _workflow(name: str) -> str:
    """A workflow of this project's own example; what `make` does there, pip does elsewhere."""
    text = (packaged(".github") / "workflows" / name).read_text("utf-8")
    install = '|\n          python -m venv .venv\n          .venv/bin/pip install --quiet "%%{requirement}"'
    return text.replace("run: make setup", f"run: {install}")
