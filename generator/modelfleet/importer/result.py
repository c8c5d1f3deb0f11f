"""What an import makes, as plain values."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from modelfleet.finding import Pointer
from modelfleet.importer.definitions import Definitions
from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes.objects import Object
from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportDifference:
    """What of an object will not be as it was given: the object, the field (empty for all of it), and why or how."""

    label: str
    path: str = ""
    sentence: str = ""


@dataclass(slots=True, kw_only=True)
class ProjectImport:
    """What an import makes: a spec, files of runtimes and of objects by name; and what it leaves out.

    `kept` are Secrets whose values stay in the cluster, `older` objects whose predictor names its framework,
    `wanted` the given objects that the project is held against.
    `unsaid` are values that the spec cannot say and patches perhaps can; `refused_steps` are those that no patch may take, by
    entry, kind and path (None: any).
    """

    name: str
    namespace: str
    spec: dict[str, Any]
    runtimes: dict[str, Object] = field(default_factory=dict)
    beside: dict[str, GivenObject] = field(default_factory=dict)
    wanted: dict[tuple[str, str], GivenObject] = field(default_factory=dict)
    differences: list[ImportDifference] = field(default_factory=list)
    unsaid: list[ImportDifference] = field(default_factory=list)
    kept: list[GivenObject] = field(default_factory=list)
    older: list[str] = field(default_factory=list)
    definitions: Definitions = field(default_factory=Definitions)
    refused_steps: set[tuple[Pointer, str, str | None]] = field(default_factory=set)
