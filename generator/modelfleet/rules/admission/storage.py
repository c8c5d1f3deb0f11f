"""Where an InferenceService reads its model from: what the webhook asks, and what the controller gives up on later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.names import CONNECTIONS, MODEL_FOLDER, OVMS_VERSION
from modelfleet.kubernetes.objects import items, mapping, mappings, text
from modelfleet.patterns import lazy_pattern
from modelfleet.rules import Violation, having
from modelfleet.rules.admission.request import (
    ANNOTATIONS,
    MODEL_MESH,
    PREDICTOR,
    SERVICE_KINDS,
    AdmissionRequest,
    admission_rule,
    display,
    peer,
)
from modelfleet.wording import listed

_REMOTE = lazy_pattern(r"\w+?://", re.ASCII)
_AZURE = "blob.core.windows.net"
_AZURE_URI = lazy_pattern(r"https://(.+?).blob.core.windows.net/(.+)", re.ASCII)
_KEY = lazy_pattern(r"kbs:///[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


@admission_rule(
    code="ADM033",
    title="A component has storageUri or storageUris",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("storageUris"),
)
def storage_twice(request: AdmissionRequest) -> Iterator[Violation]:
    """Of a container the variable STORAGE_URI counts as its storageUri."""
    for name, component in request.components:
        if component.get("storageUris") is not None and _has_storage_uri(request, name, component):
            yield Violation(
                pointer=("spec", name, "storageUris"),
                key=True,
                message=f"the {name} has both storageUri and storageUris",
                hint="move the storageUri into the list",
            )


def _has_storage_uri(request: AdmissionRequest, name: str, component: Mapping[str, Any]) -> bool:
    served = request.model if name == "predictor" else None
    if served:
        return served[1].get("storageUri") is not None
    first = mapping(next(iter(items(component.get("containers"))), None))
    return any(entry.get("name") == "STORAGE_URI" for _, entry in mappings(first.get("env")))


@admission_rule(
    code="ADM034",
    title="Each of storageUris names a place and a folder",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("storageUris"),
)
def storage_uris_form(request: AdmissionRequest) -> Iterator[Violation]:
    """The folder is absolute, below the root, and does not lead out of itself."""
    for name, component in request.components:
        if "storageUris" not in component:
            continue
        for index, entry in mappings(component["storageUris"]):
            pointer: Pointer = ("spec", name, "storageUris", index)
            if entry.get("uri") == "":
                yield Violation(pointer=(*pointer, "uri"), message="the uri is empty", hint="say where the model is")
            if complaint := _mount_complaint(text(entry.get("mountPath", MODEL_FOLDER))):
                yield Violation(
                    pointer=(*pointer, "mountPath"), message=complaint, hint="write, for example, /mnt/models/base"
                )


def _mount_complaint(path: str) -> str:
    if path == "/":
        return "mountPath '/' would hide the whole container"
    if not path.startswith("/"):
        return f"mountPath {display(path)} is not an absolute path"
    return f"mountPath {display(path)} contains '..'" if ".." in path else ""


@admission_rule(
    code="ADM035",
    title="storageUris that are downloaded share a folder, claims do not",
    stage="webhook",
    kinds=SERVICE_KINDS,
    when=having("storageUris"),
)
def storage_uris_together(request: AdmissionRequest) -> Iterator[Violation]:
    """One volume holds all downloads, so their folders need a common parent; asked from two downloads on."""
    for name, component in request.components:
        if "storageUris" not in component:
            continue
        claims: list[str] = []
        folders: list[str] = []
        for _, entry in mappings(component["storageUris"]):
            path = text(entry.get("mountPath", MODEL_FOLDER))
            (claims if text(entry.get("uri")).startswith("pvc://") else folders).append(path)
        if len(folders) < 2:
            continue
        pointer: Pointer = ("spec", name, "storageUris")
        if len(set(claims)) < len(claims):
            yield Violation(
                pointer=pointer,
                message="two claims have the same mountPath",
                hint="give each claim a mountPath of its own",
            )
        if len({path.strip("/").split("/")[0] for path in folders}) > 1:
            yield Violation(
                pointer=pointer,
                message=f"the folders {listed(folders)} have no common parent below the root",
                hint="put them below one folder, such as /mnt/models",
            )


@admission_rule(
    code="ADM036",
    title="A confidential model says where it is, and its key in full",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=PREDICTOR,
    when=having("confidential"),
)
def confidential(request: AdmissionRequest) -> Iterator[Violation]:
    """What is encrypted is decrypted after the download from storageUri."""
    served = request.model
    wanted = mapping(served[1].get("confidential")) if served else {}
    if not served or wanted.get("enabled") is not True:
        return
    if not text(served[1].get("storageUri")):
        yield Violation(
            pointer=(*served[0], "storageUri"),
            message="a confidential model needs storageUri",
            hint="write storageUri, or switch confidential off",
        )
    key = text(wanted.get("resourceId"))
    if key and not _KEY.fullmatch(key):
        yield Violation(
            pointer=(*served[0], "confidential", "resourceId"),
            message="resourceId does not have the form kbs:///<repo>/<type>/<tag>",
            hint="write it in full; there are three parts after kbs:///",
        )


@admission_rule(
    code="ADM060",
    title="The storage protocol is one that the release can read",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=PREDICTOR,
)
def storage_protocol(request: AdmissionRequest) -> Iterator[Violation]:
    """Admitted, and then the controller gives up; a ClusterStorageContainer of the cluster could know more."""
    served = request.model
    uri = text(served[1].get("storageUri")) if served else ""
    if not served or request.mode == MODEL_MESH or not _REMOTE.search(uri):
        return
    known: list[str] = request.capabilities["storageProtocols"]
    if _AZURE_URI.search(uri) if _AZURE in uri else uri.startswith(tuple(f"{scheme}://" for scheme in known)):
        return
    yield Violation(
        pointer=(*served[0], "storageUri"),
        message=f"{display(uri.split('://')[0])} is not a storage protocol of this release",
        hint=f"one of {listed(known)}, or https://<account>.{_AZURE}/<container>/<path>",
    )


@admission_rule(
    code="ADM061",
    title="A model is read from one place",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=PREDICTOR,
)
def two_places(request: AdmissionRequest) -> Iterator[Violation]:
    """Admitted, and then never ready."""
    served = request.model
    if not served or request.mode == MODEL_MESH:
        return
    if served[1].get("storageUri") is not None and mapping(served[1].get("storage")).get("path") is not None:
        yield Violation(
            pointer=(*served[0], "storage", "path"),
            key=True,
            message="the model has both storageUri and storage.path",
            hint="keep storage for a connection's bucket, storageUri for everything else",
            severity=Severity.WARNING,
        )


@admission_rule(
    code="ADM062",
    title="ModelMesh reads from storage.path or storageUri",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=PREDICTOR,
    when=having("modelMesh"),
)
def model_mesh_storage(request: AdmissionRequest) -> Iterator[Violation]:
    """KServe passes such objects over; ModelMesh's own controller asks for one place that it can read."""
    served = request.model
    if request.mode != MODEL_MESH or not served:
        return
    pointer, model = served
    uri, path = model.get("storageUri"), mapping(model.get("storage")).get("path")
    if (uri is None) == (path is None):
        yield Violation(
            pointer=pointer,
            message="the model has "
            + ("neither storageUri nor storage.path" if uri is None else "both storageUri and storage.path"),
            hint="write storage: {key: <connection>, path: <folder in its bucket>}",
        )
    elif uri is not None and text(uri).split("://")[0] not in (known := request.capabilities["modelMeshStorage"]):
        yield Violation(
            pointer=(*pointer, "storageUri"),
            message=f"{display(text(uri).split('://')[0])} is not a storage protocol of ModelMesh",
            hint=f"one of {listed(known)}",
        )


