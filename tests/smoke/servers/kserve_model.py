"""Serves a model with KServe's own Python server, which speaks v1 (and v2): the sum of each row."""

from __future__ import annotations

import sys
from typing import Any

from kserve import Model, ModelServer


class RowSums(Model):
    """Adds up the numbers of each instance."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """The answer to a v1 request."""
        return {"predictions": [sum(row) for row in payload["instances"]]}


if __name__ == "__main__":
    name, port = sys.argv[1:]
    ModelServer(http_port=int(port), enable_grpc=False, workers=1).start([RowSums(name)])
