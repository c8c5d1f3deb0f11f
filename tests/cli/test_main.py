"""The command line: its words, exit codes and formats, and that it is well-behaved towards terminals and pipes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from console import REPOSITORY, SPEC, miniature, modelfleet, process, tree, write
from modelfleet import __version__
from modelfleet.cli.main import cli

CONTEXT = click.Context(cli)
COMMANDS = {name: cli.get_command(CONTEXT, name) or cli for name in cli.list_commands(CONTEXT)}
COMMAND = [sys.executable, "-c", "from modelfleet.cli.main import main; main()"]

WARNED = SPEC.replace("    size: Small\n", "    size: Small\n    route: true\n")
WARNING = (
    "projects/acme.yaml:11:12: warning[NET001]: models.ranker.route: in prod: a route without tokens: whoever knows the "
    "address can use the model; add tokens: [...], or remove the route\n"
)
WRONG = SPEC.replace("Small", "Smal")
ERROR = (
    "projects/acme.yaml:10:11: error[CAP006]: models.ranker.size: in prod: no size 'Smal' is offered; did you mean 'Small'? "
    "there are Small, Medium\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return miniature(tmp_path / "root")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


# ---- words


def test_version() -> None:
    assert process("--version") == (0, f"modelfleet, version {__version__}\n", "")


def test_the_version_is_said_alike_without_the_command_line() -> None:
    words = [sys.executable, "-X", "importtime", "-m", "modelfleet", "--version"]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    assert done.stdout == f"modelfleet, version {__version__}\n"
    assert "modelfleet.cli.entry" in done.stderr and "click" not in done.stderr


def test_without_anywhere_to_say_the_version_it_ends_as_any_other_command_does() -> None:
    words = [sys.executable, "-m", "modelfleet", "--version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert (done.returncode, done.stderr) == (5, "modelfleet: the output cannot be written: No space left on device\n")


def test_help_is_the_same_with_h_and_lists_the_commands(root: Path) -> None:
    asked = modelfleet(root, "--help")
    assert asked == modelfleet(root, "-h")
    assert (asked.code, asked.err) == (0, "")
    assert asked.out.startswith(
        "Usage: modelfleet [OPTIONS] COMMAND [ARGS]...\n\n  Model serving on OpenShift AI as reviewed code.\n\n"
    )
    listed = re.findall(r"^  ([a-z-]+)  +[A-Z]", asked.out.partition("Commands:\n")[2], re.MULTILINE)
    assert listed == sorted(name for name, command in COMMANDS.items() if not command.hidden)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_says_what_it_does_and_documents_its_options(name: str, root: Path) -> None:
    command = COMMANDS[name]
    ran = modelfleet(root, name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert (command.help or "").strip().split("\n")[0].endswith("."), "a sentence"
    undocumented = [
        option.name
        for option in command.params
        if option.param_type_name == "option" and not getattr(option, "help", "")
    ]
    assert undocumented == []


FLEET_OPTIONS = """\
  --env NAME                      Only this environment; may be given several
                                  times.
  --project NAME                  Only this project; may be given several
                                  times.
  --strict                        Exit with 1 if there are warnings that are
                                  not accepted.
  --format [text|json|github|sarif|gitlab]
                                  Output format of findings.
  --no-cache                      Do not use or update the cache of earlier
                                  runs.  [env var: MODELFLEET_NO_CACHE]
  --shard I/N                     Only this share of the projects, such as
                                  3/8.
  --parts DIRECTORY               With --shard, the directory to leave its
                                  part in. Without it, the directory that
                                  holds the parts of all shards, to join them.
  -h, --help                      Show this message and exit.
"""
CHECK_HELP = f"""\
Usage: modelfleet check [OPTIONS]

  Check every file and render in memory; write nothing.

  Errors are always shown, because nothing is rendered until they are fixed.
  --env and --project choose which warnings are shown.

