"""Nasty inputs: each is refused in exactly these words, and some odd ones are accepted.

What is said stands in `cases/bad-inputs.txt`, a paragraph an entry; `pytest --update-golden` writes it anew. Secrets
are put together here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console import SPEC, TESTS, Ran, miniature, modelfleet, tree, write

SAID = TESTS / "cases" / "bad-inputs.txt"
PROJECT = "projects/acme.yaml"
DECOY = "# modelfleet must not be kept busy by a file like this one\n"

Content = str | bytes
Make = Callable[[Path], None]


def instead(old: str, new: str) -> str:
    """The good project with one thing put in the place of another."""
    assert SPEC.count(old) == 1, old
    return SPEC.replace(old, new)


def model(line: str) -> str:
    """The good project with one more field of its model."""
    return instead("    size: Small\n", f"    size: Small\n    {line}\n")


def size(quantity: str) -> str:
    amounts = f"{{cpu: {quantity}, memory: 1Gi}}"
    return instead("size: Small", f"size: {{requests: {amounts}, limits: {amounts}}}")


AWS_KEY = "AKIA" + "Z7QXM4T2PLC6WRNB"
HUB_TOKEN = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"
PRIVATE_KEY = "-----BEGIN " + "PRIVATE KEY-----\\nMIIEvQIBADANBg\\n-----END " + "PRIVATE KEY-----"
PASSWORD = "correct-horse-battery-staple-9"

TEXTS: dict[str, Content] = {
    # bytes and characters
    "a file of nothing": "",
    "a file of comments": "# soon\n",
    "a NUL in the middle": SPEC.replace("Acme assistants", "Acme\0assistants"),
    "UTF-16": SPEC.encode("utf-16"),
    "Latin-1": SPEC.replace("Acme assistants", "Café").encode("latin-1"),
    "a lone carriage return": SPEC.replace("version: 1\n", "version: 1\r"),
    "a next-line character": SPEC.replace("Acme assistants", "Acme\u0085assistants"),
    "text that runs backwards": instead("Acme assistants", '"Acme \u202estnatsissa"'),
    "an escape sequence of a terminal": instead("Acme assistants", '"\\e[2J\\e[31mAcme"'),
    "a tab as indentation": instead("  ranker:", "\tranker:"),
    "five megabytes": SPEC + DECOY * 90_000,
    "a word of 20,000 letters": instead("Acme assistants", "a" * 20_000),
    # structure
    "a list": "- version: 1\n",
    "one word": "acme\n",
    "two documents": SPEC + "---\n" + SPEC,
    "one key twice": SPEC + "version: 1\n",
    "an anchor and an alias": instead("size: Small", "size: &size Small\n    framework: *size"),
    "an alias of nothing": instead("size: Small", "size: *size"),
    "a merge key": instead("size: Small", "<<: {size: Small}"),
    "a tag that would run something": instead("Acme assistants", "!!python/object/apply:os.system ['true']"),
    "aliases of aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a hundred levels": "a: " + "[" * 100 + "]" * 100 + "\n",
    "300,000 values": "a: [" + "1," * 300_000 + "1]\n",
    "a quote that does not end": instead("Acme assistants", '"Acme'),
    "a brace that does not end": instead("{prod: {}}", "{prod: {}"),
    "a list as a key": SPEC + "? [a, b]\n: c\n",
    "a number as a key": SPEC + "1: one\n",
    "a number as a key, and nothing behind it": instead("path: ranker", "path: ranker, 1"),
    # words and numbers that YAML readers take for something else
    "no, the country": instead("namespace: acme-ml", "namespace: no"),
    "an exponent": instead("namespace: acme-ml", "namespace: 1e3"),
    "a number in base eight": model("replicas: 012"),
    "a number in base sixty": instead("namespace: acme-ml", "namespace: 1:30"),
    "a date": instead("namespace: acme-ml", "namespace: 2025-01-01"),
    "a version that loses its zero": instead("Acme assistants", "2.10"),
    "infinitely many replicas": model("replicas: .inf"),
    "more replicas than there are atoms": model("replicas: " + "9" * 400),
    "half a replica": model("replicas: 1.5"),
    "fewer than no replicas": model("replicas: -1"),
    "a range upside down": model("replicas: {min: 3, max: 1}"),
    "a quantity with a blank": size('"1 Gi"'),
    "a quantity in hexadecimal": size("0x10"),
    "a quantity below zero": size('"-1"'),
    # names and paths
    "a name with a Kelvin sign": instead("  ranker:", "  ran\u212aer:"),
    "a name that ends with a dash": instead("  ranker:", "  ranker-:"),
    "a name of 64 letters": instead("  ranker:", f"  {'r' * 64}:"),
    "a path that climbs": instead("path: ranker", "path: a/../../etc"),
    "a path of another system": instead("path: ranker", "path: 'a\\b'"),
    "the root as a path": instead("path: ranker", "path: /"),
    "the address of a cloud's metadata": instead("https://s3.example.org", "http://169.254.169.254/latest"),
    "a namespace of the system": instead("acme-ml", "openshift-monitoring"),
    # templates that others expand
    "a template in a connection's name": instead(
        "store: {s3:", 'store: {displayName: "{{ .AWS_SECRET_ACCESS_KEY }}", s3:'
    ),
    "a template in an argument": model('args: ["--name={{ .Secrets }}"]'),
    # secrets
    "a cloud key as an argument": model(f'args: ["--key={AWS_KEY}"]'),
    "a token in a variable": model(f"env: {{HUB: {HUB_TOKEN}}}"),
    "a password by its name": model(f"env: {{DB_PASSWORD: {PASSWORD}}}"),
    "a private key in a description": instead("Acme assistants", f'"{PRIVATE_KEY}"'),
    "a password in an override": instead(
        "{prod: {}}", f"{{prod: {{models: {{ranker: {{env: {{API_KEY: {PASSWORD}}}}}}}}}}}"
    ),
}
SECRETS = (AWS_KEY, HUB_TOKEN, PASSWORD, "MIIEvQIBADANBg")

ACCEPTED: dict[str, Content] = {
    "a byte order mark": b"\xef\xbb\xbf" + SPEC.encode(),
    "line ends of Windows": SPEC.replace("\n", "\r\n"),
    "no newline at the end": SPEC.rstrip("\n"),
    "one document with its marks": f"---\n{SPEC}...\n",
    "quoted keys": SPEC.replace("version:", '"version":').replace("ranker:", "'ranker':"),
    "four megabytes, nearly": SPEC + DECOY * 70_000,
    "a description of many lines": SPEC + "description: |\n  First.\n\n  - not a list\n  # not a comment\n",
    "a thousand arguments": model("args: [" + ", ".join(f'"--a{n}=1"' for n in range(1000)) + "]"),
}


def list_in_an_environment(root: Path) -> None:
    path = root / "environments/prod.yaml"
    path.write_text(path.read_text("utf-8") + "accelerators: {nvidia-a100-gpu: [0]}\n", "utf-8")


def folder(root: Path) -> None:
    (root / PROJECT).unlink()
    (root / PROJECT).mkdir()


def link(root: Path) -> None:
    (root / "elsewhere.yaml").write_text(SPEC)
    (root / PROJECT).unlink()
    (root / PROJECT).symlink_to("../elsewhere.yaml")


def fifo(root: Path) -> None:
    (root / PROJECT).unlink()
    os.mkfifo(root / PROJECT)


def linked_folder(root: Path) -> None:
    (root / "projects").rename(root / "elsewhere")
    (root / "projects").symlink_to("elsewhere")


def file_instead_of_folder(root: Path) -> None:
    (root / PROJECT).unlink()
    (root / "projects").rmdir()
    (root / "projects").write_text(SPEC)


def newline_in_a_name(root: Path) -> None:
    write(root, {"projects/a\nb.yaml": SPEC})


def name_that_is_no_text(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/projects/caf\xe9.yaml")).write_text(SPEC)


def twins(root: Path) -> None:
    write(root, {"projects/ACME.yaml": SPEC})


def no_environments(root: Path) -> None:
    for path in (root / "environments").iterdir():
        path.unlink()
    (root / "environments").rmdir()


PLACES: dict[str, Make] = {
    "a list where an environment has a map": list_in_an_environment,
    "a folder with the name of a project": folder,
    "a link to a project": link,
    "a pipe": fifo,
    "a link to the projects": linked_folder,
    "a file that should be the folder": file_instead_of_folder,
    "a newline in a file's name": newline_in_a_name,
    "a file's name that is not a string": name_that_is_no_text,
    "two names that are one on other systems": twins,
    "no environments": no_environments,
}


def said() -> dict[str, str]:
    """What is expected, by entry."""
    parts = re.split(r"^## (.*)\n", SAID.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def outcome(root: Path, name: str) -> Ran:
    if name in PLACES:
        PLACES[name](miniature(root))
    else:
        content = TEXTS[name] if name in TEXTS else ACCEPTED[name]
        miniature(root, {PROJECT: content})
    return modelfleet(root, "render")


def controls(text: str) -> Iterator[str]:
    return (
        letter for letter in text if letter != "\n" and unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


@pytest.mark.parametrize("name", (*TEXTS, *PLACES))
def test_nasty_input_is_refused_in_these_words(name: str, tmp_path: Path, update_golden: bool) -> None:
    ran = outcome(tmp_path, name)
    assert ran.code in (1, 4), ran
    assert (tree(tmp_path), list(controls(ran.err))) == ({}, [])
    assert [secret for secret in SECRETS if secret in ran.err + ran.out] == []
    if not update_golden:
        assert ran.text() == said()[name]


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_input_is_accepted(name: str, tmp_path: Path) -> None:
    ran = outcome(tmp_path, name)
    assert (ran.code, ran.err) == (0, ""), ran.err
    assert "environments/prod/acme/kustomization.yaml" in tree(tmp_path)


def test_expectations_and_entries_are_the_same(tmp_path: Path, update_golden: bool) -> None:
    names = [*TEXTS, *PLACES]
    if update_golden:
        texts = [f"## {name}\n{outcome(tmp_path / str(index), name).text()}" for index, name in enumerate(names)]
        SAID.write_text("".join(texts), "utf-8")
    assert list(said()) == names
