"""`import model`: the facts of a model from the files of its repository, beside what the user wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console import modelfleet

CONFIG: dict[str, Any] = {
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
    "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
INDEX = {"metadata": {"total_size": 16_060_522_496}, "weight_map": {"lm_head.weight": "model-00004.safetensors"}}
WRITTEN = """\
# yaml-language-server: $schema=../schemas/model.schema.json
version: 1
parameters: 8030261248
layers: 32
heads: 32
kvHeads: 8
hidden: 4096
intermediate: 14336
vocab: 128256
contextMax: 131072
headDim: 128
tiedEmbeddings: false
dtype: bf16
revision: abc123
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A repository with one model's files beside it."""
    (tmp_path / "projects").mkdir()
    (tmp_path / "environments").mkdir()
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama/config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "llama/model.safetensors.index.json").write_text(json.dumps(INDEX))
    return tmp_path


def test_a_folder_stands_for_the_two_files(model: Path) -> None:
    done = modelfleet(model, "import", "model", "llama-8b", str(model / "llama"), "--revision", "abc123")
    assert done.code == 0
    assert (model / "models/llama-8b.yaml").read_text() == WRITTEN
    assert done.out.splitlines()[0] == "new: parameters: 8030261248"
    assert done.out.splitlines()[-1] == "wrote models/llama-8b.yaml"
    again = modelfleet(model, "import", "model", "llama-8b", str(model / "llama"), "--revision", "abc123")
    assert again.out == "every fact was already there\n"


def test_comments_and_facts_of_the_user_stay(model: Path) -> None:
    (model / "models").mkdir()
    (model / "models/llama-8b.yaml").write_text(
        "version: 1\nlayers: 31 # as I remember it\nquantization: fp8 # by us\nrevision: old\n"
    )
    done = modelfleet(model, "import", "model", "llama-8b", str(model / "llama/config.json"))
    assert "changed: layers: 31 becomes 32\n" in done.out
    assert (
        "parameters: counted from the layers; with model.safetensors.index.json beside it they are exact\n" in done.out
    )
    text = (model / "models/llama-8b.yaml").read_text()
    assert text.startswith("version: 1\nlayers: 32 # as I remember it\nquantization: fp8 # by us\n")
    assert "revision" not in text  # it was that of other facts


def test_a_dry_run_shows_and_writes_nothing(model: Path) -> None:
    done = modelfleet(model, "import", "model", "llama-8b", str(model / "llama"), "--revision", "abc123", "--dry-run")
    assert f"--- models/llama-8b.yaml\n{WRITTEN}" in done.out
    assert not (model / "models").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"layers":', "own.json:1:11: error[IMP001]: it is not valid JSON: Expecting value"),
        ("[1]", "own.json:1:1: error[IMP001]: it is not a JSON object; name the config.json of the model's repository"),
        (
            '{"model_type": "x"}',
            "own.json:1:1: error[IMP001]: it holds no fact of a language model; name the config.json of the model's repository",
        ),
        (
            json.dumps(INDEX),
            "own.json:1:1: error[IMP001]: it is the index of the weights alone; name config.json beside it",
        ),
        ('{"num_hidden_layers": -1}', "own.json:1:1: error[IMP001]: layers: -1 is less than 1; write 1 or more"),
        ("[" * 100_000, "own.json:1:1: error[IMP001]: it is not valid JSON"),
    ],
)
def test_what_is_not_the_file_of_a_model(model: Path, content: str, message: str) -> None:
    (model / "own.json").write_text(content)
    done = modelfleet(model, "import", "model", "llama-8b", str(model / "own.json"))
    assert (done.code, done.err.replace(f"{model}/", "").splitlines()) == (1, [message])
    assert not (model / "models").exists()


def test_a_password_in_the_source_is_neither_written_nor_printed(model: Path) -> None:
    url = "https://reader:s3cr3tpassw0rd@models.example.org/llama"
    done = modelfleet(model, "import", "model", "llama-8b", str(model / "llama"), "--source", url)
    assert done.code != 0
    assert "s3cr3tpassw0rd" not in done.out + done.err
    assert not (model / "models").exists()


def test_a_way_of_quantizing_that_is_not_known_is_said(model: Path) -> None:
    (model / "own.json").write_text(json.dumps({**CONFIG, "quantization_config": {"quant_method": "mxfp4"}}))
    done = modelfleet(model, "import", "model", "llama-8b", str(model / "own.json"))
    said = "quantization: mxfp4 needs an unknown amount of memory; the weights count in full\n"
    assert done.code == 0
    assert said in done.out
