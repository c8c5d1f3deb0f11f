"""Requests that fit a model, made from what it says of itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelfleet.records import dataclass

MAX_ELEMENTS = 4_000_000
"""A request of more numbers than this is not made up."""

SAMPLE_TEXT = "Hello"


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """A tensor that a model takes; sizes that are left open are negative."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @property
    def filled(self) -> tuple[int, ...]:
        """The shape with 1 for every size that is left open."""
        return tuple(size if size > 0 else 1 for size in self.shape) or (1,)

    @property
    def elements(self) -> int:
        """How many values it holds."""
        return math.prod(self.filled)

    @property
    def zero(self) -> Any:
        """The value that it is filled with."""
        return SAMPLE_TEXT if self.datatype == "BYTES" else False if self.datatype == "BOOL" else 0


def tensors_of(metadata: Any) -> list[TensorFacts]:
    """The inputs that a model's metadata name; none where they name none, or not in the form of the protocol."""
    inputs = metadata.get("inputs") if isinstance(metadata, Mapping) else None
    return [fact for item in (inputs if isinstance(inputs, Sequence) else ()) for fact in _tensor(item)]


def _tensor(item: Any) -> Iterable[TensorFacts]:
    if not isinstance(item, Mapping):
        return
    shape = item.get("shape")
    try:
        sizes = tuple(int(size) for size in (shape if isinstance(shape, list) else ()))
    except (TypeError, ValueError):
        return
    if isinstance(item.get("name"), str) and isinstance(item.get("datatype"), str):
        yield TensorFacts(item["name"], item["datatype"], sizes)


def infer_request(tensors: Sequence[TensorFacts]) -> dict[str, Any]:
    """A request of the v2 protocol: zeros in every input."""
    return {
        "inputs": [
            {
                "name": tensor.name,
                "shape": list(tensor.filled),
                "datatype": tensor.datatype,
                "data": [tensor.zero] * tensor.elements,
            }
            for tensor in tensors
        ]
    }


def openai_request(task: str, model: str) -> dict[str, Any]:
    """A request of the OpenAI protocol that asks for a few words."""
    if task == "chat":
        return {"model": model, "messages": [{"role": "user", "content": SAMPLE_TEXT}], "max_tokens": 8}
    if task == "completions":
        return {"model": model, "prompt": SAMPLE_TEXT, "max_tokens": 8}
    return {"model": model, "input": SAMPLE_TEXT}


def caikit_request(model: str) -> dict[str, Any]:
    """A request of Caikit's REST interface."""
    return {"model_id": model, "inputs": SAMPLE_TEXT}


def detector_request() -> dict[str, Any]:
    """A request to a detector of guardrails."""
    return {"contents": [SAMPLE_TEXT], "detector_params": {}}
