"""The facts of a model as its own `config.json` and the index of its safetensors tell them; nothing is read here.

Where the index does not tell the number of parameters, it is counted from the layers: attention, feed-forward layers (of all
experts), norms and embeddings, as in Llama and what descends from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelfleet.capacity.memory import memory_data
from modelfleet.kubernetes.objects import mapping, number, text

_NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "heads": ("num_attention_heads", "n_head"),
    "kvHeads": ("num_key_value_heads", "num_kv_heads", "multi_query_group_num"),
    "headDim": ("head_dim",),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "intermediate": ("intermediate_size", "ffn_dim", "n_inner"),
    "vocab": ("vocab_size",),
    "contextMax": ("max_position_embeddings", "n_positions", "seq_length"),
}
_QUANTIZED = {"fp8": "fp8", "fbgemm_fp8": "fp8", "gptq": "gptq", "awq": "awq"}


def facts_of_config(config: Mapping[str, Any], index: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The facts that `models/<id>.yaml` holds, those that are told or follow."""
    inner = {**config, **mapping(config.get("text_config"))}
    found: dict[str, Any] = {}
    for fact, names in _NAMES.items():
        told = next((value for name in names if (value := number(inner.get(name)))), None)
        if told is not None:
            found[fact] = told
    if "headDim" not in found and "hidden" in found and "heads" in found:
        found["headDim"] = found["hidden"] // found["heads"]
    if "kvHeads" not in found and "heads" in found:
        found["kvHeads"] = found["heads"]
    tied = inner.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    if isinstance(tied, bool):
        found["tiedEmbeddings"] = tied
    dtype = memory_data()["dtypeWords"].get(text(inner.get("torch_dtype") or inner.get("dtype")))
    if dtype is not None:
        found["dtype"] = dtype
    if quantization := _quantization(mapping(config.get("quantization_config"))):
        found["quantization"] = quantization
    parameters = _parameters(found, mapping((index or {}).get("metadata"))) or _counted(found, inner)
    return {"parameters": parameters, **found} if parameters else found


def _quantization(written: Mapping[str, Any]) -> str | None:
    """The word for how weights are quantized; None where they are not, or there is no word for it."""
    method = text(written.get("quant_method"))
    if method == "bitsandbytes":
        return "bnb4" if written.get("load_in_4bit") else "int8" if written.get("load_in_8bit") else None
    if method in ("compressed-tensors", "compressed_tensors"):
        groups = (mapping(mapping(group).get("weights")) for group in mapping(written.get("config_groups")).values())
        weights: Mapping[str, Any] = next(groups, {})
        bits, kind = number(weights.get("num_bits")), text(weights.get("type"))
        return {(8, "float"): "fp8", (8, "int"): "int8", (4, "int"): "gptq"}.get((bits or 0, kind))
    if method == "gptq" and number(written.get("bits")) == 8:
        return "int8"
    return _QUANTIZED.get(method)


def _parameters(found: Mapping[str, Any], metadata: Mapping[str, Any]) -> int | None:
    """As the index tells: their number, or the bytes of all, where each has as many."""
    if told := number(metadata.get("total_parameters")):
        return told
    size = number(metadata.get("total_size"))
    if size is None or "quantization" in found:
        return None
    return size // int(memory_data()["dtypes"][found.get("dtype", "bf16")])


def _counted(found: Mapping[str, Any], config: Mapping[str, Any]) -> int | None:
    """The number of parameters from the shape of the layers."""
    if not all(fact in found for fact in ("layers", "heads", "kvHeads", "headDim", "hidden", "intermediate", "vocab")):
        return None
    hidden, width = found["hidden"], found["headDim"]
    attention = hidden * width * (2 * found["heads"] + 2 * found["kvHeads"])
    experts = next((value for name in ("num_local_experts", "num_experts") if (value := number(config.get(name)))), 0)
    inner = (number(config.get("moe_intermediate_size")) if experts else None) or found["intermediate"]
    feed_forward = 3 * hidden * inner * (experts or 1) + hidden * experts
    embeddings = found["vocab"] * hidden * (1 if found.get("tiedEmbeddings") else 2)
    return int(found["layers"] * (attention + feed_forward + 2 * hidden) + embeddings + hidden)
