"""Whether each model fits the memory of its GPUs, and what is wrong where it does not."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.capacity.engine import engine_options, option_place
from modelfleet.capacity.memory import EngineOptions, Gpu, MemoryFit, gib, memory_data, memory_fit
from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.quantity import quantity_value
from modelfleet.records import dataclass
from modelfleet.resolve.hardware import Accelerator
from modelfleet.resolve.model import Model, Project
from modelfleet.resolve.weights import Weights
from modelfleet.rules import Violation
from modelfleet.serving.workloads import LLM, SERVICE, ProjectState


@dataclass(frozen=True, slots=True)
class ModelFit:
    """A model and its memory; `memory` is None where too little is known, which `unknown` says."""

    model: Model
    accelerator: Accelerator | None
    engine: EngineOptions
    memory: MemoryFit | None
    unknown: tuple[str, ...]

    @property
    def weights(self) -> Weights:
        """The facts of the model, none where none are written."""
        return self.model.weights or Weights()


def model_fits(project: Project, state: ProjectState) -> Iterator[ModelFit]:
    """Each model of a project that an engine serves whose memory is known to be arithmetic."""
    for model in project.models:
        key = (LLM if model.llm else SERVICE, model.name)
        if key not in state.objects or model.engine is None or model.engine.facts["tensorParallelArg"] is None:
            continue
        engine, accelerator = engine_options(state, key), model.hardware.accelerator
        weights = model.weights or Weights()
        gpu = _gpu(accelerator)
        found = memory_fit(weights, engine, gpu) if gpu else None
        yield ModelFit(model, accelerator, engine, found, tuple(_unknown(model, gpu, engine, found)))


def _gpu(accelerator: Accelerator | None) -> Gpu | None:
    """The GPU, where its memory is known."""
    memory = int(quantity_value(accelerator.memory)) if accelerator and accelerator.memory else 0
    return Gpu(memory=memory, capability=accelerator.compute_capability) if accelerator and memory else None


def _unknown(model: Model, gpu: Gpu | None, engine: EngineOptions, found: MemoryFit | None) -> Iterator[str]:
    if model.hardware.accelerator is None:
        yield "no accelerator"
    elif gpu is None:
        yield f"memory of accelerator {model.hardware.accelerator.name}"
    if model.weights is None or model.weights.parameters is None:
        yield "weights"
    elif found and found.token_bytes is None:
        yield "layers and heads of weights"
    elif found and found.context is None:
        yield "contextMax of weights"
    yield from (f"effect of {word}" for word in engine.undecided)


Coded = tuple[str, Violation]
"""The code of a rule, and what it found."""


def fit_violations(found: ModelFit) -> Iterator[Coded]:
    """What is wrong with a model's memory, each with its code."""
    yield from _heads(found)
    yield from _context(found)
    yield from _format(found)
    fit = found.memory
    if fit is None or found.accelerator is None:
        return
    at: Pointer = (*found.model.pointer, "accelerator")
    if fit.weights + fit.overhead > fit.memory:
        message = f"the weights do not fit: {gib(fit.weights)} on each GPU, which has {gib(fit.memory)} of memory"
        hint = "use more GPUs, GPUs with more memory, or quantized weights"
        yield "FIT001", Violation(pointer=at, message=message, hint=hint)
    elif fit.near:
        message = (
            f"it may not fit: of {gib(fit.memory)} of GPU memory the estimate leaves {_margin(fit)}, which is "
            "within its margin of error"
        )
        yield "FIT003", Violation(pointer=at, message=message, hint=_way_out(fit), severity=Severity.WARNING)
    elif fit.fits is False:
        place = _place(found, "maxModelLen") or at
        yield "FIT002", Violation(pointer=place, message=_short(fit), hint=_way_out(fit), severity=Severity.WARNING)


def _margin(fit: MemoryFit) -> str:
    margin = gib(abs(fit.kv_cache - (fit.needed or 0)))
    return f"{margin} too little" if fit.fits is False else f"only {margin} to spare"


