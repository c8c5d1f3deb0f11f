"""`models/<id>.yaml` from a model's own `config.json` and the index of its safetensors; nothing is downloaded.

Comments of the user's stay, and so do facts that the files do not tell.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from modelfleet.admit.admit import ManifestFile, gather
from modelfleet.capacity.config_json import facts_of_config
from modelfleet.finding import Finding, Location, Rejected
from modelfleet.importer.write import plain, round_trip
from modelfleet.kubernetes.objects import mapping
from modelfleet.records import dataclass
from modelfleet.spec import secrets
from modelfleet.spec.load import parse, read_document
from modelfleet.spec.schema import validate
from modelfleet.wording import listed, printable

CONFIG, INDEX = "config.json", "model.safetensors.index.json"
_NEW = "# yaml-language-server: $schema=../schemas/model.schema.json\nversion: 1\n"
_NEEDED = ("parameters", "layers", "heads", "headDim", "hidden", "intermediate", "vocab", "contextMax")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFactsImport:
    """The file of a model's facts. `new` and `changed` are by fact; `open` are those that still count as an upper bound."""

    file: str
    content: str
    counted: bool
    new: Mapping[str, Any]
    changed: Mapping[str, tuple[Any, Any]]
    open: tuple[str, ...]
    quantized_as: str | None
    """A way of quantizing that the memory cannot be worked out with, as config.json names it."""


def model_facts_import(  # noqa: PLR0913 - one parameter an option
    root: Path, name: str, sources: Sequence[str], stdin: Callable[[], bytes], source: str | None, revision: str | None
) -> ModelFactsImport:
    """Reads the files of a model. Raises Rejected for what is not one, MachineFailed where one cannot be read."""
    config, index, at = _files(gather(list(_named(sources)), None, stdin))
    told = facts_of_config(config, index)
    if not told:
        _refuse(at, "it holds no fact of a language model", f"name the {CONFIG} of the model's repository")
    facts = {**told, **{key: value for key, value in (("source", source), ("revision", revision)) if value}}
    file = f"models/{name}.yaml"
    yaml = round_trip()
    document = yaml.load(read_document(root, file).text if (root / file).is_file() else _NEW)
    before = plain(document)
    for key in ("source", "revision"):  # of other facts than these, if they are not named again
        if key not in facts and any(before.get(fact) != value for fact, value in facts.items()):
            document.pop(key, None)
    for fact, value in facts.items():
        if before.get(fact) != value:
            document[fact] = value
    written = io.StringIO()
    yaml.dump(document, written)
    parsed = parse(written.getvalue().encode(), file)
    if wrong := [*validate(parsed, "model"), *secrets.scan(parsed)]:
        raise Rejected(replace(found, at=Location(at), code="IMP001") for found in wrong)
    method = mapping(config.get("quantization_config")).get("quant_method")
    return ModelFactsImport(
        file=file,
        content=written.getvalue(),
        counted="parameters" in told and not mapping((index or {}).get("metadata")),
        new={fact: value for fact, value in facts.items() if fact not in before},
        changed={
            fact: (before[fact], value) for fact, value in facts.items() if fact in before and before[fact] != value
        },
        open=tuple(fact for fact in _NEEDED if fact not in parsed.data),
        quantized_as=str(method) if method and "quantization" not in told else None,
    )


def _named(sources: Iterable[str]) -> Iterable[str]:
    """The files themselves; of a folder the two that a model's repository has."""
    for source in sources:
        if source != "-" and Path(source).is_dir():
            yield from (
                str(path) for name in (CONFIG, INDEX) if (path := Path(source) / name).is_file() or name == CONFIG
            )
        else:
            yield source


def _files(given: Iterable[ManifestFile]) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, str]:
    """The configuration, the index if there is one, and the file of the first."""
    configs: dict[str, Mapping[str, Any]] = {}
    indexes: dict[str, Mapping[str, Any]] = {}
    for one in given:
        data = _json(one)
        (indexes if "weight_map" in data else configs)[one.file] = data
    for found, what in ((configs, "configuration"), (indexes, "index")):
        if len(found) > 1:
            _refuse(
                list(found)[1],
                f"{printable(listed(list(found)))} are each the {what} of a model",
                "name one model's files",
            )
    if not configs:
        _refuse(next(iter(indexes)), "it is the index of the weights alone", f"name {CONFIG} beside it")
    file, config = next(iter(configs.items()))
    return config, next(iter(indexes.values()), None), file


def _json(one: ManifestFile) -> Mapping[str, Any]:
    try:
        data = json.loads(one.content)
    except json.JSONDecodeError as error:
        _refuse(one.file, f"it is not valid JSON: {error.msg}", line=error.lineno, column=error.colno)
    except (UnicodeDecodeError, ValueError, RecursionError):
        _refuse(one.file, "it is not valid JSON")
    if not isinstance(data, dict):
        _refuse(one.file, "it is not a JSON object", f"name the {CONFIG} of the model's repository")
    return data


def _refuse(file: str, message: str, hint: str = "", line: int = 1, column: int = 1) -> NoReturn:
    raise Rejected([Finding(at=Location(file, line, column), code="IMP001", message=message, hint=hint)])
