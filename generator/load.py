"""The strict reader: what hand-written files there are, and each as plain data with the place of every key and value.

YAML here is what YAML 1.1, YAML 1.2, PyYAML and Go's parser all read alike; the rest is refused with a way to write it.
The reader works on the parser's events: PyYAML's composer recurses and its constructors raise what they like, so these
do not run. No message shows what may be a secret: a file that is refused here never gets to the search for secrets.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, Generic, TypeVar

from generator.finding import Finding, Location, MachineFailed, Pointer, Rejected, dotted, nearest, printable

MOST_BYTES = 4 << 20
MOST_NODES = 200_000
MOST_DEPTH = 32
MOST_SCALAR_BYTES = 16 << 10
MOST_FINDINGS = 100
_LONGEST_NAME = 63

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Document:
    """A hand-written file: plain data (dict with text keys, list, str, int, float, bool, None) and where it stands."""

    file: str
    data: Any
    keys: Mapping[Pointer, Location]
    values: Mapping[Pointer, Location]
    raw: Mapping[Pointer, str]
    """What became a number or a truth value, as it was written."""
    text: str = field(default="", repr=False, compare=False)
    """The whole file, comments too."""

    def at(self, pointer: Pointer) -> Location:
        """Where the value stands, or its nearest ancestor that is there."""
        for length in range(len(pointer), -1, -1):
            if (found := self.values.get(pointer[:length])) is not None:
                return found
        return Location(self.file)

    def key_at(self, pointer: Pointer) -> Location:
        """Where the key stands; where there is none, the value."""
        return self.keys.get(pointer) or self.at(pointer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The hand-written files by name; runtimes by environment (None: all of them) and file name."""

    projects: Mapping[str, str]
    environments: Mapping[str, str]
    base: str | None
    runtimes: Mapping[tuple[str | None, str], str]


# ---- names of secrets ------------------------------------------------------------------------------------------------

_MAY_NAME_SECRET = re.compile(r"pass|pwd|secret|token|key|bearer|jwt|pat\b|dsn|docker|connection", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NAMES_SECRET = re.compile(
    r"""(?:^|_)(?:
        [a-z]*passw(?:or)?ds? | [a-z]*pwd | pass(?:phrase|code)?
      | [a-z]*secret | secret_(?:id|data|string) | [a-z]*token | bearer | jwt | (?:gh|git|github|gitlab|azure)_pat
      | (?:api|access|auth|client|secret|private|signing|encryption|account|shared|master|ssh|deploy|license|session
          |service|admin|hmac|aws|azure|gcp|openai|anthropic|hf|huggingface|github|gitlab|wandb|ngc|stripe)_?keys?
      | (?:access|secret)_?key_?id | client_key_data | connection_string | dsn | htpasswd
      | docker_?config_?json | dockercfg
    )(?:_(?:[0-9]+|value|text|plain|string|b_64|base_64|old|new|current|default|prod|dev|test))*$""",
    re.VERBOSE,
)
_NAMES_NONE = re.compile(
    r"""(?:^|_)(?:
        (?:[beu]os|pad|unk|sep|cls|mask|stop|special|start|end|image|audio|video|max|min|num|per|think|tool|placeholder
          |first|last|next|prefill|decode|draft|input|output|prompt|completion|forced|decoder|budget)_token
      | (?:pull|existing|tls)_secret
      | (?:one|two|three|single|multi|first|second|by|forward|backward|full)_pass
    )$""",
    re.VERBOSE,
)


def names_secret(name: str) -> bool:
    """Whether a field, variable or option of this name holds a secret, to judge by the name alone."""
    if not _MAY_NAME_SECRET.search(name):
        return False
    words = "_".join(_WORD.findall(name)).lower()
    return bool(_NAMES_SECRET.search(words)) and not _NAMES_NONE.search(words)


def naming(parent: Any, step: str | int) -> str | None:
    """The name that tells what a value is: its field, the variable or path beside it, the option before it."""
    if isinstance(step, int):
        before = parent[step - 1] if isinstance(parent, list) and 0 < step <= len(parent) else None
        return before if isinstance(before, str) and before.startswith("-") and "=" not in before else None
    if step == "value" and isinstance(parent, dict):
        name = parent.get("name", parent.get("path"))
        return name.rpartition("/")[2] if isinstance(name, str) else None
    return step


def _guarded(data: Any, pointer: Pointer) -> bool:
    for step in pointer:
        if (name := naming(data, step)) is not None and names_secret(name):
            return True
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):  # the file is wrong in another way too: better to hide too much
            return True
    return False


