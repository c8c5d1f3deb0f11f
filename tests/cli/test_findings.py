"""How findings are shown: accepted, in the formats of other programs, and on a terminal with the line that they are about."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console import SPEC, miniature, modelfleet, tree, write

WARNED = SPEC.replace("    size: Small\n", "    size: Small\n    route: true\n")
SUMMARY = "1 project in 2 environments: 1 model, 4 objects"
NET001 = "models.ranker.route: in prod: a route without tokens: whoever knows the address can use the model"
MORE = "more could be checked with facts that are missing: nodes, limitRange; `modelfleet doctor` lists them\n"
REASON = "Only the company network reaches it."
ENTRY = f'accept: [{{code: NET001, path: models.ranker.route, reason: "{REASON}"}}]\n'
STYLE = {"place": "\x1b[1m", "warning": "\x1b[33m\x1b[1m", "error": "\x1b[31m\x1b[1m", "end": "\x1b[0m"}


def accepting(root: Path, spec: str = WARNED, entry: str = ENTRY) -> Path:
    return miniature(root, {"projects/acme.yaml": spec.replace("environments:", f"{entry}environments:")})


def edited(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text("utf-8")
    assert old in text
    write(root, {path: text.replace(old, new)})


# ---- accepted


def test_an_accepted_warning_is_shown_with_its_reason_and_is_strict_enough(tmp_path: Path) -> None:
    root = accepting(tmp_path)
    said = (
        f"projects/acme.yaml:11:12: accepted[NET001]: {NET001}; accepted: {REASON} (projects/acme.yaml:13:10)\n"
        f"{SUMMARY}; all specs are valid, 1 accepted\n{MORE}[exit 0]\n"
    )
    assert modelfleet(root, "check", "--strict").text() == said
    assert modelfleet(root, "render", "--strict").code == 0
    (found,) = json.loads(modelfleet(root, "check", "--format", "json").out)
    assert (found["severity"], found["reason"], found["code"]) == ("accepted", REASON, "NET001")


@pytest.mark.parametrize("path", ["", "models", "models.ranker", "models.ranker.route"])
def test_a_path_covers_what_is_below_it(path: str, tmp_path: Path) -> None:
    written = f"path: {path}, " if path else ""
    root = accepting(tmp_path, entry=f"accept: [{{code: NET001, {written}reason: Internal.}}]\n")
    assert modelfleet(root, "check", "--strict").code == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "{code: NET001, path: models.rank, reason: Internal.}",
            "nothing is found at models.rank that NET001 warns of; delete this entry",
        ),
        ("{code: NET006, reason: Internal.}", "nothing is found that NET006 warns of; delete this entry"),
        ("{code: NET901, reason: Internal.}", "there is no NET901; did you mean 'NET001'?"),
        ("{code: ACC001, reason: Internal.}", "nothing is found that ACC001 warns of; delete this entry"),
    ],
)
def test_an_acceptance_of_nothing_is_a_warning_and_accepts_nothing(entry: str, said: str, tmp_path: Path) -> None:
    ran = modelfleet(accepting(tmp_path, entry=f"accept: [{entry}]\n"), "check", "--strict")
    assert ran.text() == (
        f"projects/acme.yaml:11:12: warning[NET001]: {NET001}; add tokens: [...], or remove the route\n"
        f"projects/acme.yaml:13:10: warning[ACC001]: accept[0]: {said}\n"
        f"{SUMMARY}, 2 warnings\n{MORE}[exit 1]\n"
    )


def test_an_error_cannot_be_accepted(tmp_path: Path) -> None:
    entry = "accept: [{code: CAP006, reason: It fits.}]\n"
    ran = modelfleet(accepting(tmp_path, SPEC.replace("Small", "Smal"), entry), "check")
    assert ran.text() == (
        "projects/acme.yaml:10:11: error[CAP006]: models.ranker.size: in prod: no size 'Smal' is offered; did you mean "
        "'Small'? there are Small, Medium\n"
        "projects/acme.yaml:12:10: error[ACC002]: accept[0]: CAP006 is an error there, and only warnings can be accepted; "
        "fix the error, and delete this entry (projects/acme.yaml:10:11)\n[exit 1]\n"
    )


def test_a_reason_is_required(tmp_path: Path) -> None:
    ran = modelfleet(accepting(tmp_path, entry="accept: [{code: NET001}]\n"), "check")
    assert (ran.code, ran.err) == (
        1,
        "projects/acme.yaml:13:10: error[SPEC003]: accept[0]: 'reason' is missing; write the reason: reason: ...\n",
    )


def test_an_acceptance_of_one_environment_leaves_the_others(tmp_path: Path) -> None:
    both = WARNED.replace("{prod: {}}", f"{{test: {{}}, prod: {{{ENTRY.strip()}}}}}")
    ran = modelfleet(miniature(tmp_path, {"projects/acme.yaml": both}), "check", "--strict")
    assert ran.code == 1
    assert [line.split(": ")[1::2][:2] for line in ran.err.splitlines()] == [
        ["accepted[NET001]", "in prod"],
        ["warning[NET001]", "in test"],
    ]


def test_warnings_about_a_cluster_are_accepted_in_its_file(tmp_path: Path) -> None:
    root = miniature(tmp_path)
    edited(root, "environments/test.yaml", "accelerators:", "accelerators:\n  old: {identifier: nvidia.com/gpu}")
    found = modelfleet(root, "check")
    assert [line.split(": ")[1] for line in found.err.splitlines()] == ["warning[ENV009]"]
    text = (root / "environments/test.yaml").read_text("utf-8")
    write(root, {"environments/test.yaml": f"{text}accept: [{{code: ENV009, reason: It leaves soon.}}]\n"})
    assert modelfleet(root, "check", "--strict").code == 0
    write(root, {"environments/test.yaml": text})
    edited(root, "projects/acme.yaml", "environments:", "accept: [{code: ENV009, reason: Mine.}]\nenvironments:")
    assert "ACC001" in modelfleet(root, "check").err, "a project does not speak for a cluster"


# ---- strict


def test_strict_writes_nothing_where_there_are_warnings(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": WARNED})
    ran = modelfleet(root, "render", "--strict")
    assert (ran.code, ran.out, tree(root)) == (1, "", {})
    assert ran.err.splitlines()[1:] == [
        "modelfleet: nothing is written, since --strict refuses warnings that are not accepted"
    ]
    assert modelfleet(root, "render").code == 0
    assert modelfleet(root, "render", "--check", "--strict").code == 1
    assert modelfleet(root, "render", "--check").code == 0
    ran = modelfleet(root, "render", "--strict", "--format", "json")
    assert (ran.code, [found["code"] for found in json.loads(ran.out)]) == (1, ["NET001"])


def test_a_strict_plan_shows_the_warnings(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": WARNED})
    modelfleet(root, "render")
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*me, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", "-C", root, *words], check=True)
    assert (modelfleet(root, "plan").code, modelfleet(root, "plan").err) == (0, "")
    ran = modelfleet(root, "plan", "--strict", "--format", "json")
    assert (ran.code, ran.err.count("warning[NET001]"), json.loads(ran.out)["version"]) == (1, 1, 1)
    assert modelfleet(root, "plan", "--strict", "--env", "test").code == 0


# ---- formats of other programs


def test_gitlab_reads_a_report_of_code_quality(tmp_path: Path) -> None:
    ran = modelfleet(miniature(tmp_path, {"projects/acme.yaml": WARNED}), "check", "--format", "gitlab")
    (found,) = json.loads(ran.out)
    assert len(found.pop("fingerprint")) == 64
    assert (ran.code, ran.err, found) == (
        0,
        "",
        {
            "description": f"{NET001}; add tokens: [...], or remove the route",
            "check_name": "NET001",
            "severity": "minor",
            "location": {"path": "projects/acme.yaml", "lines": {"begin": 11}},
        },
    )


def test_sarif_suppresses_what_is_accepted(tmp_path: Path) -> None:
    ran = modelfleet(accepting(tmp_path), "check", "--format", "sarif")
    (run,) = json.loads(ran.out)["runs"]
    (result,) = run["results"]
    assert (ran.code, ran.err, run["tool"]["driver"]["rules"]) == (
        0,
        "",
        [{"id": "NET001", "shortDescription": {"text": "A route without tokens is open to everybody"}}],
    )
    place = {"artifactLocation": {"uri": "projects/acme.yaml"}, "region": {"startLine": 11, "startColumn": 12}}
    assert (result["level"], result["locations"]) == ("note", [{"physicalLocation": place}])
    assert result["suppressions"] == [{"kind": "inSource", "justification": REASON}]


@pytest.mark.parametrize("form", ["sarif", "gitlab"])
def test_an_error_and_drift_are_one_document_as_well(form: str, tmp_path: Path) -> None:
    def results(said: str) -> Any:
        return json.loads(said) if form == "gitlab" else json.loads(said)["runs"][0]["results"]

    root = miniature(tmp_path)
    drifted = modelfleet(root, "render", "--check", "--format", form)
    assert (drifted.code, len(results(drifted.out)) > 3) == (3, True)
    edited(root, "projects/acme.yaml", "Small", "Smal")
    ran = modelfleet(root, "render", f"--format={form}")
    assert (ran.code, ran.err, len(results(ran.out))) == (1, "", 1)


def test_a_fingerprint_does_not_move_with_the_lines_and_is_one_of_a_kind(tmp_path: Path) -> None:
    def prints(spec: str) -> list[str]:
        ran = modelfleet(miniature(tmp_path, {"projects/acme.yaml": spec}), "check", "--format", "gitlab")
        return [found["fingerprint"] for found in json.loads(ran.out)]

    assert prints(WARNED) == prints(f"# a comment\n{WARNED}")
    many = prints(
        WARNED.replace("environments:", f"accept: [{', '.join(['{code: NET009, reason: a}'] * 3)}]\nenvironments:")
    )
    assert (len(many), len(set(many))) == (4, 4)


# ---- on a terminal


def on_terminal(root: Path, *words: str, **variables: str) -> str:
    """What a person sees who types this."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "modelfleet", "--root", str(root), *words]
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")} | variables
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:  # Linux says so when the other side has closed it
            pass
    os.close(ours)
    return seen.decode().replace("\r\n", "\n")


