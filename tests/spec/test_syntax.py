"""What is said where a file is not YAML: the slips that people make, on the line where they made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelfleet.finding import Rejected
from modelfleet.spec.load import read_document

CONFLICT = "keep one side or both, and delete the lines with <<<<<<<, ======= and >>>>>>>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n",
            f"2:1 an unresolved merge conflict begins here; {CONFLICT}",
        ),
        ("a:\n  b: 1\n=======\n  c: 2\n", f"3:1 an unresolved merge conflict begins here; {CONFLICT}"),
        (
            "a:\n  b: 1\n\u00a0 c: 2\n  d: 3\n",
            "3:1 a no-break space (U+00A0) is in the indentation; indent with plain spaces",
        ),
        (
            "a:\n  b: 1\n \u2003c: 2\n  d: 3\n",
            "3:2 a space that is not ASCII (U+2003) is in the indentation; indent with plain spaces",
        ),
        (
            "m:\n  c:\n    runtime: r\n  size: M\n    accelerator: a\n",
            "4:3 this line is indented less than the lines around it; indent it by 4 spaces, as they are",
        ),
        (  # near misses: the text goes on with a colon, below a key of the same depth or of one that opens a map
            "m:\n  c: 1\n  size: M\n    accelerator: a\n",
            "4:16 a colon is not allowed here; put text with a colon in quotes, or correct the indentation of a field of its own",
        ),
        (
            "a: x: y\n",
            "1:5 a colon is not allowed here; put text with a colon in quotes, or correct the indentation of a field of its own",
        ),
    ],
)
def test_a_slip_is_named_on_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    with pytest.raises(Rejected) as caught:
        read_document(tmp_path, "a.yaml")
    assert [f"{one.at.line}:{one.at.column} {one.message}; {one.hint}" for one in caught.value.findings] == [said]


@pytest.mark.parametrize("text", ["a: '<<<<<<< HEAD'\n", "a: |\n  <<<<<<< HEAD\n  =======\n", "a: 'x\u00a0y'\n"])
def test_marks_and_spaces_within_a_text_are_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    assert set(read_document(tmp_path, "a.yaml").data) == {"a"}
