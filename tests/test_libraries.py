"""Libraries without what they do for nothing when they are imported: they are what they are for everybody else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import modelfleet
from modelfleet.pyyaml import yaml

NO_MAIL = """\
import sys
from modelfleet.json_schema import jsonschema_rs
assert not any(name.startswith(("email.", "socket", "calendar")) for name in sys.modules), sorted(sys.modules)
assert jsonschema_rs.Draft202012Validator({"type": "object"}).is_valid({})
import email.utils
assert email.utils.parsedate_to_datetime("Mon, 30 Nov 2026 10:00:00 GMT").year == 2026
"""
MAIL_BEFORE = """\
import email.utils
from modelfleet.json_schema import jsonschema_rs
assert email.utils.parsedate_to_datetime("Mon, 30 Nov 2026 10:00:00 GMT").year == 2026
"""


@pytest.mark.parametrize("program", [NO_MAIL, MAIL_BEFORE])
def test_jsonschema_rs_loads_no_package_for_mail_and_leaves_it_to_others(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_pyyamls_own_reader_still_refuses_control_characters() -> None:
    with pytest.raises(yaml.reader.ReaderError, match="special characters are not allowed"):
        yaml.load("a: \x01", Loader=yaml.SafeLoader)
    text = "a: [1, 2026-01-01, yes, 0o7, 1e3, .inf, ~]"
    assert yaml.load(text, Loader=yaml.SafeLoader) == yaml.load(text, Loader=yaml.CSafeLoader)


def test_they_are_imported_in_one_place() -> None:
    package = Path(modelfleet.__file__).parent
    found = {
        path.name: name
        for path in package.rglob("*.py")
        for name in re.findall(r"^ *import (yaml|jsonschema_rs)$", path.read_text(), re.MULTILINE)
    }
    assert found == {"pyyaml.py": "yaml", "json_schema.py": "jsonschema_rs"}
