"""The example with quotas in which a migration finds room."""

from __future__ import annotations

from pathlib import Path

ROOMY = "\n    {project}: {{limits.cpu: 1k, limits.memory: 4Ti, requests.nvidia.com/gpu: 16}}"


def roomy(root: Path, project: str) -> None:
    """Room for two of everything: without it the first step is refused."""
    for path in root.glob("environments/nerc-*.yaml"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(f"    {project}: ")]
        text = "".join(kept).replace("\n  projects:", f"\n  projects:{ROOMY.format(project=project)}")
        path.write_text(text, "utf-8")
