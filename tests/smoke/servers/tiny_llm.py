"""Writes a language model of 300 KB that llama.cpp serves: random weights, but every word that it says is readable."""

from __future__ import annotations

import sys

import gguf
import numpy as np

WORDS = [f"\u2581{word}" for word in ("models", "answer", "when", "they", "are", "asked", "in", "words")]
CONTEXT, SIZE, HEADS, INNER = 256, 64, 4, 128
BYTES = [f"<0x{value:02X}>" for value in range(256)]
TOKENS = ["<unk>", "<s>", "</s>", *BYTES, *WORDS]


def write(path: str) -> None:
    """The model as a GGUF file: one layer of the Llama architecture, a tokenizer of bytes and a few words."""
    random = np.random.default_rng(7)
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(SIZE)
    out.add_block_count(1)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(SIZE // HEADS)
    out.add_vocab_size(len(TOKENS))
    kinds = gguf.TokenType
    out.add_tokenizer_model("llama")
    out.add_token_list(TOKENS)
    out.add_token_scores([0.0] * len(TOKENS))
    out.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * len(BYTES), *[kinds.NORMAL] * len(WORDS)]
    )
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_unk_token_id(0)
    out.add_chat_template("{% for m in messages %}{{ m['content'] }} {% endfor %}")

    def weights(name: str, *shape: int) -> None:
        out.add_tensor(name, (random.standard_normal(shape) * 0.05).astype(np.float32))

    # Every state has a large first number, which the words alone answer to: so nothing but words is ever said.
    embedding = (random.standard_normal((len(TOKENS), SIZE)) * 0.05).astype(np.float32)
    embedding[:, 0] = 4
    spoken = (random.standard_normal((len(TOKENS), SIZE)) * 0.2).astype(np.float32)
    spoken[:, 0] = -5
    spoken[-len(WORDS) :, 0] = 5
    out.add_tensor("token_embd.weight", embedding)
    out.add_tensor("output.weight", spoken)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        out.add_tensor(f"{name}.weight", np.ones(SIZE, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        weights(f"blk.0.{name}.weight", SIZE, SIZE)
    weights("blk.0.ffn_gate.weight", INNER, SIZE)
    weights("blk.0.ffn_up.weight", INNER, SIZE)
    weights("blk.0.ffn_down.weight", SIZE, INNER)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    write(sys.argv[1])
