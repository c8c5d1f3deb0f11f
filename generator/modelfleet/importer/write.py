"""The hand-written files that an import makes or adds to. What a user wrote in them, comments too, stays."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from modelfleet.finding import MachineFailed
from modelfleet.importer.project import beside_object
from modelfleet.importer.result import ProjectImport
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import same_value
from modelfleet.layout import CRDS
from modelfleet.spec.merge import replaced_whole
from modelfleet.wording import printable

_SCHEMA = "# yaml-language-server: $schema=../schemas/{kind}.schema.json\n"
_HEAD = ("version", "environments")


def import_files(result: ProjectImport, environment: str, existing: str | None = None) -> dict[str, str]:
    """The content of each file of a project's import, by its path."""
    spec = f"projects/{result.name}.yaml"
    files = {
        spec: _with_environment(existing, result.spec, environment) if existing else _new(result.spec, environment)
    }
    for name, item in result.runtimes.items():
        files[f"runtimes/{environment}/{name}.yaml"] = emit.dump(item)
    for stem, definition in result.definitions.written.items():
        files[f"{CRDS}/{stem}.yaml"] = definition.content()
    for stem, one in result.beside.items():
        files[f"objects/{result.name}/{environment}/{stem}.yaml"] = emit.dump(beside_object(one))
    return files


def _new(spec: Mapping[str, Any], environment: str) -> str:
    return _SCHEMA.format(kind="project") + emit.dump({**spec, "environments": {environment: {}}})


def _with_environment(text: str, spec: Mapping[str, Any], environment: str) -> str:
    """The project's file with what is otherwise in this environment under `environments`."""
    yaml = round_trip()
    document = yaml.load(text)
    shared = {key: value for key, value in plain(document).items() if key not in _HEAD}
    wanted = {key: value for key, value in spec.items() if key not in _HEAD}
    over = _override(shared, wanted, replaced_whole("project"))
    if document.get("environments") is None:
        document["environments"] = yaml.load("{}")
    document["environments"][environment] = yaml.load(emit.dump(over) if over else "{}")
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _override(shared: Mapping[str, Any], wanted: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be laid over the shared part so that it becomes what is wanted; null removes an entry."""
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        below = whole.get(key, whole.get("*"))
        old = shared.get(key)
        if same_value(old, value):
            continue
        replaced = below == {} and key in whole
        if isinstance(old, dict) and isinstance(value, dict) and not replaced:
            found[key] = _override(old, value, below or {})
        else:
            found[key] = deepcopy(value)
    found |= {key: None for key, value in shared.items() if key not in wanted and value is not None}
    return found


def round_trip() -> Any:
    """The reader and writer that keeps comments, order and quotes."""
    from ruamel.yaml import YAML  # of use to this command alone

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    return yaml


def plain(value: Any) -> Any:
    """What was read with its comments, as plain data."""
    if isinstance(value, dict):
        return {str(key): plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    if isinstance(value, bool) or value is None:
        return value
    return next((kind(value) for kind in (int, float, str) if isinstance(value, kind)), value)


def written_files(root: Path, files: Mapping[str, str]) -> list[str]:
    """Writes what is not there already, each file whole or not at all; the paths of those that changed.

    Raises MachineFailed where one cannot be written.
    """
    changed = []
    for file, content in files.items():
        path = root / file
        try:
            if path.is_file() and path.read_text(encoding="utf-8") == content:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".modelfleet-", suffix=".tmp")
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
            Path(scratch).chmod(0o644)
            Path(scratch).replace(path)
        except OSError as error:
            message = f"cannot write {printable(file)}: {error.strerror}"
            raise MachineFailed(message) from error
        changed.append(file)
    return changed
