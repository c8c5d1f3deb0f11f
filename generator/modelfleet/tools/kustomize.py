"""kustomize: what it builds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from modelfleet.tools.install import Tool
from modelfleet.tools.processes import Completed, ProcessOptions, run, two_at_a_time

_MOST_MEMORY = 4 << 30  # address space of a kustomize that builds what someone else has written


# Two run at a time, each on one core; most end before they need to collect garbage, which saves a fifth of their time.
_FEW_OBJECTS = {"GOMAXPROCS": "1", "GOGC": "off", "GOMEMLIMIT": "1GiB"}


def kustomize_build(tool: Tool, folders: Sequence[Path], limit_s: float) -> Completed:
    """What `kustomize build` makes of an overlay, or of several in one go. It sees no network and no settings."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="modelfleet-") as name:
        place = Path(name).resolve()
        paths = [os.path.relpath(folder.resolve(), place) for folder in folders]
        aggregate = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": paths}
        (place / "kustomization.yaml").write_text(json.dumps(aggregate, ensure_ascii=False), "utf-8")
        nowhere = "http://127.0.0.1:9"
        within = ProcessOptions(
            environment={"HOME": name, "PATH": "", "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, **_FEW_OBJECTS},
            memory=_MOST_MEMORY,
            group=False,
        )
        words = [str(tool.path), "build", "." if len(folders) > 1 else str(folders[0].resolve())]
        return run(words, place, limit_s=limit_s, within=within)


def kustomize_builds(tool: Tool, batches: Iterable[tuple[Sequence[Path], float]]) -> Iterator[Completed]:
    """`kustomize_build` for each batch and its time limit in seconds, two at a time, in the order of the batches."""
    return two_at_a_time(lambda batch: kustomize_build(tool, *batch), batches)
