"""What is known of a model's weights, as far as its memory follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from modelfleet.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Facts of a model that its memory is worked out with; None: not known."""

    parameters: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    layers: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    hidden: int | None = None
    intermediate: int | None = None
    vocab: int | None = None
    tied_embeddings: bool = False
    context_max: int | None = None
    source: str | None = None
    """The file in `models/` that has the facts, where they are not written here."""


def weights_from(written: Mapping[str, Any] | None) -> Weights | None:
    """The facts of a model; None where none are written."""
    if written is None:
        return None
    named = {field.name: written.get(_camel(field.name)) for field in fields(Weights)}
    named["source"] = written.get("from")
    return Weights(**{name: value for name, value in named.items() if value is not None})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