def _short(fit: MemoryFit) -> str:
    if fit.needed is None or fit.context is None:
        return f"{gib(fit.weights)} of weights leave no GPU memory for the KV cache: the engine does not start"
    return (
        f"one sequence of {fit.context:,} tokens needs {gib(fit.needed)} of KV cache on each GPU, and "
        f"{gib(max(fit.kv_cache, 0))} of {gib(fit.memory)} are left: the engine does not start"
    )


def _way_out(fit: MemoryFit) -> str:
    shorter = f'add "--max-model-len={fit.tokens}" or less to args' if fit.tokens else "use quantized weights"
    return f"{shorter}, or use more GPUs or GPUs with more memory"


def _place(found: ModelFit, option: str) -> Pointer | None:
    """Where the model's own arguments say it."""
    index = option_place(found.model.args, option)
    return None if index is None else (*found.model.pointer, "args", index)


def _heads(found: ModelFit) -> Iterator[Coded]:
    """Parallelism that does not divide the heads; key-value heads that are fewer than GPUs stand on several."""
    weights, tensor = found.weights, found.engine.tensor
    for heads, kind in ((weights.heads, "attention"), (weights.kv_heads, "key-value")):
        if heads is None or heads % tensor == 0 or (kind == "key-value" and tensor % heads == 0):
            continue
        yield (
            "FIT004",
            Violation(
                pointer=_place(found, "tensor")
                or (*found.model.pointer, "multiNode" if found.model.multi_node else "accelerator"),
                message=f"{heads} {kind} heads cannot be spread over {tensor} GPUs: the engine refuses to start",
                hint=f"spread them over {_divisors(heads, tensor)}",
            ),
        )
        return


def _divisors(heads: int, tensor: int) -> str:
    fewer = max(count for count in range(1, min(heads, tensor) + 1) if heads % count == 0)
    more = next((count for count in range(tensor, heads + 1) if heads % count == 0), None)
    return f"{fewer} or {more}" if more else str(fewer)


def _context(found: ModelFit) -> Iterator[Coded]:
    """A context that the model was not made for, unless the engine is told to take it."""
    longest, context, engine = found.weights.context_max, found.engine.max_model_len, memory_data()
    told = any(entry["name"] == engine["longContextVariable"] for entry in found.model.env)
    told = told or engine["overridesOption"] in found.engine.undecided
    if longest is not None and context is not None and context > longest and not told:
        yield (
            "FIT005",
            Violation(
                pointer=_place(found, "maxModelLen") or found.model.pointer,
                message=f"a context of {context} tokens is longer than the model's, which is {longest}: "
                "the engine refuses to start",
                hint=f"write --max-model-len={longest} or less",
            ),
        )


def _format(found: ModelFit) -> Iterator[Coded]:
    """Quantized weights that the GPU does not compute with."""
    written = found.weights.quantization
    quantization = written if written not in (None, "none") else found.engine.quantization
    capability = found.accelerator.compute_capability if found.accelerator else None
    if quantization is None or capability is None:
        return
    facts = memory_data()["quantization"][quantization]
    at = (*found.model.pointer, "accelerator")
    if facts["capability"] and _below(capability, facts["capability"]):
        message = f"weights in {quantization} need compute capability {facts['capability']}; this GPU has {capability}"
        yield (
            "FIT006",
            Violation(pointer=at, message=message, hint="use another accelerator, or weights in another format"),
        )
    elif facts["native"] and _below(capability, facts["native"]):
        message = (
            f"a GPU of compute capability {capability} does not compute in {quantization}: weights are unpacked to 16 bits "
            "at each step, which saves memory but no time"
        )
        hint = f"use an accelerator of compute capability {facts['native']} or more"
        yield "FIT006", Violation(pointer=at, message=message, hint=hint, severity=Severity.WARNING)


def _below(capability: str, bound: str) -> bool:
    one, other = ([int(part) for part in text.split(".")] for text in (capability, bound))
    return one < other