# ---- what there is ---------------------------------------------------------------------------------------------------

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_OBJECT = re.compile(r"[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_EDITORS = (".#", "._", ".~", "#")


def discover(root: Path) -> Sources:
    """What hand-written files there are; none is opened.

    Raises Rejected for what is meant as one of them and cannot be, MachineFailed where a folder cannot be listed.
    """
    if not root.is_dir():
        message = f"there is no folder {printable(str(root))}: --root names the folder that holds projects/"
        raise MachineFailed(message)
    findings: list[Finding] = []
    projects, folders = _listing(root, "projects", _LABEL, findings)
    for name in folders:
        findings += _nested(root, f"projects/{name}", "projects/")
    if not projects and not findings:
        findings.append(_no_projects(root))
    if "argocd" in projects:
        findings.append(
            _misnamed(projects["argocd"], "'argocd' is the folder of Argo CD's own objects", "choose another name")
        )
    environments, _ = _listing(root, "environments", _LABEL, findings)
    base = environments.pop("base", None)
    runtimes = _runtimes(root, environments, findings)
    if findings:
        raise Rejected(sorted(findings[:MOST_FINDINGS], key=lambda finding: finding.order))
    return Sources(projects=projects, environments=environments, base=base, runtimes=runtimes)


def _runtimes(
    root: Path, environments: Mapping[str, str], findings: list[Finding]
) -> dict[tuple[str | None, str], str]:
    files, folders = _listing(root, "runtimes", _OBJECT, findings)
    found: dict[tuple[str | None, str], str] = {(None, stem): file for stem, file in files.items()}
    for name in folders:
        files, deeper = _listing(root, f"runtimes/{name}", _OBJECT, findings)
        for folder in deeper:
            findings += _nested(root, f"runtimes/{name}/{folder}", f"runtimes/{name}/")
        if files and name not in environments:
            near = nearest(name, environments)
            hint = (
                f"did you mean runtimes/{near}/?"
                if near
                else "what holds for all environments lies in runtimes/ itself"
            )
            findings.append(_misnamed(f"runtimes/{name}", f"there is no environments/{name}.yaml", hint))
        found |= {(name, stem): file for stem, file in files.items()}
    return found


def _listing(
    root: Path, folder: str, legal: re.Pattern[str], findings: list[Finding]
) -> tuple[dict[str, str], list[str]]:
    """The YAML files of a folder by their names without `.yaml`, and its folders."""
    files: dict[str, str] = {}
    folders: list[str] = []
    entries = _entries(root, folder, findings)
    for entry in entries:
        file, is_yaml = f"{folder}/{entry.name}", _is_yaml(entry.name)
        if entry.name.startswith(_EDITORS) or (entry.name.startswith(".") and not is_yaml):
            continue
        if entry.is_symlink():
            if is_yaml or folder != "environments":  # the folders in environments/ are the writer's business
                findings.append(_link(file))
        elif not is_yaml:
            folders += [entry.name] * entry.is_dir(follow_symlinks=False)
        elif (finding := _unusable(entry, file, legal, entries)) is not None:
            findings.append(finding)
        else:
            files[entry.name.removesuffix(".yaml")] = file
    return files, folders


def _entries(root: Path, folder: str, findings: list[Finding]) -> list[os.DirEntry[str]]:
    """What lies in a folder, ordered by name; nothing where there is no such folder."""
    try:
        if (root / folder).is_symlink():
            findings.append(_link(folder))
            return []
        with os.scandir(root / folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        findings.append(_irregular(folder, "a file", "a folder"))
        return []
    except OSError as error:
        message = f"cannot list {printable(folder)}/: {error.strerror}; give this user the right to read it"
        raise MachineFailed(message) from error


def _nested(root: Path, folder: str, home: str) -> list[Finding]:
    """A finding for every YAML file below a folder in which there should be none."""
    findings: list[Finding] = []
    waiting = [folder]
    while waiting and len(findings) < MOST_FINDINGS:
        folder = waiting.pop()
        for entry in _entries(root, folder, findings):
            if entry.name.startswith("."):
                continue
            if _is_yaml(entry.name):
                hint = f"move it to {home}, or give it another suffix if it is none of modelfleet's"
                findings.append(_misnamed(f"{folder}/{entry.name}", "a file this deep is not looked at", hint))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(f"{folder}/{entry.name}")
    return findings


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _unusable(
    entry: os.DirEntry[str], file: str, legal: re.Pattern[str], entries: list[os.DirEntry[str]]
) -> Finding | None:
    """What is wrong with a file's kind or name."""
    if not entry.is_file(follow_symlinks=False):
        return _irregular(file, _kind(entry.stat(follow_symlinks=False).st_mode))
    stem, suffix = PurePath(entry.name).stem, PurePath(entry.name).suffix
    folder = file.removesuffix(entry.name)
    names = [other.name for other in entries]
    if entry.name.startswith("."):
        return _misnamed(file, "the name begins with a dot", "rename it, or delete it if it is a leftover")
    if suffix != ".yaml":
        there = f"{stem}.yaml" in names
        hint = f"merge it into {folder}{stem}.yaml, or delete it" if there else f"rename it to {stem}.yaml"
        return _misnamed(file, f"the name of {entry.name} does not end in .yaml", hint)
    twin = next((name for name in names if name != entry.name and name.lower() == entry.name.lower()), None)
    if legal.fullmatch(stem) is None:
        also = f", and {folder}{twin} is the same file on macOS and Windows" if twin else ""
        rule = "lower-case letters, digits and '-'" + (" or '.'" if legal is _OBJECT else "")
        hint = f"rename it: {rule}, a letter or digit first and last"
        return _misnamed(file, f"{_quoted(stem)} is no resource name{also}", hint)
    if len(stem) > _LONGEST_NAME:
        return _misnamed(file, f"the name has {len(stem)} characters", f"rename it: at most {_LONGEST_NAME}")
    if _DEVICE.fullmatch(stem):
        return _misnamed(file, f"'{stem}' is a device on Windows, where such a file cannot be checked out", "rename it")
    return None


def _no_projects(root: Path) -> Finding:
    missing = not (root / "projects").exists()
    return Finding(
        at=Location("." if missing else "projects"),
        code="YAML023",
        message="there is no folder projects/" if missing else "projects/ holds no project",
        hint="write projects/<name>.yaml; --root names the folder that holds projects/",
    )


def _misnamed(file: str, message: str, hint: str) -> Finding:
    return Finding(at=Location(file), code="YAML022", message=message, hint=hint)


def _irregular(file: str, what: str, wanted: str = "a regular file") -> Finding:
    hint = f"put {wanted} in its place"
    return Finding(at=Location(file), code="YAML021", message=f"this is {what}, not {wanted}", hint=hint)


def _link(file: str) -> Finding:
    message, hint = "this is a symbolic link, and links are not followed", "put what it points to in its place"
    return Finding(at=Location(file), code="YAML020", message=message, hint=hint, policy=True)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO (named pipe)", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}...'"


# ---- a file ----------------------------------------------------------------------------------------------------------


def read(root: Path, file: str) -> Document:
    """The document in a file below the root, whose path is separated by '/'.

    Raises Rejected as `parse` does and for links, what is no regular file and more than 4 MiB; MachineFailed where it
    cannot be read.
    """
    path = root
    try:
        for step in file.split("/"):
            path = path / step
            if path.is_symlink():
                raise Rejected([_link(path.relative_to(root).as_posix())])
        _refuse_unreadable(path.lstat(), file)
        # What was looked at may be another file by now: neither follow it nor wait for it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            _refuse_unreadable(os.fstat(descriptor), file)
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        hint = (
            "give this user the right to read it"
            if isinstance(error, PermissionError)
            else "run again when it is there"
        )
        message = f"cannot read {printable(file)}: {error.strerror}; {hint}"
        raise MachineFailed(message) from error
    return parse(content, file)


def _refuse_unreadable(status: os.stat_result, file: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Rejected([_irregular(file, _kind(status.st_mode))])
    if status.st_size > MOST_BYTES:
        raise Rejected([_too_large(file, status.st_size)])


def _too_large(file: str, size: int) -> Finding:
    message, hint = (
        f"the file has {size:,} bytes, and 4 MiB ({MOST_BYTES:,}) is the limit",
        "split it, or take out what is no spec",
    )
    return Finding(at=Location(file), code="YAML004", message=message, hint=hint)


# ---- its characters --------------------------------------------------------------------------------------------------

_BIDIRECTIONAL = "\u202a-\u202e\u2066-\u2069"
_NO_TEXT = f"\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\u2028\u2029{_BIDIRECTIONAL}\ud800-\udfff\ufeff\ufffe\uffff"
_REFUSED = re.compile(f"[{_NO_TEXT}]|\r(?!\n)")
_REFUSED_VALUE = re.compile(f"[\r{_NO_TEXT}]")
_MARKS = ((b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def _decoded(content: bytes, file: str) -> str:
    """The text without its byte order mark. Raises Rejected for what is no UTF-8 or no text."""
    wide = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if wide is None and len(content) > 1 and (content[0] == 0) != (content[1] == 0):
        wide = "UTF-16"  # every other byte of plain letters is zero
    if wide is not None:
        raise Rejected(
            [Finding(at=Location(file), code="YAML001", message=f"the file is {wide}", hint="save it as UTF-8")]
        )
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode().removeprefix("\ufeff")
        message = f"the byte 0x{content[error.start]:02X} is no valid UTF-8 here"
        at = _place(file, before, len(before))
        raise Rejected([Finding(at=at, code="YAML001", message=message, hint="save the file as UTF-8")]) from None
    if found := [
        _character(_place(file, text, match.start()), match[0]) for match in islice(_REFUSED.finditer(text), 20)
    ]:
        raise Rejected(found)
    return text


def _place(file: str, text: str, index: int) -> Location:
    return Location(file, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _character(at: Location, char: str, path: str = "") -> Finding:
    """A finding about a character that may stand neither in a file nor, by an escape, in a value."""
    code = f"U+{ord(char):04X}"
    if char == "\r":
        message, hint = f"a carriage return ({code}) without a line feed", "end lines with LF or CRLF"
    elif char in "\x85\u2028\u2029":
        message, hint = f"{code} ends a line for some readers and not for others", "write an ordinary line break"
    elif "\ud800" <= char <= "\udfff":
        message, hint = f"{code} is half of a surrogate pair and no character", "write the character itself"
    elif char == "\ufeff":
        message, hint = f"the byte order mark {code} is allowed only where the file begins", "take it out"
    elif char in "\ufffe\uffff":
        message, hint = f"{code} is no character of a text", "take it out"
    elif char < "\xa0":
        message, hint = f"the control character {code} is not allowed", "take it out"
    else:
        message, hint = (
            f"{code} turns the direction of writing: people would read another text than tools",
            "take it out",
        )
    return Finding(at=at, code="YAML002", path=path, message=message, hint=hint)


# ---- its values ------------------------------------------------------------------------------------------------------

_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NO_PLAIN_TEXT = frozenset([*"0123456789+-.yYnNoO=<", *(word[:1] for word in _WORDS)])
"""What a plain scalar begins with that may be more than text."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+][0-9]+)?|\.[0-9]+(?:[eE][-+][0-9]+)?")
_BIG = "is a number of more than 64 bits"
_DOUBTS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (what, instead, re.compile(pattern, re.VERBOSE))
    for what, instead, pattern in (
        ("is true or false to some readers of YAML and text to others", "true or false", "(?i:y|n|yes|no|on|off)"),
        (
            "is a date to some readers of YAML and text to others",
            "",
            r"""[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}
            (?: (?: [Tt] | [ \t]+ ) [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]*)?
                (?: [ \t]* (?: Z | [-+][0-9]{1,2}(?::?[0-9]{2})? ) )? )?""",
        ),
        (
            "is a number to the base 60 to some readers of YAML and text to others",
            "",
            r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+ | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*",
        ),
        (
            "is not the same number to every reader of YAML",
            "the number in decimal digits",
            r"[-+]?(?: 0[0-9_]+ | 0[xX][0-9a-fA-F_]+ | 0[bB][-+]?[01_]+ | 0[oO][-+]?[0-7_]+ )",
        ),
        (
            "is a number to some readers of YAML and text to others",
            "the number in decimal digits",
            r"[-+]?(?:\.[0-9][0-9_]* | [0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?_*[0-9][0-9_]*)?",
        ),
        ("is no finite number", "", r"[-+]?\.(?i:inf|nan)"),
        ("has a meaning of its own to some readers of YAML", "", "= | <<"),
    )
)


def _meaning(text: str) -> tuple[Any, str, str]:
    """What a plain scalar is to all readers of YAML; where they differ also what is wrong, and what else it could be.

    The readers: YAML 1.1 and 1.2 (core schema) as specified, PyYAML's resolver, `resolve` of Go's yaml v2 and v3.
    """
    if text in _WORDS:
        return _WORDS[text], "", ""
    if _INTEGER.fullmatch(text):
        if len(text) <= 20 and -(1 << 63) <= int(text) < 1 << 64:
            return int(text), "", ""
        return text, _BIG, ""
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number, "", ""
    forms = (text, text.replace("_", "")) if text[0] in "+-.0123456789" and "_" in text else (text,)  # Go drops them
    for what, instead, pattern in _DOUBTS:
        if any(map(pattern.fullmatch, forms)):
            return text, what, instead
    return text, "", ""


# ---- its structure ---------------------------------------------------------------------------------------------------

_WIDTH = MOST_BYTES << 1
"""A place is line * _WIDTH + column, counted from 0: one number for each node."""
_MAPPING, _SEQUENCE, _END = -1, -2, -3


class _Places:
    """Where everything stands, as it was met; made into tables by pointer once somebody asks."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.trail: list[str | int] = []
        """A key: text, place. A scalar: place. A list or mapping: kind, place, what is in it, _END."""
        self.raw: dict[int, str] = {}
        """By index of the trail: the text of what became a number or a truth value."""

    @cached_property
    def tables(self) -> tuple[dict[Pointer, Location], dict[Pointer, Location], dict[Pointer, str]]:
        """Keys, values and raw texts by pointer; of a key that is written twice the first."""
        keys: dict[Pointer, Location] = {}
        values: dict[Pointer, Location] = {}
        raw: dict[Pointer, str] = {}
        open_ones: list[tuple[Pointer, int]] = []
        base: Pointer = ()
        here: Pointer = ()
        index = -1  # of the next item where a list is open
        trail = iter(enumerate(self.trail))
        for position, item in trail:
            if isinstance(item, str):
                here = (*base, item)
                keys.setdefault(here, self.location(next(trail)[1]))
                continue
            if item == _END:
                base, index = open_ones.pop()
            elif item < 0:
                values.setdefault(here, self.location(next(trail)[1]))
                open_ones.append((base, index))
                base, index, here = here, -1 if item == _MAPPING else 0, (*here, 0)
                continue
            else:
                values.setdefault(here, self.location(item))
                if position in self.raw:
                    raw.setdefault(here, self.raw[position])
            if index >= 0:
                index += 1
                here = (*base, index)
        return keys, values, raw

    def location(self, place: str | int) -> Location:
        """A number from the trail as a location."""
        line, column = divmod(int(place), _WIDTH)
        return Location(self.file, line + 1, column + 1)


class _Table(Mapping[Pointer, _Entry], Generic[_Entry]):
    """One of the tables of places, read-only."""

    def __init__(self, places: _Places, number: int) -> None:
        self._places, self._number = places, number

    def __getitem__(self, pointer: Pointer) -> _Entry:
        table: dict[Pointer, _Entry] = self._places.tables[self._number]  # type: ignore[assignment]  # by its number
        return table[pointer]

    def __iter__(self) -> Iterator[Pointer]:
        return iter(self._places.tables[self._number])

    def __len__(self) -> int:
        return len(self._places.tables[self._number])

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A plain scalar that readers of YAML do not read alike."""

    pointer: Pointer
    place: int
    text: str
    what: str
    instead: str

    def finding(self, places: _Places, *, hidden: bool) -> Finding:
        """The finding, without the text where it may be a secret."""
        show = not hidden and len(self.text) <= 40
        message = f"{self.text if show else 'this'} {self.what}"
        hint = f'put it in quotes if it is text: "{self.text}"' if show else "put it in quotes if it is text"
        return Finding(
            at=places.location(self.place),
            code="YAML013",
            path=_told(self.pointer),
            message=message,
            hint=f"{hint}; or write {self.instead}" if self.instead else hint,
        )


_LIKE_A_SECRET = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}|[A-Za-z0-9]{32,}|@|-----")


def _told(pointer: Pointer) -> str:
    """A pointer for a message, without keys that may be secrets themselves."""
    return dotted(tuple(step if isinstance(step, int) else _key_told(step) for step in pointer))


def shortened(key: str) -> str:
    """A key for a message: no name that is allowed anywhere is longer than what is shown of it."""
    return key if len(key) <= _LONGEST_NAME else f"{key[:60]}..."


def _key_told(key: str) -> str:
    if _LIKE_A_SECRET.search(key):
        return "(hidden)"
    return shortened(key)


def _hint_for(indicator: str) -> str:
    return f"write out what is meant, or put text that begins with {indicator} in quotes"


class _Stopped(Exception):
    """Reading on makes no sense or costs too much; the findings so far are all."""


class _Frame:
    """A list or mapping that is still open; of a mapping also the key whose value comes next or is open."""

    __slots__ = ("is_key", "items", "key", "mark")

    def __init__(self, items: dict[str, Any] | list[Any], mark: Any = None, *, is_key: bool = False) -> None:
        self.items = items
        self.mark = mark
        self.key: str | None = None
        self.is_key = is_key


class _Composer:
    """Makes plain data of the parser's events, and goes on after everything that the parser can go on after."""

    def __init__(self, file: str) -> None:
        self.places = _Places(file)
        self.findings: list[Finding] = []
        self.twice: list[tuple[Pointer, int]] = []
        self.doubts: list[_Doubt] = []
        self.root: list[Any] = []
        self.frames = [_Frame(self.root)]
        self.nodes = 0
        self.documents = 0
        self.last: Any = None

    def run(self, parser: Any) -> None:
        """Takes in all events. Raises _Stopped, and what the parser raises."""
        from yaml import events

        handlers: dict[type, Callable[[Any], None]] = {
            events.ScalarEvent: self.scalar,
            events.MappingStartEvent: lambda event: self.open(event, {}, _MAPPING),
            events.SequenceStartEvent: lambda event: self.open(event, [], _SEQUENCE),
            events.MappingEndEvent: self.end,
            events.SequenceEndEvent: self.end,
            events.AliasEvent: self.alias,
            events.DocumentStartEvent: self.document,
        }
        while (kind := type(event := parser.get_event())) is not events.StreamEndEvent:
            if kind in handlers:
                handlers[kind](event)
            self.last = event

    def document(self, event: Any) -> None:
        """The beginning of a document: there may be one."""
        self.documents += 1
        if self.documents > 1:
            hint = "one file holds one document: move it to a file of its own, or delete the ---"
            self.note(self.place(event), "YAML006", "a second YAML document begins here", hint)
            raise _Stopped

    def scalar(self, event: Any) -> None:
        """A key, or a value that is neither list nor mapping."""
        text, style = event.value, event.style
        place = self.node(event)
        if style == '"' or len(text) > MOST_SCALAR_BYTES // 4:
            self.examine(text, place)
        frame = self.frames[-1]
        items = frame.items
        if type(items) is list:
            items.append(text if style else self.plain(text, place))
        elif frame.key is None:
            self.key(frame, text, place, plain=not style)
            return
        else:
            items[frame.key] = text if style else self.plain(text, place)  # type: ignore[call-overload]  # no list: above
            frame.key = None
        self.places.trail.append(place)

    def alias(self, event: Any) -> None:
        """An alias in place of a key or a value."""
        place = self.place(event)
        self.note(place, "YAML009", "an alias (*...) is not allowed", _hint_for("*"))
        frame = self.frames[-1]
        if isinstance(frame.items, list):
            frame.items.append(None)
        elif frame.key is None:
            self.key(frame, "*", place, plain=False)
            return
        else:
            frame.key = None
        self.places.trail.append(place)

    def key(self, frame: _Frame, text: str, place: int, *, plain: bool) -> None:
        """A key as text, whatever it looks like."""
        if plain and text == "<<":
            self.note(place, "YAML009", "a merge key (<<) is not allowed", "write the fields out in each place")
        elif text in frame.items:
            self.twice.append(((*self.pointer(), text), place))
            self.stop_when_full()
        frame.key = text
        self.places.trail += (text, place)

    def open(self, event: Any, items: dict[str, Any] | list[Any], kind: int) -> None:
        """The beginning of a list or mapping."""
        place = self.node(event)
        if len(self.frames) > MOST_DEPTH:
            self.note(place, "YAML004", f"nested more than {MOST_DEPTH} levels deep", "that is the limit: flatten it")
            raise _Stopped
        frame = self.frames[-1]
        is_key = isinstance(frame.items, dict) and frame.key is None
        if is_key:
            hint = "write key: value, and put text such as {{ ... }} in quotes"
            self.note(place, "YAML012", "a key must be text, not a list or a mapping", hint)
            self.key(frame, "?", place, plain=False)
        elif isinstance(frame.items, dict):
            frame.items[frame.key or ""] = items
        else:
            frame.items.append(items)
        self.places.trail += (kind, place)
        self.frames.append(_Frame(items, event.start_mark, is_key=is_key))

    def end(self, event: Any) -> None:
        """The end of a list or mapping."""
        self.places.trail.append(_END)
        if not self.frames.pop().is_key:
            self.frames[-1].key = None

    def plain(self, text: str, place: int) -> Any:
        """The value of a plain scalar."""
        if text[:1] not in _NO_PLAIN_TEXT:
            return text
        value, what, instead = _meaning(text)
        if what:
            self.doubts.append(_Doubt(self.pointer(), place, text, what, instead))
            self.stop_when_full()
        elif value is not None and value is not text:
            self.places.raw[len(self.places.trail)] = text
        return value

    def node(self, event: Any) -> int:
        """Counts a node and gives its place."""
        mark = event.start_mark
        place: int = mark.line * _WIDTH + mark.column
        self.nodes += 1
        if self.nodes > MOST_NODES:
            hint = "split the file"
            self.note(place, "YAML004", f"more than {MOST_NODES:,} keys and values, which is the limit", hint)
            raise _Stopped
        if event.anchor is not None:
            self.note(place, "YAML009", "an anchor (&...) is not allowed", _hint_for("&"))
        if event.tag is not None:
            self.note(place, "YAML010", "a tag (!...) is not allowed", _hint_for("!"))
        return place

    def examine(self, text: str, place: int) -> None:
        """Looks at the length of a text and at what escapes have put into it."""
        if len(text.encode(errors="surrogatepass")) > MOST_SCALAR_BYTES:
            hint = "shorten it, or keep it in a file of its own beside the model"
            self.note(place, "YAML004", "a text of more than 16 KiB, which is the limit", hint)
            raise _Stopped
        if not text.isprintable():
            for char in dict.fromkeys(_REFUSED_VALUE.findall(text)):
                self.findings.append(_character(self.places.location(place), char, _told(self.pointer())))
            self.stop_when_full()

    def pointer(self) -> Pointer:
        """Where in the data the next key or value belongs."""
        steps: list[str | int] = []
        for frame in self.frames[1:]:
            if isinstance(frame.items, list):
                steps.append(len(frame.items) - (frame is not self.frames[-1]))
            elif frame.key is not None:
                steps.append(frame.key)
        return tuple(steps)

    @staticmethod
    def place(event: Any) -> int:
        """Where an event begins, as a number."""
        return int(event.start_mark.line * _WIDTH + event.start_mark.column)

    def note(self, place: int, code: str, message: str, hint: str) -> None:
        """A finding about what stands here."""
        at = self.places.location(place)
        self.findings.append(Finding(at=at, code=code, path=_told(self.pointer()), message=message, hint=hint))
        self.stop_when_full()

    def stop_when_full(self) -> None:
        """Raises _Stopped when there are so many findings that nobody reads more."""
        if len(self.findings) + len(self.doubts) + len(self.twice) >= MOST_FINDINGS:
            raise _Stopped

    def concluded(self) -> list[Finding]:
        """All findings: what had to wait for the rest of the file as well."""
        keys = self.places.tables[0] if self.twice else {}
        for pointer, place in self.twice:
            first = keys[pointer]
            self.findings.append(
                Finding(
                    at=self.places.location(place),
                    code="YAML011",
                    path=_told(pointer),
                    message=f"the key {_told(pointer[-1:])} is written twice, first in line {first.line}",
                    hint="keep one of the two",
                    see=first,
                )
            )
        data = self.root[0] if self.root else None
        self.findings += [doubt.finding(self.places, hidden=_guarded(data, doubt.pointer)) for doubt in self.doubts]
        return self.findings


# ---- its syntax ------------------------------------------------------------------------------------------------------

_DIRECTIVE = re.compile(r"(?:[ \t\r]*+(?:#[^\n]*+)?\n)*+%")
_FIELD = re.compile(r"[ \t]*(?:- |[\w./-]+[ \t]*:(?:\s|$)|$)")
_SURROGATE = re.compile(r"(?:0000)?([dD][89a-fA-F][0-9a-fA-F]{2})")
_ESCAPES = "write \\\\ for a backslash, or use single quotes"

_PHRASES: tuple[tuple[re.Pattern[str], bool, str, str], ...] = tuple(
    (re.compile(pattern), at_context, message, hint)
    for pattern, at_context, message, hint in (
        (
            "quoted scalar.*(?:end of stream|document)",
            True,
            "the quote that opens here is not closed",
            "close it, or put quotes around the whole text",
        ),
        (
            "quoted scalar",
            True,
            "a backslash in this text begins an escape that YAML does not know",
            _ESCAPES,
        ),
        (
            "expected ':'",
            True,
            "this line is no key: value",
            "a colon is missing, or the indentation of text that continues the line above",
        ),
        (
            "mapping values are not allowed",
            False,
            "a colon cannot stand here",
            "put text with a colon in quotes, or correct the indentation of a field of its own",
        ),
        (
            "sequence entries are not allowed",
            False,
            "a list item cannot begin here",
            "begin each item on a line of its own, and put text that begins with - in quotes",
        ),
        (
            "parsing a block mapping",
            False,
            "wrong indentation: this does not line up with the fields above",
            "indent all fields of one mapping alike",
        ),
        (
            "parsing a block collection",
            False,
            "wrong indentation: this does not line up with the list above",
            "indent all items of one list alike",
        ),
        ("scanning an anchor", True, "an anchor (&...) is not allowed", _hint_for("&")),
        ("scanning an alias", True, "an alias (*...) is not allowed", _hint_for("*")),
        (r"\btag\b", True, "a tag (!...) is not allowed", _hint_for("!")),
        (
            "node content",
            False,
            "a value is missing here",
            "put text that begins with a bracket or a comma in quotes",
        ),
        ("cannot start any token", False, "this character cannot begin a value", "put the text in quotes"),
        (
            "block scalar",
            False,
            "what begins a block of text is wrong here",
            "write | or > at the end of the line, and the text below it, indented",
        ),
        ("document start", False, "the document ends before this", "delete what does not belong to it"),
    )
)


def parse(content: bytes, file: str, *, libyaml: bool = True) -> Document:
    """A document from the bytes of a file; without libyaml it is read all the same, more slowly.

    Raises Rejected with everything that is wrong and can be found, about a hundred findings at most.
    """
    if len(content) > MOST_BYTES:
        raise Rejected([_too_large(file, len(content))])
    text = whole = _decoded(content, file)
    composer = _Composer(file)
    while (directive := _DIRECTIVE.match(text)) is not None:
        end = directive.end()
        at, hint = _place(file, text, end - 1), "delete the line"
        composer.findings.append(Finding(at=at, code="YAML008", message="a directive (%...) is not allowed", hint=hint))
        text = text[: end - 1] + "#" + text[end:]  # the rest is read as if it were a comment
        if len(composer.findings) >= MOST_FINDINGS:
            raise Rejected(composer.findings)
    if _composed(composer, text, libyaml=libyaml) and not composer.findings:
        composer.findings += _wrong_root(composer)
    if findings := composer.concluded():
        raise Rejected(sorted(findings, key=lambda finding: finding.order))
    places = composer.places
    return Document(file, composer.root[0], _Table(places, 0), _Table(places, 1), _Table(places, 2), whole)


def _composed(composer: _Composer, text: str, *, libyaml: bool) -> bool:
    """Whether the parser came to the end."""
    import yaml

    parser: Any = yaml.CSafeLoader(text) if libyaml and yaml.__with_libyaml__ else yaml.SafeLoader(text)
    try:
        composer.run(parser)
    except _Stopped:
        return False
    except yaml.MarkedYAMLError as error:
        composer.findings.append(_syntax(composer, text, error))
        return False
    except (ValueError, OverflowError):  # PyYAML's own scanner, of an escape beyond the last character
        place = composer.place(composer.last)
        composer.note(place, "YAML005", "an escape in the next text is no character", _ESCAPES)
        return False
    finally:
        parser.dispose()
    return True


def _wrong_root(composer: _Composer) -> list[Finding]:
    data = composer.root[0] if composer.root else None
    file = composer.places.file
    if data is None:
        hint = "write what belongs into it, or delete it"
        return [Finding(at=Location(file), code="YAML007", message="the file is empty", hint=hint)]
    if isinstance(data, dict):
        return []
    found = "a list" if isinstance(data, list) else "a single value"
    message, hint = f"the file holds {found} and must hold a mapping", "write key: value"
    return [Finding(at=composer.places.tables[1][()], code="YAML007", message=message, hint=hint)]


def _syntax(composer: _Composer, text: str, error: Any) -> Finding:
    """What the parser did not understand, in words that help."""
    file, mark, context = composer.places.file, error.problem_mark, str(error.context)
    char = text[mark.index : mark.index + 1]
    found = _quote_error(composer.last, text, error) or _bracket_error(composer, text, error)
    if found is None and char == "\t":
        found = mark, "a tab stands where YAML wants spaces", "indent with spaces"
    at_mark, message, hint = found or _phrase(error)
    beyond = at_mark.line > text.count("\n")  # the parser puts a line break at the end where there is none
    at = _place(file, text, len(text)) if beyond else Location(file, at_mark.line + 1, at_mark.column + 1)
    path = _told(composer.pointer()) if "quoted scalar" in context else ""
    if "Unicode character" in error.problem and (half := _SURROGATE.match(text, mark.index)) is not None:
        return _character(at, chr(int(half[1], 16)), path)
    return Finding(at=at, code="YAML005", path=path, message=message, hint=hint)


def _quote_error(last: Any, text: str, error: Any) -> tuple[Any, str, str] | None:
    """An error just behind a quoted text: the quote that was to close it may be the next one that opens."""
    if getattr(last, "style", None) not in ("'", '"') or "parsing" not in str(error.context):
        return None
    start, end, problem = last.start_mark, last.end_mark, error.problem_mark
    if end.line != problem.line or text[end.index : problem.index].strip():
        return None
    if start.line < end.line:
        message = f"the quote that opens here closes only in line {end.line + 1}"
        return start, message, "close it where the text ends"
    if "flow" in error.context:
        return None
    hint = 'put quotes around the whole text, and \\" for a quote within'
    return problem, "text follows the closing quote", hint


def _bracket_error(composer: _Composer, text: str, error: Any) -> tuple[Any, str, str] | None:
    """A bracket too few or too many."""
    problem, context = error.problem_mark, str(error.context)
    if "parsing a flow" in context:
        opener = composer.frames[-1].mark or problem
        begin = text.rfind("\n", 0, problem.index) + 1
        is_field = problem.line > opener.line and _FIELD.match(text, begin) and ": " not in text[begin : problem.index]
        if is_field or problem.index >= len(text):
            return opener, "the bracket that opens here is not closed", "close it where the list or mapping ends"
        if "node" not in context:
            message = "a comma or the closing bracket is missing here"
            return problem, message, "separate items by commas, and close the bracket"
    if text[problem.index : problem.index + 1] in ("]", "}") and "quoted" not in context:
        return problem, "this bracket closes nothing", "delete it, or put the text in quotes"
    return None


def _phrase(error: Any) -> tuple[Any, str, str]:
    said = f"{error.context} / {error.problem}"
    for pattern, at_context, message, hint in _PHRASES:
        if pattern.search(said):
            at_mark = error.context_mark if at_context and error.context_mark else error.problem_mark
            return at_mark, message, hint
    hint = "look at quotes, colons and indentation in this line and the one above"
    return error.problem_mark, "this is no valid YAML", hint