@admission_rule(
    code="ADM063",
    title="The version for OpenVINO's folders is a positive number",
    stage="reconcile",
    kinds=SERVICE_KINDS,
    where=(*ANNOTATIONS, OVMS_VERSION),
    when=having("ovmsAutoVersioning"),
)
def auto_versioning(request: AdmissionRequest) -> Iterator[Violation]:
    """The webhook of the pods refuses them, so that none ever starts."""
    written = request.annotations[OVMS_VERSION]
    if not re.fullmatch(r"\+?0*[1-9][0-9]*", text(written)):
        yield Violation(
            pointer=(*ANNOTATIONS, OVMS_VERSION),
            message=f"{display(written)} is not a version number, so no pod is admitted",
            hint="write a positive whole number in quotes, such as '1'",
        )


@admission_rule(
    code="ADM064",
    title="A connection that is injected has a type that the webhook knows",
    stage="webhook",
    kinds=SERVICE_KINDS,
    where=(*ANNOTATIONS, CONNECTIONS),
    when=having("connectionTypes"),
)
def connection_type(request: AdmissionRequest) -> Iterator[Violation]:
    """Known only where the connection's Secret comes with the manifest or is among the objects of the cluster."""
    name = request.annotations[CONNECTIONS]
    secret = peer(request, "Secret", name)
    if secret is None:
        return
    annotations = mapping(mapping(secret.get("metadata")).get("annotations"))
    types: Mapping[str, list[str]] = request.capabilities["connectionTypes"]
    written = next((key for key in types if annotations.get(key)), None)
    if written is None or annotations[written] not in types[written]:
        first = next(iter(types))
        yield Violation(
            pointer=(*ANNOTATIONS, CONNECTIONS),
            message=f"the connection {display(name)} has "
            + ("no type" if written is None else f"the unknown type {display(annotations[written])}"),
            hint=f"give its Secret the annotation {first}: one of {listed(types[first])}",
        )