def test_a_terminal_has_colours_and_the_line_with_a_mark_below_the_place(tmp_path: Path) -> None:
    seen = on_terminal(miniature(tmp_path, {"projects/acme.yaml": WARNED}), "check")
    place, warning, error, end = STYLE.values()
    assert seen == (
        f"{place}projects/acme.yaml:11:12{end}: {warning}warning[NET001]{end}: {NET001}; add tokens: [...], or remove the "
        f"route\n\x1b[2m   11 |     route: true{end}\n{error}      |            ^{end}\n{SUMMARY}, 1 warning\n{MORE}"
    )


def test_without_colours_the_line_stays(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": WARNED})
    plain = on_terminal(root, "check", NO_COLOR="1")
    assert "\x1b" not in plain
    assert plain.splitlines()[1:3] == ["   11 |     route: true", "      |            ^"]
    assert on_terminal(root, "check", "--color", "never") == plain
    assert on_terminal(root, "check", TERM="dumb") == plain
    assert "\x1b" in on_terminal(root, "--color=always", "check", NO_COLOR="1")


def test_a_pipe_has_neither_unless_it_is_told_to(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": WARNED})
    assert len(modelfleet(root, "check").err.splitlines()) == 1
    forced = modelfleet(root, "check", "--color", "always").err
    assert (len(forced.splitlines()), "\x1b[33m" in forced) == (3, True)


def shown(root: Path, spec: str) -> list[str]:
    """The lines of source that are shown of a spec."""
    ran = modelfleet(miniature(root, {"projects/acme.yaml": spec}), "check", "--color=always")
    lines = [line.replace("\x1b[2m", "").replace("\x1b[0m", "") for line in ran.err.splitlines()]
    assert "hunter2" not in ran.err
    return [line for line in lines if " | " in line and not line.endswith("^")]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("size: Small", "size: Small\n    env: {DB_PASSWORD: hunter2}", "11 |     env: {DB_PASSWORD: …}"),
        ("size: Small", "sise: hunter2", "10 |     sise: …"),
        ("size: Small", "size: hunter2: x", "10 |     size: …: x"),
        ("size: Small", "size: [hunter2]", "10 |     size: […]"),
    ],
)
def test_no_value_of_a_file_that_is_not_valid_is_shown(old: str, new: str, line: str, tmp_path: Path) -> None:
    assert f"   {line}" in shown(tmp_path, SPEC.replace(old, new))


