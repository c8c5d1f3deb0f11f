"""Where an InferenceService reads its model from: what the webhook asks, and what the controller gives up on later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.objects import items, mapping, mappings, text
from modelfleet.rules import Problem, having
from modelfleet.rules.admission.manifest import (
    ANNOTATIONS,
    CONNECTION,
    MODEL_MESH,
    PREDICTOR,
    SERVICE,
    Manifest,
    peer,
    rule,
    shown,
)
from modelfleet.wording import listed

AUTO_VERSIONING = "storage.kserve.io/ovms-auto-versioning"


_DEFAULT_MOUNT = "/mnt/models"


_REMOTE = re.compile(r"\w+?://", re.ASCII)


_AZURE = "blob.core.windows.net"


_AZURE_URI = re.compile(r"https://(.+?).blob.core.windows.net/(.+)", re.ASCII)


_KEY = re.compile(r"kbs:///[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


@rule(
    code="ADM033",
    title="A component has storageUri or storageUris",
    stage="webhook",
    kinds=SERVICE,
    when=having("storageUris"),
)
def storage_twice(manifest: Manifest) -> Iterator[Problem]:
    """Of a container the variable STORAGE_URI counts as its storageUri."""
    for name, component in manifest.components:
        if component.get("storageUris") is not None and _has_storage_uri(manifest, name, component):
            yield Problem(
                pointer=("spec", name, "storageUris"),
                key=True,
                message=f"the {name} has both storageUri and storageUris",
                hint="move the storageUri into the list",
            )


def _has_storage_uri(manifest: Manifest, name: str, component: Mapping[str, Any]) -> bool:
    served = manifest.model if name == "predictor" else None
    if served:
        return served[1].get("storageUri") is not None
    first = mapping(next(iter(items(component.get("containers"))), None))
    return any(entry.get("name") == "STORAGE_URI" for _, entry in mappings(first.get("env")))


@rule(
    code="ADM034",
    title="Each of storageUris names a place and a folder",
    stage="webhook",
    kinds=SERVICE,
    when=having("storageUris"),
)
def storage_uris_form(manifest: Manifest) -> Iterator[Problem]:
    """The folder is absolute, below the root, and does not lead out of itself."""
    for name, component in manifest.components:
        if "storageUris" not in component:
            continue
        for index, entry in mappings(component["storageUris"]):
            pointer: Pointer = ("spec", name, "storageUris", index)
            if entry.get("uri") == "":
                yield Problem(pointer=(*pointer, "uri"), message="the uri is empty", hint="say where the model is")
            if complaint := _mount_complaint(text(entry.get("mountPath", _DEFAULT_MOUNT))):
                yield Problem(
                    pointer=(*pointer, "mountPath"), message=complaint, hint="write for instance /mnt/models/base"
                )


def _mount_complaint(path: str) -> str:
    if path == "/":
        return "mountPath '/' would hide the whole container"
    if not path.startswith("/"):
        return f"mountPath {shown(path)} is not absolute"
    return f"mountPath {shown(path)} contains '..'" if ".." in path else ""


@rule(
    code="ADM035",
    title="storageUris that are downloaded share a folder, claims do not",
    stage="webhook",
    kinds=SERVICE,
    when=having("storageUris"),
)
def storage_uris_together(manifest: Manifest) -> Iterator[Problem]:
    """One volume holds all downloads, so their folders need a common parent; asked from two downloads on."""
    for name, component in manifest.components:
        if "storageUris" not in component:
            continue
        claims: list[str] = []
        folders: list[str] = []
        for _, entry in mappings(component["storageUris"]):
            path = text(entry.get("mountPath", _DEFAULT_MOUNT))
            (claims if text(entry.get("uri")).startswith("pvc://") else folders).append(path)
        if len(folders) < 2:
            continue
        pointer: Pointer = ("spec", name, "storageUris")
        if len(set(claims)) < len(claims):
            yield Problem(
                pointer=pointer,
                message="two claims have the same mountPath",
                hint="give each claim a mountPath of its own",
            )
        if len({path.strip("/").split("/")[0] for path in folders}) > 1:
            yield Problem(
                pointer=pointer,
                message=f"the folders {listed(folders)} have no common parent below the root",
                hint="put them below one folder, such as /mnt/models",
            )


@rule(
    code="ADM036",
    title="A confidential model says where it is, and its key in full",
    stage="webhook",
    kinds=SERVICE,
    where=PREDICTOR,
    when=having("confidential"),
)
def confidential(manifest: Manifest) -> Iterator[Problem]:
    """What is encrypted is decrypted after the download from storageUri."""
    served = manifest.model
    wanted = mapping(served[1].get("confidential")) if served else {}
    if not served or wanted.get("enabled") is not True:
        return
    if not text(served[1].get("storageUri")):
        yield Problem(
            pointer=(*served[0], "storageUri"),
            message="a confidential model needs storageUri",
            hint="write storageUri, or switch confidential off",
        )
    key = text(wanted.get("resourceId"))
    if key and not _KEY.fullmatch(key):
        yield Problem(
            pointer=(*served[0], "confidential", "resourceId"),
            message="resourceId has not the form kbs:///<repo>/<type>/<tag>",
            hint="write it in full; there are three parts after kbs:///",
        )


@rule(
    code="ADM060",
    title="The storage protocol is one that the release can read",
    stage="reconcile",
    kinds=SERVICE,
    where=PREDICTOR,
)
def storage_protocol(manifest: Manifest) -> Iterator[Problem]:
    """Admitted, and then the controller gives up; a ClusterStorageContainer of the cluster could know more."""
    served = manifest.model
    uri = text(served[1].get("storageUri")) if served else ""
    if not served or manifest.mode == MODEL_MESH or not _REMOTE.search(uri):
        return
    known: list[str] = manifest.capabilities["storageProtocols"]
    if _AZURE_URI.search(uri) if _AZURE in uri else uri.startswith(tuple(f"{scheme}://" for scheme in known)):
        return
    yield Problem(
        pointer=(*served[0], "storageUri"),
        message=f"{shown(uri.split('://')[0])} is no storage protocol of this release",
        hint=f"one of {listed(known)}, or https://<account>.{_AZURE}/<container>/<path>",
    )


@rule(
    code="ADM061",
    title="A model is read from one place",
    stage="reconcile",
    kinds=SERVICE,
    where=PREDICTOR,
)
def two_places(manifest: Manifest) -> Iterator[Problem]:
    """Admitted, and then never ready."""
    served = manifest.model
    if not served or manifest.mode == MODEL_MESH:
        return
    if served[1].get("storageUri") is not None and mapping(served[1].get("storage")).get("path") is not None:
        yield Problem(
            pointer=(*served[0], "storage", "path"),
            key=True,
            message="the model has both storageUri and storage.path",
            hint="keep storage for a connection's bucket, storageUri for everything else",
            severity=Severity.WARNING,
        )


@rule(
    code="ADM062",
    title="ModelMesh reads from storage.path or storageUri",
    stage="reconcile",
    kinds=SERVICE,
    where=PREDICTOR,
    when=having("modelMesh"),
)
def model_mesh_storage(manifest: Manifest) -> Iterator[Problem]:
    """KServe passes such objects over; ModelMesh's own controller asks for one place that it can read."""
    served = manifest.model
    if manifest.mode != MODEL_MESH or not served:
        return
    pointer, model = served
    uri, path = model.get("storageUri"), mapping(model.get("storage")).get("path")
    if (uri is None) == (path is None):
        yield Problem(
            pointer=pointer,
            message="the model has "
            + ("neither storageUri nor storage.path" if uri is None else "both storageUri and storage.path"),
            hint="write storage: {key: <connection>, path: <folder in its bucket>}",
        )
    elif uri is not None and text(uri).split("://")[0] not in (known := manifest.capabilities["modelMeshStorage"]):
        yield Problem(
            pointer=(*pointer, "storageUri"),
            message=f"{shown(text(uri).split('://')[0])} is no storage protocol of ModelMesh",
            hint=f"one of {listed(known)}",
        )


