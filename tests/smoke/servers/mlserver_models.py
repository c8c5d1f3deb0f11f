"""Writes a folder that MLServer serves: two small models that scikit-learn has trained."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression


def write(folder: Path, names: list[str], http: int, grpc: int, metrics: int) -> None:
    """The models under these names, and the ports."""
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    trained = LogisticRegression().fit(inputs, [0, 0, 1, 1])
    for name in names:
        place = folder / name
        place.mkdir(parents=True)
        joblib.dump(trained, place / "model.joblib")
        settings = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib"},
            "inputs": [{"name": "predict", "datatype": "FP32", "shape": [-1, 2]}],
        }
        (place / "model-settings.json").write_text(json.dumps(settings))
    settings = {
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,
    }
    (folder / "settings.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    where, http_port, grpc_port, metrics_port, *models = sys.argv[1:]
    write(Path(where), models, int(http_port), int(grpc_port), int(metrics_port))
