"""Facts from `config.json` and the index of safetensors: counted against what is known of public models."""

from __future__ import annotations

from typing import Any

import pytest

from modelfleet.capacity.config_json import facts_of_config

LLAMA: dict[str, Any] = {
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
    "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
MIXTRAL = {**LLAMA, "vocab_size": 32000, "num_local_experts": 8}
QWEN = {
    "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "hidden_size": 1024,
    "intermediate_size": 3072, "vocab_size": 151936, "tie_word_embeddings": True, "dtype": "bfloat16",
}  # fmt: skip


def test_everything_that_config_json_tells() -> None:
    assert facts_of_config(LLAMA) == {
        "parameters": 8_030_261_248, "layers": 32, "heads": 32, "kvHeads": 8, "headDim": 128, "hidden": 4096,
        "intermediate": 14336, "vocab": 128256, "contextMax": 131072, "tiedEmbeddings": False, "dtype": "bf16",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "parameters"), [(LLAMA, 8_030_261_248), (MIXTRAL, 46_702_792_704), (QWEN, 596_049_920)]
)
def test_the_parameters_are_counted(config: dict[str, Any], parameters: int) -> None:
    assert facts_of_config(config)["parameters"] == pytest.approx(parameters, rel=0.0001)


def test_the_index_goes_before_what_is_counted() -> None:
    assert facts_of_config(LLAMA, {"metadata": {"total_size": 2_000}})["parameters"] == 1_000
    assert facts_of_config(LLAMA, {"metadata": {"total_size": 2_000, "total_parameters": 7}})["parameters"] == 7
    quantized = {**LLAMA, "quantization_config": {"quant_method": "fp8"}}
    assert facts_of_config(quantized, {"metadata": {"total_size": 2_000}})["parameters"] == 8_030_261_248


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "gptq", "bits": 4}, "gptq"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bnb4"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {"num_bits": 4, "type": "int"}}}},
            "gptq",
        ),
        ({"quant_method": "mxfp4"}, None),
        ({}, None),
    ],
)
def test_how_weights_are_quantized(written: dict[str, Any], word: str | None) -> None:
    assert facts_of_config({**LLAMA, "quantization_config": written}).get("quantization") == word


def test_a_model_with_a_tower_is_told_by_its_language_model() -> None:
    found = facts_of_config({"text_config": LLAMA, "vision_config": {"hidden_size": 1}, "torch_dtype": "float16"})
    assert (found["hidden"], found["dtype"]) == (4096, "bf16")


@pytest.mark.parametrize("config", [{}, {"num_hidden_layers": "x", "text_config": [], "quantization_config": "fp8"}])
def test_whatever_is_written_there(config: dict[str, Any]) -> None:
    assert facts_of_config(config) == {}
