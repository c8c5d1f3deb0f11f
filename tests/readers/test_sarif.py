"""What `--format sarif` prints fits the schema that the standard publishes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from console import SPEC, miniature, modelfleet
from modelfleet.packaged import packaged_data

WARNED = SPEC.replace("    size: Small\n", "    size: Small\n    route: true\n")
ACCEPTED = WARNED.replace("environments:", "accept: [{code: NET001, reason: Internal.}]\nenvironments:")


@pytest.mark.parametrize("spec", [SPEC, WARNED, ACCEPTED, SPEC.replace("Small", "Smal"), "models: [", "a: \x00"])
def test_it_fits_the_published_schema(spec: str, tmp_path: Path) -> None:
    file = Path(os.environ["READERS"]) / "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
    schema = json.loads(file.read_text("utf-8"))
    assert schema["properties"]["version"]["enum"] == [packaged_data("sarif")["version"]]
    validator = jsonschema.Draft7Validator(schema)
    document = json.loads(
        modelfleet(miniature(tmp_path, {"projects/acme.yaml": spec}), "check", "--format", "sarif").out
    )
    assert [error.message for error in validator.iter_errors(document)] == []
    document["runs"][0]["results"] = [{"ruleId": 1}]
    assert not validator.is_valid(document), "the schema would notice"
