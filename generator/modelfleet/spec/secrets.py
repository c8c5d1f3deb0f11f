"""The search for secrets in hand-written files: what is one, or looks like one, must not be in Git.

A value is found by its shape or by the name of its field, variable or option. No message holds a value or a part of one.
The patterns are kept to what no name of a model, path, digest or setting looks like: a false alarm cannot be waved through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from modelfleet.finding import Finding, Location, Pointer, dotted
from modelfleet.patterns import lazy_pattern
from modelfleet.spec.limits import MAX_FINDINGS
from modelfleet.spec.load import Document
from modelfleet.spec.secret_names import names_secret, naming, shortened
from modelfleet.spec.secret_shapes import HIDDEN, has_words, may_be_secret, shape_in
from modelfleet.wording import printable

_LONGEST_SHOWN = 40

_LOGIN = lazy_pattern(
    r"(?!mailto:)[A-Za-z0-9._-]{1,64}:(?=[^\s/@]{0,64}[0-9])[^\s/@:$<]{4,200}@[A-Za-z0-9-]{1,63}\.[A-Za-z0-9.-]*[a-z]"
)

_PRIVATE_KEY, _URL, _GIVEN = "a private key", "a URL with a password", "a value given to a name"
_SCHEME_AND_TOKEN = r"(bearer|basic|token)\s{1,9}([A-Za-z0-9._~+/-]{4,200}={0,2})"
_PRESENTED = lazy_pattern(_SCHEME_AND_TOKEN, re.IGNORECASE)
_HEADER = lazy_pattern(rf"authorization[\"']?\s{{0,9}}[:=]\s{{0,9}}[\"']?{_SCHEME_AND_TOKEN}", re.IGNORECASE)
_LIKE_A_TOKEN = lazy_pattern(r"[A-Za-z0-9]{16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_WORD = lazy_pattern(r"(?=.{8})(?:.*[0-9]|.*[a-z][A-Z])")

_SCHEMES = {"bearer": "a bearer token", "basic": "a user and password", "token": "an access token"}
"""How a secret is presented in a request: the word before it, and what it then is."""

_ASSIGNED = lazy_pattern(
    r"""(?<![A-Za-z0-9_.-])(-{0,2}[A-Za-z][A-Za-z0-9_.-]{0,60})
    (?: = (?=["']?([^\s"'&;,]{1,64})) | ["']\s{0,9}:\s{0,9}["']([^"']{1,200}) )""",
    re.VERBOSE,
)

_LINE = lazy_pattern(
    r"""^[ \t]{0,80}(?:-[ ])?([A-Za-z][A-Za-z0-9_.-]{0,60})(?::[ \t]{1,80}|[ \t]{1,80}=[ \t]{0,80}|=[ \t]{1,80})
    ["']?((?=[^\s0-9]{0,200}[0-9])(?=[^\sA-Za-z]{0,200}[A-Za-z])[^\s"']{6,200})["']?[ \t\r]{0,80}$""",
    re.VERBOSE | re.MULTILINE,
)

_OPTION = lazy_pattern(r"(?<!\S)(--?[A-Za-z][A-Za-z0-9_.-]{0,60})[ \t]{1,9}([^\s-]\S{0,200})")

_SAID = lazy_pattern(  # within a sentence
    r"""(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z_.-]{0,60}):[ ]{1,9}["']?
    ((?=[^\s0-9]{0,200}[0-9])(?=[^\sA-Za-z]{0,200}[A-Za-z])[^\s"',;]{6,200})""",
    re.VERBOSE,
)
_PROSE = frozenset({"description", "displayName", "useCase"})
_WEAK = lazy_pattern(r"(?i:[a-z_.-]*token)")
_HARMLESS = lazy_pattern(
    r"""(?i: | empty | none | null | true | false | yes | no | on | off | auto | enabled | disabled | optional | required | [01] )
    | \$[({].* | \$[A-Za-z_][A-Za-z0-9_]* | \{\{.* | <.* | [^A-Za-z0-9]*
    | /(?:etc|var|run|mnt|opt|home|tmp|usr|srv|app|data|models|secrets|root|dev|workspace)(?:/[A-Za-z0-9._-]+)*/?""",
    re.VERBOSE,
)

_PLACES = ("value", "default", "plain", "literal")
"""Keys of a mapping that hold what the mapping's own name says."""

_RANDOM, _RANDOM_LENGTHS = "a random key", (32, 1024)

_TOKEN = lazy_pattern(
    r"(?<![A-Za-z0-9+/~])(?<!sha256[-:])(?<!sha384-)(?<!sha512-)(?<!base64,)(?<!h1:)[A-Za-z0-9+/]{16,}={0,2}(?![A-Za-z0-9+/=])"
)

_USER_AND_PASSWORD = lazy_pattern(r"[A-Za-z][A-Za-z0-9._@-]{0,63}:(?!//)[^\s:]{4,}")
_COMMENT = lazy_pattern(r"(?:^|(?<=[ \t]))#([^\r\n]*)", re.MULTILINE)


class _Hit(NamedTuple):
    """What was found in a text: the kind of secret, and the name it is given to there."""

    kind: str
    name: str = ""


def scan(document: Document) -> list[Finding]:
    """Everything in a document that is a secret or looks like one, as findings by policy, at most about a hundred.

    It asks nothing of the shape of the document. Keys and comments are searched too.
    """
    return _Search(document).run()


def redacted(value: object, key: str = "") -> str:
    """A value for a message: printable, at most 40 characters; what is or may be a secret is not shown.

    `key` is the name of the field or option that holds the value.
    """

    def hides(word: str) -> bool:
        return names_secret(key) or _hit(word) is not None or _presented(word) is not None or may_be_secret(word)

    return in_words(value, hides)


def in_words(value: object, hides: Callable[[str], bool]) -> str:
    """A value for a message, unless it is hidden. Text is quoted, lists and mappings are only named."""
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    word = str(value)
    if hides(word):
        return HIDDEN
    word = printable(f"'{word}'" if isinstance(value, str) else word)
    end = "...'" if isinstance(value, str) else "..."
    return word if len(word) <= _LONGEST_SHOWN else word[: _LONGEST_SHOWN - len(end)] + end


def spelled(pointer: Pointer) -> str:
    """A pointer as people write it, without the keys that are secrets themselves."""
    return dotted(
        tuple(step if isinstance(step, int) else HIDDEN if _hit(step) else shortened(step) for step in pointer)
    )


# ---- in a text -------------------------------------------------------------------------------------------------------


def _hit(text: str, *, encoded: bool = False) -> _Hit | None:
    """The first secret in a text."""
    if (kind := shape_in(text)) is not None:
        return _Hit(kind)
    if "@" in text and _LOGIN.match(text):
        return _Hit(_URL)
    if len(text) >= 16 and "uthorization" in text.lower() and (header := _HEADER.search(text)) is not None:
        scheme, token = header.groups()
        if _NO_WORD.match(token) or _is_credential(token):
            return _Hit(_SCHEMES[scheme.lower()])
    if (name := next(_assigned(text), None)) is not None:
        return _Hit(_GIVEN, name)
    if len(text) >= 16 and not encoded:
        return next(_opaque(text), None)
    return None


def _presented(text: str) -> _Hit | None:
    """A text that is a scheme and a credential and nothing else; in prose the same words would be innocent."""
    match = _PRESENTED.fullmatch(text.strip())
    return _Hit(_SCHEMES[match[1].lower()]) if match is not None and _is_credential(match[2]) else None


def _is_credential(token: str) -> bool:
    """Whether what follows a scheme is not a word: too long for one, or a user and a password in base64."""
    return _LIKE_A_TOKEN.search(token) is not None or ":" in _decoded(token)


def _assigned(text: str) -> Iterator[str]:
    """Names of secrets that a text gives a value to: NAME=value, "name": "value", --name value, a line `name: value`
    or `name = value`."""
    patterns = [_ASSIGNED] if "=" in text or ":" in text else []
    patterns += [_LINE] if ": " in text or " =" in text or "= " in text else []
    patterns += [_OPTION] if "-" in text and " " in text else []
    patterns += [_SAID] if ": " in text else []
    for pattern in patterns:
        for match in pattern.finditer(text):
            name, *values = match.groups()
            is_secret = names_secret(name) and name != "secret"  # which, in {"secret": ...}, says where one is kept
            value = next(filter(None, values))
            if is_secret and not _HARMLESS.fullmatch(value) and not (pattern is _OPTION and _is_word(text, value)):
                yield name


def _is_word(text: str, value: str) -> bool:
    """Whether what follows an option within a sentence is the next word of it."""
    return not text.startswith("-") and re.fullmatch(r"[a-z]{1,20}[.,;:]?", value) is not None


def _opaque(text: str) -> Iterator[_Hit]:
    """Secrets among the long strings that hold no words."""
    is_public = "-----BEGIN " in text  # a certificate is all random, and no secret
    for match in _TOKEN.finditer(text):
        plain = _decoded(match[0])
        if plain and (_hit(plain, encoded=True) or _USER_AND_PASSWORD.fullmatch(plain)):
            yield _Hit("base64 of a secret")
        elif not plain and not is_public and any(map(_is_random, _parts_of(match[0]))):
            yield _Hit(_RANDOM)


def _parts_of(token: str) -> Iterator[str]:
    """A string, and what a path of it ends with or holds: a key behind a slash, which may have slashes of its own."""
    yield token
    steps = token.split("/")
    if len(steps) > 1:
        yield from steps
        tails = ("/".join(steps[number:]) for number in range(1, len(steps)))
        yield from (tail for tail in tails if len(tail) == 40)


def _decoded(token: str) -> str:
    """What a string says in base64, where that is plain text."""
    import base64
    import binascii

    body = token.rstrip("=")
    try:
        plain = base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain if plain.isprintable() or all(char.isprintable() or char in "\r\n\t" for char in plain) else ""


def _is_random(token: str) -> bool:
    """Whether a string was drawn and not written: capitals, small letters and digits follow one another without words."""
    body = token.rstrip("=")
    if not _RANDOM_LENGTHS[0] <= len(body) <= _RANDOM_LENGTHS[1] or body.startswith("AAAA"):  # a public SSH key
        return False
    if has_words(body):
        return False
    kinds = ["A" if char.isupper() else "a" if char.islower() else "0" if char.isdigit() else "+" for char in body]
    changes = sum(a != b for a, b in pairwise(kinds)) / len(body)
    capitals, small, digits = (kinds.count(kind) for kind in "Aa0")
    if "+" not in kinds:
        return changes >= 0.48 and min(capitals, small) >= 4 and digits >= 2
    is_key = len(body) == 40 or len(token) > len(body)  # an AWS secret key has 40; the rest of base64 may be a path
    return is_key and changes >= 0.4 and min(capitals, small) >= 8 and digits >= 1


# ---- in a document ---------------------------------------------------------------------------------------------------


class _Search:
    """One search of a document; every distinct text and name is judged once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.hits: dict[str, _Hit | None] = {}
        self.names: dict[str, bool] = {"value": True}  # the name beside it decides
        self.flagged: list[str] = []
        self.findings: list[Finding] = []

    def run(self) -> list[Finding]:
        """All findings, in the order of the file."""
        waiting: list[tuple[Pointer, Any, str]] = [((), self.document.data, "")]
        while waiting and len(self.findings) < MAX_FINDINGS:
            pointer, parent, above = waiting.pop()
            if isinstance(parent, dict):
                waiting += self.mapping(pointer, parent, above)
            else:
                waiting += self.sequence(pointer, parent if isinstance(parent, list) else [parent], above)
        self.comments()
        return sorted(self.findings, key=lambda finding: finding.order)

    def mapping(self, pointer: Pointer, parent: dict[str, Any], above: str) -> Iterator[tuple[Pointer, Any, str]]:
        """Judges keys and plain values; gives what is to be searched within, with the secret's name that holds there."""
        for key, value in parent.items():
            if self.hit(key) is not None:
                self.key((*pointer, key))
            if isinstance(value, dict | list):
                yield (*pointer, key), value, self.passed_on(pointer, parent, key)
            elif (
                self.hit(value) is not None
                or above
                or self.named(key)
                or (pointer[-1:] == ("env",) and isinstance(value, str) and _presented(value) is not None)
            ):
                self.value((*pointer, key), parent, value, above if key in _PLACES or above in _SECRET_DATA else "")

    def sequence(self, pointer: Pointer, parent: list[Any], above: str) -> Iterator[tuple[Pointer, Any, str]]:
        """The same for a list, whose items are values of the list's own name."""
        for index, value in enumerate(parent):
            if isinstance(value, dict | list):
                yield (*pointer, index), value, above
            else:
                self.value((*pointer, index), parent, value, above)

    def passed_on(self, pointer: Pointer, parent: dict[str, Any], key: str) -> str:
        """The name that makes secrets of the values in a list or mapping."""
        if key == "stringData" or (key == "data" and parent.get("kind") == "Secret"):
            return key
        if pointer[-1:] == ("secrets",) or key == "secret" or not self.named(key):
            return ""  # below secrets: stand the names of Secrets, and a volume's secret: holds its name
        name = naming(parent, key)
        return name if name is not None and self.named(name) else ""

    def hit(self, value: Any) -> _Hit | None:
        """What is in a text, looked up."""
        if not isinstance(value, str):
            return None
        if value not in self.hits:
            self.hits[value] = _hit(value)
        return self.hits[value]

    def named(self, name: str) -> bool:
        """Whether a name may be a secret's, looked up."""
        if name not in self.names:
            self.names[name] = names_secret(name)
        return self.names[name]

    def value(self, pointer: Pointer, parent: Any, value: Any, above: str) -> None:
        """Judges one value that is neither list nor mapping."""
        name, hit = naming(parent, pointer[-1]), self.hit(value)
        if hit is not None and hit.kind == _GIVEN and pointer[-1] in _PROSE and _WEAK.fullmatch(hit.name):
            hit = hit if _LIKE_A_TOKEN.search(value) else None
        if hit is None and isinstance(value, str) and _reaches_program(pointer):
            hit = _presented(value)
        if hit is None:
            holder = name if name is not None and name != "value" and self.named(name) else above
            if not holder or value is None or isinstance(value, bool) or _excused(pointer, parent, value):
                return
        field = self.field(pointer, name, value)
        self.flagged.append(str(value))
        self.add(pointer, field, hit)

    def field(self, pointer: Pointer, name: str | None, value: Any) -> str:
        """What people call the value: its option, its variable, its field."""
        option = _LEADING_OPTION.match(value) if isinstance(value, str) and isinstance(pointer[-1], int) else None
        keys = (step for step in reversed(pointer) if isinstance(step, str))
        called = option[1] if option else name if name is not None else next(keys, "the file")
        return HIDDEN if self.hit(called) is not None else shortened(called)

    def add(self, pointer: Pointer, field: str, hit: _Hit | None) -> None:
        """Adds the finding about a value."""
        variable = _reaches_program(pointer)
        code, message, hint = (
            "SEC001",
            f"{field} holds a secret",
            _in_store(field) if variable or hit is None else _TAKE_OUT,
        )
        if field == "tokens":
            hint = "write names there: the cluster makes a token for each"
        elif "connections" in pointer[:3]:
            hint = "leave it out: what a connection needs to log in comes from the environment's secret store"
        if hit is None:
            code, message = "SEC002", f"{message}, judging by its name"
        elif hit.kind == _PRIVATE_KEY:
            code, message = "SEC004", f"{field} holds a private key"
        elif hit.kind == _URL:
            code, message = "SEC003", f"{message}: a password in a URL"
            hint = "remove the user and password from the URL, and put them into the environment's secret store"
        elif hit.kind == _GIVEN:
            code, message = "SEC005", f"{message}: it gives {hit.name} a value"
            hint = _in_store(hit.name) if variable else _TAKE_OUT
        else:
            message = f"{message}: it looks like {hit.kind}"
        self.report(code, self.document.at(pointer), message, hint, spelled(pointer))

    def key(self, pointer: Pointer) -> None:
        """Adds the finding about a key that is a secret itself."""
        message = "this key is a secret, or looks like one"
        self.report("SEC006", self.document.key_at(pointer), message, _in_store(""), spelled(pointer))

    def comments(self) -> None:
        """Adds findings about comments; a text that only looks like one has been judged as a value."""
        text = self.document.text
        for match in _COMMENT.finditer(text) if "#" in text else ():
            hit = _hit(match[1])  # not kept: there may be a comment in every line
            if hit is None or self.is_value(match[1]):
                continue
            if len(self.findings) >= MAX_FINDINGS:
                return  # counting lines for nothing would take its time
            line, column = text.count("\n", 0, match.start()) + 1, match.start() - text.rfind("\n", 0, match.start())
            what = "private key" if hit.kind == _PRIVATE_KEY else "secret"
            self.report("SEC007", Location(self.document.file, line, column), f"a comment holds a {what}", _TAKE_OUT)

    def report(self, code: str, at: Location, message: str, hint: str, path: str = "") -> None:
        """Keeps a finding, unless there are so many that nobody reads more."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(at=at, code=code, path=path, message=message, hint=hint, policy=True))

    def is_value(self, comment: str) -> bool:
        """Whether what looks like a comment is a part of a text that has been judged, such as a line of a block."""
        pieces = _PIECE.findall(comment)
        return bool(pieces) and any(all(piece in value for piece in pieces) for value in self.flagged)


_PIECE = lazy_pattern(r"[^\s\"',{}\[\]]{6,}")
_SECRET_DATA = ("data", "stringData")
_LEADING_OPTION = lazy_pattern(r"(--?[A-Za-z][A-Za-z0-9_.-]{0,60})[= ]")
_VARIABLE = lazy_pattern(r"[A-Z][A-Z0-9_]*")
_TAKE_OUT = "remove it, and revoke it where it is valid: Git keeps what was written"
_OF_PROGRAMS = frozenset({"env", "args", "command", "value"})


def _reaches_program(pointer: Pointer) -> bool:
    """Whether a value is a variable's or an argument's, which can be read from a Secret instead."""
    return not _OF_PROGRAMS.isdisjoint(pointer)


def _excused(pointer: Pointer, parent: Any, value: Any) -> bool:
    """Whether a value is none although its name is a secret's: a reference, a path, a word that says there is none."""
    if isinstance(value, str) and _HARMLESS.fullmatch(value):
        return True
    step, above = pointer[-1], pointer[-2:-1]
    if isinstance(step, int):
        return isinstance(value, str) and value.startswith("-")
    if step == "secret":  # {secret: NAME, key: KEY} says where one is kept
        return above != ("credentials",) and ("key" in parent or pointer[-3:-2] == ("env",))
    return step == "secretKey" and "remoteRef" in parent  # External Secrets' name of a key


def _in_store(name: str) -> str:
    """What to do with a secret, said of its variable where there is one."""
    option = name if name.startswith("-") else ""
    variable = name if _VARIABLE.fullmatch(name) else name.strip("-").replace("-", "_").upper() if option else "NAME"
    reference = f", and write {option}=$({variable})" if option else ""
    return (
        "put the value into the environment's secret store and refer to it with secrets: and "
        f"env: {{{variable}: {{secret: ..., key: ...}}}}{reference}"
    )
