"""Labels and annotations that templates write and a spec writes too: the spec's go first, or are refused; nothing is twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console import REPOSITORY
from golden_release import spec_of
from modelfleet.finding import Rejected, Severity
from modelfleet.kubernetes.names import OVMS_VERSION, STORAGE_SECRET
from modelfleet.pipeline.fleet import fleet
from repository import laid_over, write

TEMPLATES = REPOSITORY / "templates/common"
KEYS = sorted(
    {
        match[1]
        for path in TEMPLATES.glob("*inferenceservice.yaml.j2")
        for match in re.finditer(r"^ +([a-z0-9.-]+/[A-Za-z0-9._-]+): ", path.read_text("utf-8"), re.MULTILINE)
    }
)
TAKEN = {OVMS_VERSION, STORAGE_SECRET}


def test_the_templates_are_read() -> None:
    assert len(KEYS) > 20
    assert set(KEYS) >= TAKEN


@pytest.mark.parametrize("key", KEYS)
def test_no_key_is_written_twice(key: str, tmp_path: Path) -> None:
    part = "labels" if re.search(r"dashboard$|visibility|genai-asset|queue|modelregistry", key) else "annotations"
    models = {name: {part: {key: "7"}} for name in spec_of("rhoai-3.5")["projects/team"]["models"]}
    root = write(tmp_path, laid_over(spec_of("rhoai-3.5"), {"projects/team": {"models": models}}))
    try:
        found = fleet(root).deployed
    except Rejected as rejected:
        wrong = [finding for finding in rejected.findings if finding.severity is Severity.ERROR]
        assert {finding.code for finding in wrong} == {"NAME007"}, [finding.text() for finding in wrong]
        assert key not in TAKEN
        return
    services = [item for one in found for item in one.objects if item["kind"].endswith("InferenceService")]
    written = {item["metadata"][part].get(key) for item in services if item["metadata"]["name"] in models}
    assert written == {"7"}
