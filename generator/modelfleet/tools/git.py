"""Git, asked and never obeyed: nothing that a repository brings is run, and nothing of it is changed but what a caller asks for.

A repository's own settings can name programs (`core.fsmonitor`, `filter.*.clean`), and a folder of committed files can look
like a bare repository with settings of its own. So every way in which Git starts another program is closed here, whatever
the settings say, and it is the only module that starts Git.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.tools import processes
from modelfleet.wording import printable

_GIT_S = 60.0
_PASSED_ON = (
    "GIT_CONFIG",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_TEST_ASSUME_DIFFERENT_OWNER",
    "GIT_COMMITTER_",
)
"""What begins so is the user's own setting up of Git; other variables of Git's belong to the run that called us."""
_ENVIRONMENT: Mapping[str, str] = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",  # the index is not refreshed on disk, so no hook hears of it
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # no remote is asked by any protocol, whatever protocol.*.allow says
    "GIT_NO_LAZY_FETCH": "1",  # what a partial clone lacks is missing
    "GIT_NO_REPLACE_OBJECTS": "1",  # what is committed is read, not what refs/replace puts in its place
    "GIT_ATTR_NOSYSTEM": "1",
}
_SETTINGS: Mapping[str, str] = {
    "core.quotePath": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.alternateRefsCommand": "",
    "core.sshCommand": "false",
    "core.gitProxy": "",
    "core.askPass": "",
    "core.attributesFile": os.devnull,
    "credential.helper": "",
    "diff.external": "",
    "gpg.program": "false",
    "log.showSignature": "false",
    "pager.config": "false",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",  # a folder of committed files is not a repository
    "submodule.recurse": "false",
}


def run_git(
    root: Path, words: Sequence[str], stdin: bytes = b"", settings: Mapping[str, str] | None = None
) -> processes.Completed:
    """Runs Git in a folder, within what is closed above. Raises MachineFailed where there is no Git or no end."""
    program = processes.on_path("git")
    if program is None:
        message = "git is not on PATH; install it (relative and empty entries of PATH are left out)"
        raise MachineFailed(message)
    _refuse_bare(root)
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(_PASSED_ON)
    }
    within = processes.ProcessOptions(environment={**ours, **_ENVIRONMENT})
    given = [f"{name}={value}" for name, value in {**_SETTINGS, **(settings or {})}.items()]
    options = [word for setting in given for word in ("-c", setting)]
    return processes.run([program, "--no-pager", *options, *words], root, stdin, _GIT_S, within)


def _refuse_bare(root: Path) -> None:
    """Older versions of Git do not know `safe.bareRepository`."""
    top = root.resolve()
    for folder in (top, *top.parents):
        if (folder / ".git").exists():
            return
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
            message = (
                f"{printable(str(folder))} looks like a bare Git repository, which Git would read instead of the one around it; "
                "remove its HEAD, objects and refs, or give the folder of a working tree as --root"
            )
            raise MachineFailed(message)


def without_filters(root: Path) -> dict[str, str]:
    """Settings that switch off every filter that is set up, by name: attributes, which are committed, choose among them."""
    done = run_git(root, ["config", "--null", "--name-only", "--get-regexp", r"^filter\."])
    names = {key.rpartition(".")[0] for key in done.out.decode("utf-8", "surrogateescape").split("\0") if key}
    off = {"clean": "", "smudge": "", "process": "", "required": "false"}
    return {f"{name}.{word}": value for name in sorted(names) for word, value in off.items()}