Options:
{FLEET_OPTIONS}"""
RENDER_HELP = f"""\
Usage: modelfleet render [OPTIONS]

  Render the overlays of every environment and say what changed.

Options:
  --check                         Write nothing; exit 3 and show the diff
                                  where files differ.
  --overwrite                     Overwrite files that were edited by hand or
                                  that modelfleet did not write.
  --verify                        Verify everything with the real tools
                                  afterwards.
{FLEET_OPTIONS}"""
VERIFY_HELP = f"""\
Usage: modelfleet verify [OPTIONS]

  Build every overlay with the real kustomize and check it with kubeconform
  and the clusters' schemas.

Options:
{FLEET_OPTIONS}"""

ARGOCD_HELP = """\
Usage: modelfleet argocd [OPTIONS] COMMAND [ARGS]...

  Print what the administrator of Argo CD needs.

Options:
  -h, --help  Show this message and exit.

Commands:
  health  Print health checks for models.
"""


@pytest.mark.parametrize(("name", "text"), [("check", CHECK_HELP), ("render", RENDER_HELP), ("verify", VERIFY_HELP)])
def test_help_of_the_main_commands(name: str, text: str, root: Path) -> None:
    assert modelfleet(root, name, "--help") == (0, text, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek"], "No such command 'chek'. Did you mean 'check'?"),
        (["check", "--formt=json"], "No such option '--formt'. Did you mean '--format'?"),
        (
            ["check", "--format", "xml"],
            "Invalid value for '--format': 'xml' is not one of 'text', 'json', 'github', 'sarif', 'gitlab'.",
        ),
        (["check", "acme"], "Got unexpected extra argument (acme); did you mean --project acme?"),
        (["render", "prod"], "Got unexpected extra argument (prod); did you mean --env prod?"),
        (
            ["render", "projects/acme.yaml"],
            "Got unexpected extra argument (projects/acme.yaml); did you mean --project acme?",
        ),
        (["plan", "main"], "Got unexpected extra argument (main); did you mean --against main?"),
        (["render", "--enviroment", "prod"], "No such option '--enviroment'. Did you mean --env?"),
        (["render", "--dry-run"], "No such option '--dry-run'. See `modelfleet render --help`."),
        (["render", "--env", "prd"], "--env prd: there is no such environment; did you mean 'prod'?"),
        (["render", "--env", "base"], "--env base: there is no such environment; there are prod, test"),
        (["render", "--project", "amce"], "--project amce: there is no such project; did you mean 'acme'?"),
        (["--root", "/there/is/none", "check"], "--root /there/is/none: there is no such folder"),
        (["--root", "/dev/null", "check"], "--root /dev/null: there is no such folder"),
        (["--root"], "Option '--root' requires an argument."),
    ],
)
def test_words_that_mean_nothing(words: list[str], message: str, root: Path) -> None:
    assert modelfleet(root, *words) == (2, "", f"modelfleet: {message}\n")
    assert tree(root) == {}


def test_no_command_shows_the_help(root: Path) -> None:
    ran = modelfleet(root)
    assert (ran.code, ran.out, ran.err) == (2, "", modelfleet(root, "--help").out)


# ---- exit codes


UNKNOWN = "more could be checked with facts that are missing: nodes, limitRange; `modelfleet doctor` lists them\n"


def test_fine(root: Path) -> None:
    said = "1 project in 2 environments: 1 model, 4 objects; all specs are valid\n" + UNKNOWN
    assert modelfleet(root, "check") == (0, said, "")


def test_a_warning_is_fine(root: Path) -> None:
    write(root, {"projects/acme.yaml": WARNED})
    assert modelfleet(root, "check") == (
        0,
        "1 project in 2 environments: 1 model, 4 objects, 1 warning\n" + UNKNOWN,
        WARNING,
    )


def test_who_only_asks_is_told_no_warnings(root: Path) -> None:
    write(root, {"projects/acme.yaml": WARNED})
    assert modelfleet(root, "endpoints").err == ""


def test_where_nothing_is_to_be_labelled_that_is_said(root: Path) -> None:
    said = "modelfleet: nothing to label, the namespaces are rendered with their labels (namespaces: managed)\n"
    assert modelfleet(root, "labels") == (0, "", said)


def test_a_group_without_a_command_shows_its_help(root: Path) -> None:
    ran = modelfleet(root, "argocd")
    assert (ran.code, ran.out, ran.err) == (2, "", ARGOCD_HELP)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("plan --env t", ["test"]),
        ("render --env ", ["prod", "test"]),
        ("endpoints --project a", ["acme"]),
        ("endpoints --project b", []),
        ("admit --release rhoai-3", ["rhoai-3.0", "rhoai-3.2", "rhoai-3.3", "rhoai-3.4", "rhoai-3.5"]),
        ("explain own", ["OWN001", "OWN002"]),
    ],
)
def test_names_are_completed(words: str, found: list[str], root: Path) -> None:
    *before, begun = words.split(" ")
    completer = ShellComplete(cli, {}, "modelfleet", "_MODELFLEET_COMPLETE")
    items = completer.get_completions(["--root", str(root), *before], begun)
    assert [item.value for item in items] == found


def test_the_files_are_wrong(root: Path) -> None:
    write(root, {"projects/acme.yaml": WRONG})
    assert modelfleet(root, "check") == (1, "", ERROR)
    assert modelfleet(root, "render") == (1, "", ERROR)
    assert tree(root) == {}


def test_drift(root: Path) -> None:
    modelfleet(root, "render")
    write(root, {"projects/acme.yaml": SPEC.replace("Acme assistants", "Assistants of Acme")})
    before = tree(root)
    ran = modelfleet(root, "render", "--check")
    changed = "environments/base/acme/namespace-acme-ml.yaml"
    diff = (
        f"--- a/{changed}\n+++ b/{changed}\n@@ -1,4 +1,4 @@\n"
        "-# Generated from projects/acme.yaml and environments/base.yaml: edit those, then `modelfleet render`. sha256:0\n"
        "+# Generated from projects/acme.yaml and environments/base.yaml: edit those, then `modelfleet render`. sha256:0\n"
        " apiVersion: v1\n kind: Namespace\n metadata:\n"
    )
    said = re.sub("sha256:[0-9a-f]{16}", "sha256:0", ran.out)
    assert (ran.code, ran.err) == (3, "")
    assert said.startswith(f"{changed}: stale\n{diff}"), said
    assert said.endswith("run `modelfleet render` and commit the result\n")
    assert (
        "\n-    openshift.io/display-name: Acme assistants\n+    openshift.io/display-name: Assistants of Acme\n"
        in said
    )
    assert tree(root) == before


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("ranker", "banker", "edited by hand"),
        ("\n", "\r\n", "other line endings, as of Windows; `*.yaml text eol=lf` in .gitattributes keeps them"),
    ],
)
def test_drift_that_rendering_alone_does_not_mend(old: str, new: str, why: str, root: Path) -> None:
    modelfleet(root, "render")
    path = "environments/base/acme/servingruntime-ranker.yaml"
    write(root, {path: (root / path).read_bytes().replace(old.encode(), new.encode())})
    ran = modelfleet(root, "render", "--check")
    first, *_, last = ran.out.splitlines()
    assert (ran.code, first, last) == (
        3,
        f"{path}: {why}",
        "what was edited by hand belongs in the files that its first line names; then run `modelfleet render --overwrite` "
        "and commit the result",
    )


def test_a_file_that_is_not_ours_hides_no_drift(root: Path) -> None:
    modelfleet(root, "render")
    write(root, {"environments/prod/acme/notes.yaml": "x\n"})
    foreign = (
        "environments/prod/acme/notes.yaml:1:1: error[OUT003]: modelfleet did not write this file, and the folder is "
        "generated; move it away, or run `modelfleet render --overwrite`, which leaves it there\n"
    )
    assert modelfleet(root, "render", "--check") == (4, "", foreign)
    write(root, {"projects/acme.yaml": SPEC.replace("Acme assistants", "Assistants of Acme")})
    ran = modelfleet(root, "render", "--check")
    first, *_, last = ran.out.splitlines()
    assert (ran.code, ran.err, first, last) == (
        4,
        foreign,
        "environments/base/acme/namespace-acme-ml.yaml: stale",
        "run `modelfleet render` and commit the result",
    )


def test_no_drift(root: Path) -> None:
    modelfleet(root, "render")
    said = f"up to date: {len(tree(root))} files are as they would be rendered\n"
    assert modelfleet(root, "render", "--check") == (0, said, "")


def test_what_was_never_rendered_drifts_and_is_not_verified(root: Path) -> None:
    ran = modelfleet(root, "render", "--check")
    assert (ran.code, ran.out.split("\n")[0]) == (3, "environments/base/acme/externalsecret-store.yaml: missing")
    message = (
        "modelfleet: environments/base/acme/externalsecret-store.yaml is not as it would be rendered; "
        "run `modelfleet render` first\n"
    )
    assert modelfleet(root, "verify") == (3, "", message)


def test_refused_by_policy(root: Path) -> None:
    write(root, {"projects/acme.yaml": SPEC.replace("acme-ml", "kube-system")})
    ran = modelfleet(root, "render")
    assert (ran.code, ran.out, tree(root)) == (4, "", {})
    assert ran.err == (
        "projects/acme.yaml:3:12: error[OWN001]: namespace: in prod: namespace 'kube-system' belongs to the system; "
        "choose a namespace of the project's own\n"
    )


def test_the_machine_failed(root: Path) -> None:
    (root / "projects").chmod(0)
    if os.access(root / "projects", os.R_OK):  # whoever runs this may read everything
        (root / "projects").chmod(0o755)
        (root / "environments/.modelfleet").mkdir()
        (root / "environments/.modelfleet/journal").write_text("{}")
        said = "modelfleet: environments/ is partly written: a run was interrupted; `modelfleet render` finishes it\n"
        assert modelfleet(root, "render", "--check") == (5, "", said)
        return
    ran = modelfleet(root, "check")
    (root / "projects").chmod(0o755)
    said = "modelfleet: cannot list projects/: Permission denied; give this user the right to read it\n"
    assert ran == (5, "", said)


BROKEN = """\
import sys
from modelfleet.cli import sharing
from modelfleet.cli.main import main
def fleet(root, **options): raise ZeroDivisionError("hunter2 is a secret")
sharing.fleet = fleet
main(sys.argv[1:])
"""


def broken(root: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "--root", str(root), *words],
        env=environment(),
        capture_output=True,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_bug_of_ours_is_one_line_without_a_traceback(root: Path) -> None:
    said = (
        "modelfleet: this is a bug in modelfleet (ZeroDivisionError at <string>:4); nothing is known to be wrong with your "
        "files. Please report it with what `--debug` prints\n"
    )
    assert broken(root, "check") == (70, "", said)


@pytest.mark.parametrize("words", [["--debug", "check"], ["check", "--debug"]])
def test_debug_shows_where_a_bug_happened(words: list[str], root: Path) -> None:
    code, out, err = broken(root, *words)
    assert (code, out, err.split("\n")[0]) == (70, "", "Traceback (most recent call last):")


# ---- formats


def test_json_of_a_refusal(root: Path) -> None:
    write(root, {"projects/acme.yaml": WRONG})
    finding = {
        "file": "projects/acme.yaml",
        "line": 10,
        "column": 11,
        "severity": "error",
        "code": "CAP006",
        "path": "models.ranker.size",
        "message": "no size 'Smal' is offered",
        "hint": "did you mean 'Small'? there are Small, Medium",
        "reason": "",
        "environments": ["prod"],
        "policy": False,
    }
    for words in (["check"], ["render"], ["render", "--check"], ["verify"]):
        for option in (["--format", "json"], ["--format=json"]):
            ran = modelfleet(root, *words, *option)
            assert (ran.code, json.loads(ran.out), ran.err) == (1, [finding], "")


def test_json_of_what_is_accepted_holds_the_warnings_and_nothing_else(root: Path) -> None:
    write(root, {"projects/acme.yaml": WARNED})
    for words in (["check"], ["render"], ["render", "--check"]):
        ran = modelfleet(root, *words, "--format", "json")
        assert (ran.code, [entry["code"] for entry in json.loads(ran.out)]) == (0, ["NET001"])
    write(root, {"projects/acme.yaml": SPEC})
    assert modelfleet(root, "check", "--format", "json") == (0, "[]\n", "")


def test_json_of_drift_leaves_the_words_to_stderr(root: Path) -> None:
    modelfleet(root, "render")
    (root / "environments/prod/acme/kustomization.yaml").unlink()
    said = "environments/prod/acme/kustomization.yaml: missing\nrun `modelfleet render` and commit the result\n"
    ran = modelfleet(root, "render", "--check", "--format", "json")
    (finding,) = json.loads(ran.out)
    assert (ran.code, ran.err) == (3, said)
    assert finding == {
        "file": "environments/prod/acme/kustomization.yaml",
        "line": 1,
        "column": 1,
        "severity": "error",
        "code": "OUT006",
        "path": "",
        "message": "missing",
        "hint": "run `modelfleet render` and commit the result",
        "reason": "",
        "environments": [],
        "policy": False,
    }


def test_json_keeps_text_that_is_not_ascii(root: Path) -> None:
    write(root, {"projects/acme.yaml": SPEC.replace("Small", "Größe")})
    ran = modelfleet(root, "check", "--format", "json")
    assert '"message": "\'Größe\' holds U+00F6 (LATIN SMALL LETTER O WITH DIAERESIS)"' in ran.out


def test_github_annotates_the_lines_beside_the_text(root: Path) -> None:
    write(root, {"projects/acme.yaml": WRONG})
    annotations = (
        "::error file=projects/acme.yaml,line=10,col=11,title=CAP006::models.ranker.size: no size 'Smal' is offered; "
        "did you mean 'Small'? there are Small, Medium\n"
    )
    for words in (["check"], ["render"], ["verify"]):
        for option in (["--format", "github"], ["--format=github"]):
            ran = modelfleet(root, *words, *option)
            assert ran.code == 1
            assert annotations in ran.out
            assert ERROR in ran.err
            assert all(line.startswith("::") for line in ran.out.splitlines())


def test_github_puts_a_warning_on_its_line_once(root: Path) -> None:
    write(root, {"projects/acme.yaml": WARNED})
    modelfleet(root, "render")
    steps = [modelfleet(root, *words, "--format", "github") for words in (["check"], ["render", "--check"])]
    assert [[line for line in ran.out.splitlines() if line.startswith("::warning ")] != [] for ran in steps] == [
        True,
        False,
    ]
    assert [ran.err for ran in steps] == [WARNING, ""]


def test_github_annotates_the_files_that_drifted(root: Path) -> None:
    modelfleet(root, "render")
    path = "environments/prod/acme/kustomization.yaml"
    write(root, {path: (root / path).read_text() + "# mine\n"})
    (root / "environments/base/acme/kustomization.yaml").unlink()
    ran = modelfleet(root, "render", "--check", "--format", "github")
    assert ran.code == 3
    remedy = (
        "what was edited by hand belongs in the files that its first line names; then run `modelfleet render --overwrite` "
        "and commit the result"
    )
    assert [line for line in ran.out.splitlines() if line.startswith("::")] == [
        f"::error file=environments/base/acme/kustomization.yaml,line=1,title=drift::missing; {remedy}",
        f"::error file={path},line=1,title=drift::edited by hand; {remedy}",
    ]
    assert "::" not in modelfleet(root, "render", "--check").out


def test_github_escapes_what_would_end_an_annotation() -> None:
    from modelfleet.finding import Finding, Location
    from modelfleet.report.findings import finding_github

    finding = Finding(
        at=Location("a,b:c%.yaml", 2, 3), code="X1", message="100% wrong\nreally", path="a.b", hint="no::way"
    )
    assert finding_github(finding) == (
        "::error file=a%2Cb%3Ac%25.yaml,line=2,col=3,title=X1::a.b: 100%25 wrong%0Areally; no::way"
    )


# ---- where it stands, and to whom it speaks


def test_root_may_be_relative_and_is_this_folder_by_default(root: Path) -> None:
    said = "1 project in 2 environments: 1 model, 4 objects; all specs are valid\n" + UNKNOWN
    assert process("check", cwd=root) == (0, said, "")
    assert process("--root", "root", "check", cwd=root.parent) == (0, said, "")
    assert process("--root", "..", "check", cwd=root / "projects") == (0, said, "")


def test_nothing_is_imported_from_the_folder_that_it_stands_in(root: Path) -> None:
    for name in ("yaml", "click", "jinja2", "modelfleet", "json"):
        (root / f"{name}.py").write_text("raise SystemExit('imported')\n")
    command = [sys.executable, "-P", "-c", "from modelfleet.cli.main import main; main()", "check"]
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        (
            "ascii",
            "'Größe' holds U+00F6 (LATIN SMALL LETTER O WITH DIAERESIS)",
        ),  # taken for UTF-8 that is set up wrongly
        ("iso8859-5", "'Gr\\xf6\\xdfe' holds U+00F6 (LATIN SMALL LETTER O WITH DIAERESIS)"),
    ],
)
def test_a_terminal_that_does_not_know_all_letters(encoding: str, shown: str, root: Path) -> None:
    write(root, {"projects/acme.yaml": SPEC.replace("Small", "Größe")})
    narrow = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    hint = "name a size of the environment, or write {requests: {cpu, memory}, limits: {cpu, memory}}"
    said = f"projects/acme.yaml:10:11: error[SPEC005]: models.ranker.size: {shown}; {hint}\n"
    assert process("--root", root, "check", environment=narrow) == (1, "", said)


def test_a_value_cannot_control_the_terminal(root: Path) -> None:
    write(root, {"projects/acme.yaml": SPEC.replace("size: Small", 'size: "\\e[31m\\u202eSmall"')})
    ran = modelfleet(root, "check")
    assert (ran.code, ran.out) == (1, "")
    assert "\x1b" not in ran.err and "\u202e" not in ran.err
    assert ran.err.startswith("projects/acme.yaml:10:11: error[")


def closed(root: Path, *words: str, closing: tuple[int, ...]) -> int:
    """Runs it with file descriptors closed."""
    return subprocess.run(
        [*COMMAND, "--root", str(root), *words],
        env=environment(),
        stdout=None if 1 in closing else subprocess.DEVNULL,
        stderr=None if 2 in closing else subprocess.DEVNULL,
        preexec_fn=partial(os.closerange, min(closing), max(closing) + 1),
        check=False,
    ).returncode


@pytest.mark.parametrize("closing", [(1,), (2,), (1, 2)])
def test_closed_streams_change_nothing_but_that_nothing_is_seen(closing: tuple[int, ...], root: Path) -> None:
    assert closed(root, "render", closing=closing) == 0
    assert modelfleet(root, "render", "--check").code == 0
    write(root, {"projects/acme.yaml": WRONG})
    assert closed(root, "check", closing=closing) == 1


def test_a_reader_that_goes_away_is_no_error(root: Path) -> None:
    process_ = subprocess.Popen(
        [*COMMAND, "--root", str(root), "--help"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process_.stdout is not None and process_.stderr is not None
    process_.stdout.close()
    said = process_.stderr.read()
    process_.stderr.close()
    assert (process_.wait(), said) == (0, b"")


def test_a_full_disk_behind_stdout(root: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "--root", str(root), "check"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    said = b"modelfleet: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (5, said)


def test_an_interrupt_ends_it_without_a_traceback(root: Path) -> None:
    script = "import modelfleet.cli.sharing as p, time\n"
    script += "p.fleet = lambda root, **options: (print('ready', flush=True), time.sleep(30))\n"
    script += "from modelfleet.cli.main import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", script, "--root", str(root), "check"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=10)
    assert (running.returncode, out, err) == (130, b"", b"\n"), "the shell's prompt begins a line of its own"


# ---- scope


def test_render_may_be_limited_to_an_environment_or_a_project(root: Path) -> None:
    write(
        root, {"projects/shop.yaml": SPEC.replace("acme-ml", "shop-ml").replace("{prod: {}}", "{prod: {}, test: {}}")}
    )
    modelfleet(root, "render", "--env", "test", "--project", "shop")
    assert {tuple(path.split("/")[1:3]) for path in tree(root)} == {
        ("base", "shop"),
        ("prod", "shop"),  # it builds on the base
        ("test", "argocd"),  # it allows what is new
        ("test", "shop"),
    }
    modelfleet(root, "render", "--project", "acme")
    folders = {tuple(path.split("/")[1:3]) for path in tree(root)}
    shop = {("base", "shop"), ("prod", "shop"), ("test", "shop")}
    assert folders == shop | {("base", "acme"), ("prod", "acme"), ("prod", "argocd"), ("test", "argocd")}
    assert modelfleet(root, "render", "--check", "--env", "test", "--project", "shop").code == 0
    assert modelfleet(root, "render", "--check").code == 0


def test_a_limited_render_still_checks_everything(root: Path) -> None:
    write(root, {"projects/shop.yaml": WRONG.replace("acme-ml", "shop-ml")})
    ran = modelfleet(root, "render", "--project", "acme")
    assert (ran.code, ran.err, tree(root)) == (1, ERROR.replace("acme.yaml", "shop.yaml"), {})


# ---- two runs, and an unfinished one


def test_a_run_waits_for_another_one(root: Path) -> None:
    with (root / "environments/.modelfleet.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = subprocess.Popen([*COMMAND, "--root", str(root), "render"], env=environment(), stdout=subprocess.PIPE)
        time.sleep(0.5)
        assert running.poll() is None
    running.communicate(timeout=30)
    assert running.returncode == 0
    assert modelfleet(root, "render", "--check").code == 0


def test_progress_of_installing_is_said_in_a_pipe_too_but_not_that_of_work(tmp_path: Path) -> None:
    """On a terminal `check` prints what it prints in a pipe: it is too quick for progress."""
    root = miniature(tmp_path / "root")
    leader, follower = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "--root", str(root), "check"], env=environment(), stdout=follower, stderr=follower, check=False
    )
    os.close(follower)
    seen = os.read(leader, 1 << 16).decode().replace("\r\n", "\n")
    os.close(leader)
    piped = modelfleet(root, "check")
    assert (done.returncode, seen) == (piped.code, piped.out)


def test_the_default_mode_of_a_cluster_is_one_of_the_release(tmp_path: Path) -> None:
    ran = modelfleet(tmp_path, "admit", "--release", "rhoai-2.25", "--default-mode", "Standard", "a.yaml")
    assert (ran.code, ran.err.splitlines()[-1]) == (
        2,
        "modelfleet: Invalid value for --default-mode: 'Standard' is not a deployment mode of rhoai-2.25; "
        "one of Serverless, RawDeployment, ModelMesh",
    )
