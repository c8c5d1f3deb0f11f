"""The memory of GPUs: against what vLLM reported, and relations that hold whatever the figures are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelfleet.capacity.memory import GIB, EngineOptions, Gpu, MemoryFit, memory_data, memory_fit
from modelfleet.resolve.weights import Weights

STARTUPS: list[Mapping[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "startups.yaml").read_text("utf-8")
)
DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32", "auto": None}
QUANTIZATIONS = {
    "none": "none",
    "fp8": "fp8",
    "fp8-block": "fp8",
    "gptq-int4": "gptq",
    "awq-int4": "awq",
    "bnb-nf4": "bnb4",
}
BEYOND = {  # forms that the facts of a model have no word for
    "h100-gptoss20b-tp1-oom": "MXFP4, and the sampler's warm-up ran out of memory after the cache was sized",
    "a100-80x8-llama31-405b-fp8-4k": "fbgemm FP8: the feed-forward layers alone",
    "h100x8-llama31-405b-fp8-131k-nofit": "fbgemm FP8: the feed-forward layers alone",
    "h20x8-qwen3coder-480b-fp8-u90-nofit": "experts spread over copies",
    "rtx3090-qwen15-7b-gptq-nofit": "no cache was reported, and its tokens are 3.5 % off",
}
LLAMA = Weights(
    parameters=8_030_261_248, dtype="bf16", layers=32, heads=32, kv_heads=8, head_dim=128, hidden=4096,
    intermediate=14336, vocab=128256, context_max=131072,
)  # fmt: skip


def estimate(case: Mapping[str, Any]) -> MemoryFit:
    model = Weights(dtype=DTYPES[case["dtype"]], quantization=QUANTIZATIONS[case["quantization"]], **case["facts"])
    engine = EngineOptions(
        tensor=case["tensor"],
        pipeline=case["pipeline"],
        max_model_len=case["maxModelLen"],
        utilization=case["utilization"],
        kv_bytes=1 if case["kvCacheDtype"] == "fp8" else None,
    )
    found = memory_fit(model, engine, Gpu(memory=round(case["gpu"] * 1024) * 2**20))
    assert found is not None
    return found


def test_what_the_facts_have_no_word_for_is_known() -> None:
    assert {case["id"] for case in STARTUPS if case["quantization"] not in QUANTIZATIONS} < {*BEYOND}
    assert len(STARTUPS) == 40


@pytest.mark.parametrize("case", [case for case in STARTUPS if case["id"] not in BEYOND], ids=lambda case: case["id"])
def test_a_start_of_vllm(case: Mapping[str, Any]) -> None:
    found, reported, checks = estimate(case), case["reported"], case["checks"]
    cache = reported["kvCache"]
    if cache is None and reported["tokens"] is not None:
        cache = reported["tokens"] * (found.token_bytes or 0) / GIB
    if "weights" in checks and reported["weights"] is not None:
        assert found.weights / GIB == pytest.approx(reported["weights"], rel=0.03)
    if "kvCache" in checks:
        assert found.kv_cache / GIB == pytest.approx(cache, abs=0.03 * case["gpu"])
    if "fits" in checks:
        assert found.fits is reported["fits"]


def test_the_arithmetic_of_one_model() -> None:
    """8,030,261,248 x 2 bytes; 2 x 32 layers x 8 heads x 128 x 2 bytes a token; the vocabulary for 256 sequences."""
    found = memory_fit(LLAMA, EngineOptions(max_model_len=8192), Gpu(memory=40 * GIB))
    assert found is not None
    assert (found.weights, found.token_bytes, found.needed) == (16_060_522_496, 131_072, 2**30)
    width = 3 * 14336 + 4 * 4096
    assert found.activations == max(8192 * width * 2, 256 * 128256 * memory_data()["activations"]["samplerBytes"])
    assert found.kv_cache == pytest.approx(36 * GIB - found.weights - found.activations - found.overhead)
    assert found.tokens == int(found.kv_cache / 131_072) // 16 * 16
    assert (found.longest, found.fits, found.near, found.assumed) == (131_072, True, False, ())
    assert found.sequences == pytest.approx((found.tokens or 0) / 8192)


def fit(model: Weights = LLAMA, memory: int = 40, **options: Any) -> MemoryFit:
    found = memory_fit(model, EngineOptions(**options), Gpu(memory=memory * GIB))
    assert found is not None
    return found


def test_each_quantization_keeps_embedding_and_head() -> None:
    kept = 2 * 128256 * 4096
    for name, each in (("fp8", 1.0), ("int8", 1.0), ("gptq", 0.5195), ("awq", 0.5195), ("bnb4", 0.516)):
        expected = (8_030_261_248 - kept) * each + kept * 2
        assert fit(replace(LLAMA, quantization=name)).weights == pytest.approx(expected)
        assert fit(LLAMA, quantization=name).weights == pytest.approx(expected)
    tied = fit(replace(LLAMA, quantization="fp8", tied_embeddings=True))
    assert tied.weights == pytest.approx(8_030_261_248 + kept / 2)


def test_pipeline_and_tensor_split_weights_and_cache() -> None:
    assert fit(tensor=2, pipeline=2).weights == fit().weights / 4
    assert fit(tensor=2).token_bytes == 65_536
    assert fit(pipeline=3).token_bytes == 2 * 11 * 8 * 128 * 2  # the fullest of three stages has eleven layers
    assert (
        fit(tensor=16).token_bytes == fit(tensor=8).token_bytes == 16_384
    )  # key-value heads that are fewer than GPUs stand on several


def test_a_missing_fact_is_a_bound_that_is_named() -> None:
    bare = fit(Weights(parameters=8_030_261_248, layers=32, kv_heads=8, head_dim=128, context_max=131072))
    assert bare.assumed == ("hidden", "intermediate", "vocab")
    assert bare.activations > fit().activations
    assert (bare.weights, bare.token_bytes) == (fit().weights, fit().token_bytes)


def test_what_cannot_be_bounded_stays_open() -> None:
    assert memory_fit(Weights(layers=32), EngineOptions(), Gpu(memory=GIB)) is None
    assert memory_fit(LLAMA, EngineOptions(undecided=("--cpu-offload-gb",)), Gpu(memory=GIB)) is None
    shapeless = fit(Weights(parameters=8_030_261_248, context_max=8192))
    assert (shapeless.token_bytes, shapeless.tokens, shapeless.fits, shapeless.near) == (None, None, None, False)
    assert fit(Weights(parameters=80_000_000_000)).fits is False
    assert fit(replace(LLAMA, context_max=None)).fits is None


def test_what_an_engine_takes_on_at_once() -> None:
    assert fit(memory=80, max_model_len=8192).activations > fit(memory=40, max_model_len=8192).activations
    small = memory_fit(LLAMA, EngineOptions(max_model_len=8192), Gpu(memory=80 * GIB, capability="8.0"))
    assert small is not None  # an A100 takes on no more than smaller GPUs
    assert small.activations == fit(memory=40, max_model_len=8192).activations
    assert fit(max_model_len=32768).activations > fit(max_model_len=32768, chunked=True).activations
    assert (
        fit(max_model_len=32768, batched_tokens=2048).activations == fit(max_model_len=32768, chunked=True).activations
    )
    assert fit(max_model_len=32769).activations == fit(max_model_len=2048).activations
    assert fit(sequences=512).activations == 2 * fit(sequences=256).activations


def test_near_the_edge_it_may_go_either_way() -> None:
    whole = fit(max_model_len=131072, chunked=True)
    assert whole.tokens is not None
    edge = replace(LLAMA, context_max=10**9)
    for length, fits, near in (
        (whole.tokens, True, True),
        (whole.tokens + 1, False, True),
        (whole.tokens + 10_000, False, False),
    ):
        found = fit(edge, max_model_len=length, chunked=True)
        assert (found.fits, found.near) == (fits, near), length
    assert fit(longest_that_fits=True).fits is True


MODELS = st.builds(
    lambda layers, heads, shared, intermediate, vocab, billions: Weights(
        parameters=billions * 10**9, dtype="bf16", layers=layers, heads=heads, kv_heads=heads // shared, head_dim=128,
        hidden=heads * 128, intermediate=intermediate * heads * 128, vocab=vocab, context_max=10**9,
    ),
    st.integers(8, 128), st.sampled_from([16, 32, 64]), st.sampled_from([1, 2, 4]), st.integers(2, 6),
    st.integers(30_000, 262_208), st.integers(4, 500),
)  # fmt: skip
GPUS = st.sampled_from([16, 24, 40, 48, 80, 141]).map(lambda gib: Gpu(memory=gib * GIB))


@settings(deadline=None)
@given(MODELS, GPUS, st.sampled_from([1, 2, 4]), st.integers(256, 200_000))
def test_twice_the_gpus_never_fit_less(model: Weights, gpu: Gpu, tensor: int, length: int) -> None:
    one = memory_fit(model, EngineOptions(tensor=tensor, max_model_len=length), gpu)
    two = memory_fit(model, EngineOptions(tensor=2 * tensor, max_model_len=length), gpu)
    assert one is not None
    assert two is not None
    assert (two.tokens or 0) >= (one.tokens or 0)
    assert bool(two.fits) >= bool(one.fits)


@settings(deadline=None)
@given(MODELS, GPUS, st.integers(256, 200_000))
def test_half_the_weights_never_fit_less(model: Weights, gpu: Gpu, length: int) -> None:
    assume(model.parameters is not None)
    engine = EngineOptions(max_model_len=length)
    half = memory_fit(replace(model, parameters=(model.parameters or 0) // 2), engine, gpu)
    quantized, whole = (memory_fit(each, engine, gpu) for each in (replace(model, quantization="fp8"), model))
    assert whole is not None
    for other in (half, quantized):
        assert other is not None
        assert bool(other.fits) >= bool(whole.fits)


@settings(deadline=None)
@given(MODELS, GPUS, st.integers(256, 200_000), st.integers(1, 200_000))
def test_a_longer_context_never_fits_better(model: Weights, gpu: Gpu, length: int, more: int) -> None:
    one, other = (memory_fit(model, EngineOptions(max_model_len=each), gpu) for each in (length, length + more))
    assert one is not None
    assert other is not None
    assert bool(one.fits) >= bool(other.fits)
