"""The memory of a GPU: weights, KV cache and activations of a model that vLLM serves, and the longest context that fits.

Plain arithmetic on the facts of a model, the options of the engine and the size of the GPU; amounts are bytes on each GPU. A fact
that is not written is replaced by a bound that is named in `assumed`, and where there is none, what depends on it stays None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from modelfleet.kubernetes.quantity import quantity_value
from modelfleet.packaged import packaged_data
from modelfleet.records import dataclass
from modelfleet.resolve.weights import Weights

GIB = 2**30


@lru_cache(maxsize=1)
def memory_data() -> Mapping[str, Any]:
    """What was measured, and the engine's defaults (`data/memory.yaml`)."""
    found: Mapping[str, Any] = packaged_data("memory")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the arguments of a container say of memory. None: not said."""

    tensor: int = 1
    pipeline: int = 1
    max_model_len: int | None = None
    longest_that_fits: bool = False
    utilization: float | None = None
    dtype: str | None = None
    kv_bytes: int | None = None
    quantization: str | None = None
    sequences: int | None = None
    batched_tokens: int | None = None
    chunked: bool = False
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU: its usable memory in bytes, and its compute capability where that is known."""

    memory: int
    capability: str | None = None

    @property
    def largest(self) -> bool:
        """Whether the engine takes on more at once than on others."""
        largest = memory_data()["defaults"]["largest"]
        return self.memory >= quantity_value(largest["from"]) and self.capability != largest["notCapability"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFit:
    """What one GPU of a model holds, in bytes; `fits` is the best estimate, `near` that it may go either way."""

    memory: int
    reserved: float
    weights: float
    activations: float
    overhead: float
    kv_cache: float
    token_bytes: float | None
    tokens: int | None
    longest: int | None
    context: int | None
    sequences: float | None
    fits: bool | None
    near: bool
    assumed: tuple[str, ...]

    @property
    def needed(self) -> float | None:
        """The KV cache of one sequence as long as the context."""
        return None if self.token_bytes is None or self.context is None else self.token_bytes * self.context


def memory_fit(model: Weights, engine: EngineOptions, gpu: Gpu) -> MemoryFit | None:
    """What one GPU of the model holds; None where not even the number of parameters is known."""
    if model.parameters is None or engine.undecided:
        return None
    known = _Known(model)
    reserved = gpu.memory * (engine.utilization or memory_data()["defaults"]["utilization"])
    parts = {
        "weights": _weights(known, engine),
        "activations": _activations(known, engine, gpu),
        "overhead": _overhead(engine, gpu),
    }
    kv_cache = reserved - sum(parts.values())
    each = _token_bytes(model, engine)
    block = memory_data()["defaults"]["blockTokens"]
    tokens = None if each is None else max(0, int(kv_cache / each)) // block * block
    context = engine.max_model_len or model.context_max
    wanted = block if engine.longest_that_fits else context
    fits, margin = _verdict(kv_cache, each, tokens, wanted)
    whole = memory_data()["defaults"]["smallest"]["wholePromptUpTo"]
    if fits and context is not None and context > whole and _reads_whole_prompts(engine, gpu):
        shorter = memory_fit(model, replace(engine, max_model_len=whole), gpu)
        fits = shorter is None or shorter.fits  # what no shorter context fits, a longer one does not either
    return MemoryFit(
        memory=gpu.memory,
        reserved=reserved,
        kv_cache=kv_cache,
        token_bytes=each,
        tokens=tokens,
        longest=None if tokens is None else min(tokens, model.context_max or tokens),
        context=context,
        sequences=None if not tokens or not context else tokens / context,
        fits=fits,
        near=margin is not None and abs(margin) < memory_data()["uncertainty"] * gpu.memory,
        assumed=tuple(known.assumed),
        **parts,
    )


def _verdict(
    kv_cache: float, each: float | None, tokens: int | None, context: int | None
) -> tuple[bool | None, float | None]:
    """Whether it fits, and by how many bytes (less than none where it does not)."""
    if each is not None and tokens is not None and context is not None:
        return tokens >= context, kv_cache - each * context
    # Without the cache's arithmetic only this is sure: where nothing is left beside the weights, nothing fits.
    return (False if kv_cache <= 0 else None), (kv_cache if kv_cache <= 0 else None)


class _Known:
    """The facts of a model, with a bound for each that is missing."""

    def __init__(self, model: Weights) -> None:
        self.model = model
        self.parameters = model.parameters or 0
        self.assumed: list[str] = []

    def _or(self, name: str, fact: int | None, bound: float) -> int:
        if fact is None and name not in self.assumed:
            self.assumed.append(name)
        return math.ceil(bound) if fact is None else fact

    @property
    def vocab(self) -> int:
        return self._or("vocab", self.model.vocab, memory_data()["bounds"]["vocab"])

    @property
    def hidden(self) -> int:
        model, bounds = self.model, memory_data()["bounds"]
        if model.hidden is None and model.heads and model.head_dim:
            return self._or("hidden", None, model.heads * model.head_dim)
        layers = (model.layers or 1) * bounds["layerParameters"]
        return self._or("hidden", model.hidden, math.sqrt(self.parameters / layers))

    @property
    def intermediate(self) -> int:
        return self._or("intermediate", self.model.intermediate, memory_data()["bounds"]["intermediate"] * self.hidden)

    @property
    def kept(self) -> int:
        """Parameters of embedding and head, which no quantisation touches."""
        return min(self.vocab * self.hidden * (1 if self.model.tied_embeddings else 2), self.parameters)


def _dtype_bytes(model: Weights, engine: EngineOptions) -> int:
    dtypes: Mapping[str, int] = memory_data()["dtypes"]
    return dtypes[engine.dtype or model.dtype or "bf16"]


def _weights(known: _Known, engine: EngineOptions) -> float:
    each = _dtype_bytes(known.model, engine)
    quantization = known.model.quantization
    if quantization in (None, "none"):
        quantization = engine.quantization
    packed = memory_data()["quantization"][quantization or "none"]["bytes"]
    if packed is None:
        whole = float(known.parameters * each)
    else:
        whole = (known.parameters - known.kept) * packed + known.kept * min(each, 2)
    return whole / engine.tensor / engine.pipeline


def _token_bytes(model: Weights, engine: EngineOptions) -> float | None:
    """Keys and values of one token on one GPU of the fullest stage; heads that are fewer than GPUs stand on each."""
    heads = model.kv_heads or model.heads
    width = model.head_dim or (model.hidden // model.heads if model.hidden and model.heads else None)
    if model.layers is None or heads is None or width is None:
        return None
    each = engine.kv_bytes or _dtype_bytes(model, engine)
    return 2 * math.ceil(model.layers / engine.pipeline) * max(1.0, heads / engine.tensor) * width * each


def _activations(known: _Known, engine: EngineOptions, gpu: Gpu) -> float:
    """The larger of what the layers need for all tokens of a step, and what the sampler needs for all sequences."""
    figures, defaults = memory_data()["activations"], memory_data()["defaults"]
    usual = defaults["largest" if gpu.largest else "smallest"]
    tokens = engine.batched_tokens or usual["batchedTokens"]
    if _reads_whole_prompts(engine, gpu):
        context = engine.max_model_len or known.model.context_max or 0
        tokens = max(tokens, context) if context <= usual["wholePromptUpTo"] else tokens
    width = figures["intermediates"] * known.intermediate / engine.tensor + figures["hiddens"] * known.hidden
    sampler = (engine.sequences or usual["sequences"]) * known.vocab * figures["samplerBytes"]
    return float(max(tokens * width * 2, sampler))


def _reads_whole_prompts(engine: EngineOptions, gpu: Gpu) -> bool:
    """Whether an engine of an older version would read a prompt in one step: nothing says otherwise."""
    return engine.batched_tokens is None and not gpu.largest and not engine.chunked


def _overhead(engine: EngineOptions, gpu: Gpu) -> float:
    figures: Mapping[str, float] = memory_data()["overhead"]
    many = engine.tensor > 1
    return figures["severalLargest" if many and gpu.largest else "several" if many else "one"] * GIB


def gib(amount: float) -> str:
    """Bytes as GiB with one place."""
    return f"{amount / GIB:.1f} GiB"
