"""Serves the models `embedder` and `writer` with Caikit's own runtime: `caikit_server.py FOLDER PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

import caikit
from caikit.runtime import __main__ as runtime
from tiny_caikit import Backwards, LetterCounts


def serve(folder: Path, port: int) -> None:
    """Saves the models into the folder and serves them over HTTP until the process ends."""
    LetterCounts().save(str(folder / "embedder"))
    Backwards().save(str(folder / "writer"))
    caikit.configure(
        config_dict={
            "runtime": {
                "library": "tiny_caikit",
                "local_models_dir": str(folder),
                "lazy_load_local_models": False,
                "grpc": {"enabled": False},
                "http": {"enabled": True, "port": port},
                "metering": {"enabled": False},
                "metrics": {"enabled": False},
            },
        }
    )
    runtime.main()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