def test_of_a_valid_file_what_could_be_a_secret_all_the_same_is_hidden(tmp_path: Path) -> None:
    odd = "aB3dE5fG7hJ9kL2mN4pQ6rS8"
    spec = SPEC.replace("store, path: ranker}", f"stor, path: {odd}}}")
    assert shown(tmp_path, spec) == ["   11 |     location: {connection: stor, path: …}"]


def test_a_long_line_is_cut_and_wide_letters_are_counted(tmp_path: Path) -> None:
    root = miniature(tmp_path, {"projects/acme.yaml": SPEC.replace("size: Small", f"size: {'模' * 3}")})
    lines = modelfleet(root, "check", "--color=always").err.splitlines()
    assert "^" in lines[2]
    far = SPEC.replace("size: Small", f"args: [{', '.join(['--verbose'] * 60)}, --port=1]")
    ran = modelfleet(miniature(tmp_path, {"projects/acme.yaml": far}), "check", "--color=always")
    assert max(len(line) for line in ran.err.splitlines() if " | " in line) < 140


def test_a_file_that_is_a_link_or_is_not_written_by_hand_is_not_opened(tmp_path: Path) -> None:
    root = miniature(tmp_path / "root")
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    (root / "projects/acme.yaml").unlink()
    (root / "projects/acme.yaml").symlink_to(tmp_path / "secret.yaml")
    ran = modelfleet(root, "check", "--color=always")
    assert (ran.code, len(ran.err.splitlines())) == (4, 1)
