"""A Caikit library with one module for embeddings and one for text generation."""

# No `from __future__ import annotations`: Caikit reads the types of `run` itself.
from typing import Any

from caikit.core import ModuleBase, ModuleSaver, module
from caikit.interfaces.common.data_model.vectors import NpFloat32Sequence, Vector1D
from caikit.interfaces.nlp.data_model import EmbeddingResult, GeneratedTextResult
from caikit.interfaces.nlp.tasks import EmbeddingTask, TextGenerationTask


class _Saved(ModuleBase):
    def save(self, model_path: str) -> None:
        """Writes the configuration alone: there is nothing to learn."""
        with ModuleSaver(self, model_path=model_path) as saver:
            saver.update_config({"kind": "tiny"})

    @classmethod
    def load(cls, model_path: str) -> Any:
        """Reads it back."""
        return cls()


@module("00110203-0405-0607-0809-0a0b02dd0e0f", "LetterCounts", "0.0.1", EmbeddingTask)
class LetterCounts(_Saved):
    """Embeds a text by how often each letter of the alphabet is in it."""

    @EmbeddingTask.taskmethod()
    def run(self, text: str) -> EmbeddingResult:
        """The numbers of letters."""
        import numpy as np

        counts = np.array([text.lower().count(chr(97 + index)) for index in range(26)], dtype=np.float32)
        return EmbeddingResult(result=Vector1D(data=NpFloat32Sequence(values=counts)), producer_id=None)


@module("00110203-0405-0607-0809-0a0b02dd0e10", "Backwards", "0.0.1", TextGenerationTask)
class Backwards(_Saved):
    """Answers with the words of the text from the last to the first."""

    @TextGenerationTask.taskmethod()
    def run(self, text: str) -> GeneratedTextResult:
        """The words in the other order."""
        words = text.split()[::-1]
        return GeneratedTextResult(generated_text=" ".join(words), generated_tokens=len(words))