@rule(
    code="ADM063",
    title="The version for OpenVINO's folders is a positive number",
    stage="reconcile",
    kinds=SERVICE,
    where=(*ANNOTATIONS, AUTO_VERSIONING),
    when=having("ovmsAutoVersioning"),
)
def auto_versioning(manifest: Manifest) -> Iterator[Problem]:
    """The webhook of the pods refuses them, so that none ever starts."""
    written = manifest.annotations[AUTO_VERSIONING]
    if not re.fullmatch(r"\+?0*[1-9][0-9]*", text(written)):
        yield Problem(
            pointer=(*ANNOTATIONS, AUTO_VERSIONING),
            message=f"{shown(written)} is no version number, so no pod is admitted",
            hint="write a positive whole number in quotes, such as '1'",
        )


@rule(
    code="ADM064",
    title="A connection that is injected has a type that the webhook knows",
    stage="webhook",
    kinds=SERVICE,
    where=(*ANNOTATIONS, CONNECTION),
    when=having("connectionTypes"),
)
def connection_type(manifest: Manifest) -> Iterator[Problem]:
    """Known only where the connection's Secret comes with the manifest or is among the objects of the cluster."""
    name = manifest.annotations[CONNECTION]
    secret = peer(manifest, "Secret", name)
    if secret is None:
        return
    annotations = mapping(mapping(secret.get("metadata")).get("annotations"))
    types: Mapping[str, list[str]] = manifest.capabilities["connectionTypes"]
    written = next((key for key in types if annotations.get(key)), None)
    if written is None or annotations[written] not in types[written]:
        first = next(iter(types))
        yield Problem(
            pointer=(*ANNOTATIONS, CONNECTION),
            message=f"the connection {shown(name)} has "
            + ("no type" if written is None else f"the unknown type {shown(annotations[written])}"),
            hint=f"give its Secret the annotation {first}: one of {listed(types[first])}",
        )
