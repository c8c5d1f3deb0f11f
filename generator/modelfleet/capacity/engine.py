"""What the arguments of a serving container say of memory: parallelism, context, utilisation, formats."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelfleet.capacity.memory import EngineOptions, memory_data
from modelfleet.kubernetes.objects import Object, mapping, text
from modelfleet.patterns import lazy_pattern
from modelfleet.serving.accelerators import maps, whole_number
from modelfleet.serving.workloads import LLM, RUNTIME, Key, ProjectState

_COUNT = lazy_pattern(r"([0-9]+(?:\.[0-9]+)?)([kKmMgG]?)", re.ASCII)
_DECIMAL = {"k": 1000, "m": 1000**2, "g": 1000**3}
_BINARY = {"K": 1024, "M": 1024**2, "G": 1024**3}


def serving_arguments(state: ProjectState, key: Key) -> tuple[str, ...]:
    """The arguments that the serving program of a model gets, the runtime's before the model's."""
    item = state.objects[key]
    spec = mapping(item.get("spec"))
    if key[0] == LLM:
        containers = maps(mapping(spec.get("template")).get("containers"))
        main = next((one for one in containers if one.get("name") == "main"), {})
        return (*_words(main.get("args")), *_variable(main))
    model = mapping(mapping(spec.get("predictor")).get("model"))
    runtime = state.objects.get((RUNTIME, str(model.get("runtime")))) or {}
    named = maps(mapping(runtime.get("spec")).get("containers"))
    own = next((one for one in named if one.get("name") == "kserve-container"), {})
    return (*_words(own.get("args")), *_words(model.get("args")))


def _words(written: object) -> Iterator[str]:
    return (str(word) for word in written) if isinstance(written, list) else iter(())


def _variable(container: Mapping[str, Any]) -> Sequence[str]:
    """What travels in a variable that the presets' shell expands."""
    name = memory_data()["argumentsVariable"]
    found = next((text(one.get("value")) for one in maps(container.get("env")) if one.get("name") == name), "")
    try:
        return shlex.split(found)
    except ValueError:
        return ()


def engine_options(state: ProjectState, key: Key) -> EngineOptions:
    """What the objects of a model say of memory."""
    arguments = serving_arguments(state, key)
    given = dict(_options(arguments))
    tensor, pipeline, data = _parallelism(state.objects[key], given)
    length = given.get("maxModelLen", "")
    cache = given.get("kvCacheDtype", "auto")
    undecided = [word for word in memory_data()["undecided"] if any(_name(one) == word for one in arguments)]
    if data > 1 and "expertParallel" in given:
        undecided.append("experts spread over copies")
    return EngineOptions(
        tensor=tensor,
        pipeline=pipeline,
        max_model_len=_count(length),
        longest_that_fits=length in ("auto", "-1"),
        utilization=_share(given.get("utilization", "")),
        dtype=memory_data()["dtypeWords"].get(given.get("dtype", "auto")),
        kv_bytes=1 if cache.startswith(("fp8", "int8")) else 2 if cache in ("bfloat16", "float16") else None,
        quantization=memory_data()["quantizationWords"].get(given.get("quantization", "")),
        sequences=_count(given.get("sequences", "")),
        batched_tokens=_count(given.get("batchedTokens", "")),
        chunked="chunked" in given,
        undecided=tuple(undecided),
    )


def _parallelism(item: Object, given: Mapping[str, str]) -> tuple[int, int, int]:
    """GPUs that share each layer, stages that share the layers, and copies."""
    spec = mapping(item.get("spec"))
    worker, sizes = mapping(mapping(spec.get("predictor")).get("workerSpec")), mapping(spec.get("parallelism"))
    tensor = whole_number(worker.get("tensorParallelSize"), whole_number(sizes.get("tensor"), 0))
    pipeline = whole_number(worker.get("pipelineParallelSize"), whole_number(sizes.get("pipeline"), 0))
    data = whole_number(sizes.get("data"), 0) or _count(given.get("data", "")) or 1
    return (
        max(tensor or _count(given.get("tensor", "")) or 1, 1),
        max(pipeline or _count(given.get("pipeline", "")) or 1, 1),
        data,
    )


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options that matter with their values; of one that is given twice the later counts."""
    names = {spelt: name for name, spellings in memory_data()["options"].items() for spelt in spellings}
    for index, argument in enumerate(arguments):
        if name := names.get(_name(argument)):
            _, equals, value = argument.partition("=")
            following = arguments[index + 1] if index + 1 < len(arguments) else ""
            yield name, value if equals else "" if following.startswith("--") else following


def _name(argument: str) -> str:
    name = argument.partition("=")[0]
    return name.replace("_", "-") if name.startswith("--") else name


def option_place(arguments: Sequence[str], name: str) -> int | None:
    """Where an option stands last among arguments."""
    spellings = memory_data()["options"][name]
    return next((index for index in reversed(range(len(arguments))) if _name(arguments[index]) in spellings), None)


def _count(written: str) -> int | None:
    """A whole number as vLLM reads it: 32k is 32,000 and 32K is 32,768."""
    match = _COUNT.fullmatch(written)
    if match is None or len(written) > 18:
        return None
    number, unit = match.groups()
    found = int(float(number) * {"": 1, **_DECIMAL, **_BINARY}[unit])
    return found or None


def _share(written: str) -> float | None:
    try:
        found = float(written)
    except ValueError:
        return None
    return found if 0 < found <= 1 else None
