"""What the API server asks of the names, labels and annotations of every object, and of the values of a Secret.

kubernetes: staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go and pkg/util/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from modelfleet.finding import Severity
from modelfleet.kubernetes.objects import mapping, text
from modelfleet.patterns import lazy_pattern
from modelfleet.rules import Violation
from modelfleet.rules.admission.request import SERVICE_KINDS, AdmissionRequest, admission_rule, display

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = lazy_pattern(_LABEL)
_SUBDOMAIN = lazy_pattern(rf"{_LABEL}(?:\.{_LABEL})*")
_WORD = lazy_pattern(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_BASE64 = lazy_pattern(r"[A-Za-z0-9+/]*={0,2}")
_LABELLED = frozenset({("v1", "Namespace"), ("v1", "Service"), ("project.openshift.io/v1", "Project")})

_SEGMENTS = lazy_pattern(
    r"(?:rbac\.authorization|certificates|apiregistration)\.k8s\.io/.*"
    r"|(?:apps|authorization|build|image|oauth|project|quota|security|template|user)\.openshift\.io/.*"
)
"""Where any segment of a path is a name: of roles and their like, and of kinds that OpenShift serves without CRDs."""

_MOST_NAME, _MOST_WORD = 253, 63
_MOST_ANNOTATIONS = 256 << 10
_MOST_BYTES = 4  # of a character, in UTF-8


@admission_rule(code="ADM141", title="A name is one that the API server takes", stage="schema")
def object_name_form(request: AdmissionRequest) -> Iterator[Violation]:
    """An InferenceService's own rule asks for more than this one; only what that leaves open is asked of it here."""
    name = request.name
    api_version, kind = text(request.object.get("apiVersion")), text(request.object.get("kind"))
    if not name or not kind or (kind in SERVICE_KINDS and len(name) <= _MOST_NAME):
        return
    hint = ""
    if (api_version, kind) in _LABELLED:
        if len(name) > _MOST_WORD or not _DNS_LABEL.fullmatch(name):
            hint = "lower-case letters, digits and '-', begin and end with a letter or digit, at most 63 characters"
    elif kind == "IPAddress" or _SEGMENTS.fullmatch(api_version):
        if name in (".", "..") or "/" in name or "%" in name:
            hint = "use no '/' and no '%', and neither . nor .."
    elif len(name) > _MOST_NAME or not (kind in SERVICE_KINDS or _SUBDOMAIN.fullmatch(name)):
        hint = "lower-case letters, digits, '-' and '.', begin and end each part with a letter or digit, at most 253 characters"
    if hint:
        yield Violation(pointer=("metadata", "name"), message=f"{kind} cannot have the name {display(name)}", hint=hint)


@admission_rule(
    code="ADM142", title="Labels and annotations have keys and values that the API server takes", stage="schema"
)
def labels_and_annotations(request: AdmissionRequest) -> Iterator[Violation]:
    """The value of an annotation may be any text."""
    metadata = mapping(request.object.get("metadata"))
    for field in ("labels", "annotations"):
        for key, value in mapping(metadata.get(field)).items():
            if not _is_key(key if field == "labels" else key.lower()):
                yield Violation(
                    pointer=("metadata", field, key),
                    key=True,
                    message=f"{display(key)} is not a valid key of {field}",
                    hint="write <name> or <domain>/<name>; the name has at most 63 letters, digits, '-', '_' and '.'",
                )
            if value is not None and not isinstance(value, str):
                yield from _no_text(request, field, key, value)
            elif field == "labels" and value and not _is_word(value):
                yield Violation(
                    pointer=("metadata", field, key),
                    message=f"{display(value)} is not a valid label value",
                    hint="letters, digits, '-', '_' and '.', begin and end with a letter or digit, at most 63 characters",
                )
    written = [part for key, value in request.annotations.items() for part in (key, text(value))]
    if (
        _MOST_BYTES * sum(map(len, written)) > _MOST_ANNOTATIONS
        and (size := sum(map(_bytes, written))) > _MOST_ANNOTATIONS
    ):
        yield Violation(
            pointer=("metadata", "annotations"),
            key=True,
            message=f"the annotations have {size} bytes, and at most {_MOST_ANNOTATIONS} are allowed",
            hint="keep long texts in a ConfigMap",
        )


def _bytes(value: str) -> int:
    return len(value.encode(errors="surrogatepass"))


def _no_text(request: AdmissionRequest, field: str, key: str, value: Any) -> Iterator[Violation]:
    """Schemas of core kinds say it themselves; those of CRDs know nothing of metadata."""
    group = text(request.object.get("apiVersion")).rpartition("/")[0]
    if request.schema is None or ("." in group and not group.endswith(".k8s.io")):
        simple = isinstance(value, bool | int | float)
        yield Violation(
            pointer=("metadata", field, key),
            message=f"{display(value)} is not a string",
            hint="put it in quotes" if simple else "write a text",
        )


@lru_cache(maxsize=4096)
def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > _MOST_NAME or not _SUBDOMAIN.fullmatch(prefix)):
        return False
    return _is_word(name)


def _is_word(value: str) -> bool:
    return len(value) <= _MOST_WORD and _WORD.fullmatch(value) is not None


@admission_rule(code="ADM144", title="A new object has no resourceVersion", stage="schema")
def resource_version(request: AdmissionRequest) -> Iterator[Violation]:
    """What else the API server sets in the metadata it overwrites; this is the state that an update begins with."""
    written = mapping(request.object.get("metadata")).get("resourceVersion")
    if request.old_object is None and text(written) not in ("", "0"):
        yield Violation(
            pointer=("metadata", "resourceVersion"),
            key=True,
            message="an object with a resourceVersion cannot be created, and an update fails once the live one has changed",
            hint="remove it",
            severity=Severity.WARNING,
        )


@admission_rule(code="ADM143", title="The data of a Secret is in base64", stage="schema")
def secret_data(request: AdmissionRequest) -> Iterator[Violation]:
    """With padding, and with no other breaks than those of lines. No value is shown."""
    if request.object.get("kind") != "Secret" or request.object.get("apiVersion") != "v1":
        return
    for key, value in mapping(request.object.get("data")).items():
        encoded = text(value).replace("\n", "").replace("\r", "")
        if len(encoded) % 4 or not _BASE64.fullmatch(encoded):
            yield Violation(
                pointer=("data", key),
                message=f"the value of {display(key)} is not valid base64",
                hint="write plain text into stringData, or encode it",
            )
