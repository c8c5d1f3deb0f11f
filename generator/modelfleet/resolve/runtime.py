"""Serving runtimes as they can be chosen, and what is known of the programs in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from modelfleet.finding import Pointer
from modelfleet.kubernetes.names import DISPLAY_NAME
from modelfleet.kubernetes.objects import Object
from modelfleet.records import dataclass
from modelfleet.resolve.option_tables import OptionParser, option_parser

if TYPE_CHECKING:
    from modelfleet.spec.load import Document

SERVING_CONTAINER = "kserve-container"
"""The container of a ServingRuntime that serves, over which KServe lays that of the model."""


@dataclass(frozen=True, slots=True)
class Format:
    """A model format that a runtime serves."""

    name: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.name}-{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What is known of the program that serves, whatever runtime wraps it; `version` is None where nothing tells it."""

    name: str
    facts: Mapping[str, Any]
    version: str | None = None

    @property
    def reserved_args(self) -> Mapping[str, str]:
        """Options that are set already, and why they are refused."""
        found: Mapping[str, str] = self.facts["reservedArgs"]
        return found

    @property
    def load_metrics(self) -> Mapping[str, str]:
        """Queries for the load that it tells of, by measure."""
        found: Mapping[str, str] = self.facts["loadMetrics"]
        return found

    @property
    def layout(self) -> Mapping[str, Any] | None:
        """Where it looks for a model below the folder that it is given; None where it takes any file."""
        found: Mapping[str, Any] | None = self.facts["layout"]
        return found

    @property
    def parser(self) -> OptionParser | None:
        """What reads its command line, where that is known."""
        name = self.facts["parser"]
        return option_parser(name, self.version) if name else None

    def option(self, arg: str) -> str:
        """The option of an argument as its parser understands it: in full, for a short name or an abbreviation too."""
        name, parser = arg.partition("=")[0], self.parser
        return name if parser is None else _in_full(parser, name)

    def passed(self, words: Iterable[str]) -> dict[str, str]:
        """The options in the words of a command, scripts among them, with their values; of two alike the last counts."""
        return dict(_passed(self.parser, tuple(words)))


_MODULE = "-m"  # an option of Python's own, in front of the module that serves


@lru_cache(maxsize=4096)
def _in_full(parser: OptionParser, name: str) -> str:
    named = parser.named(name)
    return named[0] if len(named) == 1 else parser.spelling(name)


@lru_cache(maxsize=1024)
def _passed(parser: OptionParser | None, words: tuple[str, ...]) -> Mapping[str, str]:
    parts = [part for word in words for part in ([word] if word.startswith("-") else word.split())]
    found = {}
    for index, part in enumerate(parts):
        if part.startswith("-") and part != _MODULE:
            name, equals, value = part.partition("=")
            following = parts[index + 1] if index + 1 < len(parts) else ""
            option = name if parser is None else _in_full(parser, name)
            found[option] = value if equals else "" if following.startswith("-") else following
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A serving runtime that can be chosen by name: of the release's catalogue, or the user's own.

    `object` is the ServingRuntime (or LLMInferenceServiceConfig) as it stands in its template. `images` are those that are
    chosen for its containers. `document` is a user's own file, `pointer` says where in it the object stands.
    """

    name: str
    object: Object
    engine: Engine
    template_name: str
    api_protocol: str | None
    platforms: frozenset[str]
    accelerator: Literal["required", "optional", "none"]
    model_types: tuple[str, ...]
    images: Mapping[str, str] = field(default_factory=dict)
    document: Document | None = None
    pointer: Pointer = ()

    @property
    def kind(self) -> str:
        """ServingRuntime or LLMInferenceServiceConfig."""
        return str(self.object["kind"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """The runtime's spec."""
        return self.object.get("spec") or {}

    @property
    def display_name(self) -> str:
        """The display name, or the resource name where it has none."""
        return str((self.object["metadata"].get("annotations") or {}).get(DISPLAY_NAME) or self.name)

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it serves, in the order of its list."""
        listed = self.spec.get("supportedModelFormats") or ()
        found = (Format(str(item["name"]), _text(item.get("version"))) for item in listed)
        return tuple(dict.fromkeys(found))

    @property
    def containers(self) -> tuple[Mapping[str, Any], ...]:
        """Its containers, the worker's after the head's."""
        worker = self.spec.get("workerSpec") or {}
        return (*(self.spec.get("containers") or ()), *(worker.get("containers") or ()))

    @property
    def serving(self) -> Mapping[str, Any]:
        """The container that serves; empty where none has its name."""
        return next((container for container in self.containers if container.get("name") == SERVING_CONTAINER), {})

    @property
    def words(self) -> tuple[str, ...]:
        """The command line of the container that serves."""
        container = self.serving
        return tuple(str(word) for part in ("command", "args") for word in container.get(part) or ())

    @property
    def passed(self) -> dict[str, str]:
        """The options that the container really sets, with their values."""
        return self.engine.passed(self.words)

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables that its containers set."""
        return frozenset(
            str(entry.get("name")) for container in self.containers for entry in container.get("env") or ()
        )

    @property
    def port(self) -> int:
        """The port to which the Service of a model leads: the first that is declared, else KServe's default."""
        containers = {container.get("name"): container for container in self.containers}
        leading = containers.get("transformer-container") or self.serving
        return next((port["containerPort"] for port in leading.get("ports") or () if "containerPort" in port), 8080)

    @property
    def multi_node(self) -> bool:
        """Whether it can spread one model over several nodes."""
        return bool(self.spec.get("workerSpec"))

    @property
    def multi_model(self) -> bool:
        """Whether it is a ModelMesh runtime."""
        return bool(self.spec.get("multiModel"))

    @property
    def recommended(self) -> tuple[str, ...]:
        """The identifiers of the accelerators that it is made for."""
        annotations = self.object["metadata"].get("annotations") or {}
        return json_list(annotations.get("opendatahub.io/recommended-accelerators"))


def json_list(text: Any) -> tuple[str, ...]:
    """The strings of a JSON list in an annotation; none where it is something else."""
    try:
        found = json.loads(text) if isinstance(text, str) else ()
    except ValueError:
        return ()
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
