"""Where models are read from: connections, paths, addresses and volumes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from modelfleet.finding import Severity
from modelfleet.resolve.model import Connection, EnvSecret
from modelfleet.rules import Violation, having
from modelfleet.rules.spec.subjects import OfLocated, OfProject, spec_rule
from modelfleet.wording import choices, did_you_mean, listed


@spec_rule("LOC001", "There is no such connection")
def unknown_connection(subject: OfLocated) -> Iterator[Violation]:
    location, known = subject.location, subject.project.connections
    if location.connection_name is None or location.connection is not None:
        return
    there = choices(list(known)) if known else "the project has none"
    yield Violation(
        pointer=(*subject.located.pointer, "location", "connection"),
        message=f"no connection {location.connection_name!r} in {subject.environment.name}",
        hint=did_you_mean(location.connection_name, known, there),
    )


@spec_rule("LOC002", "A path is missing or is too much")
def path_for_kind(subject: OfLocated) -> Iterator[Violation]:
    location, pointer = subject.location, (*subject.located.pointer, "location")
    connection = location.connection
    if connection is None:
        return
    kind, name = connection.kind, repr(connection.name)
    for field, written in (("path", location.path), ("uri", location.uri)):
        form = kind.location[field]
        if (written is not None) != form.wanted:
            yield Violation(
                pointer=pointer if form.wanted else (*pointer, field),
                key=field == "path" and not form.wanted,
                message=form.otherwise.format(name=name),
                hint=form.hint,
            )
        elif written is not None and form.other_scheme is not None and not written.startswith(str(kind.scheme)):
            yield Violation(
                pointer=(*pointer, field),
                message=form.other_scheme.format(name=name),
                hint=f"write {kind.scheme}://{written.partition('://')[2][:60]}",
            )


@spec_rule("LOC004", "OpenVINO looks for a folder per version")
def version_folder(subject: OfLocated) -> Iterator[Violation]:
    location, model = subject.location, subject.located
    runtime = getattr(model, "runtime", None)
    if runtime is None or not runtime.engine.facts.get("versionFolder") or location.path is None:
        return
    last = location.path.rstrip("/").rpartition("/")[2]
    if last.isdigit():
        yield Violation(
            pointer=(*model.pointer, "location", "path"),
            message=f"the last step, {last!r}, looks like a version folder",
            hint="give the folder above it: OpenVINO looks for <path>/<version>/ by itself",
            severity=Severity.WARNING,
        )


@spec_rule("LOC005", "The multi-model platform cannot read from there", when=having("modelMesh"))
def multi_model_source(subject: OfLocated) -> Iterator[Violation]:
    location, readable = subject.location, subject.environment.can("modelMeshStorage")
    if subject.server is None or readable is None:
        return
    scheme = location.scheme or "s3"
    if scheme not in readable:
        pointer = (*subject.located.pointer, "location")
        yield Violation(
            pointer=(*pointer, "connection") if location.connection else (*pointer, "uri"),
            message=f"the multi-model platform does not read {scheme}://",
            hint=f"use an S3 connection with a path, or an address with {listed(readable)}",
        )


@spec_rule("LOC006", "The release cannot read such an address")
def unknown_protocol(subject: OfLocated) -> Iterator[Violation]:
    location, release = subject.location, subject.environment.release
    known = subject.environment.can("storageProtocols")
    uri = location.address
    if uri is None or known is None or location.pvc is not None or subject.server is not None:
        return
    pointer = (*subject.located.pointer, "location", "uri")
    if location.uri is None and location.connection is not None:
        pointer = location.connection.pointer_to("uri")
    scheme = uri.partition("://")[0]
    if scheme in ("file", "pvc"):
        other = (
            "write location: {pvc: ..., path: ...}" if scheme == "pvc" else "use a connection, a PVC or an oci image"
        )
        yield Violation(pointer=pointer, message=f"{scheme}:// addresses are not for models in a cluster", hint=other)
    elif scheme not in known:
        yield Violation(
            pointer=pointer,
            message=f"{release.title if release else 'the release'} cannot read {scheme}://",
            hint=f"it reads {listed([word for word in known if word != 'file'])}",
        )


_METADATA = (
    "169.254.",
    "fe80:",
    "[fe80:",
    "metadata.google.internal",
    "127.",
    "localhost",
    "0.0.0.0",
    "[::1]",
    "100.100.100.200",
)


@spec_rule("LOC007", "The endpoint is not the place for credentials")
def endpoint_of_the_cloud(subject: OfProject) -> Iterator[Violation]:
    for connection in subject.project.connections.values():
        setting = connection.kind.endpoint
        address = connection.settings.get(setting) if setting else None
        if setting and isinstance(address, str) and (host := _of_the_node(address)):
            yield Violation(
                pointer=connection.pointer_to(setting),
                message=f"endpoint {host!r} is the node's own or the cloud's metadata address: the pod would hand it its keys",
                hint="give the address of the object store",
                policy=True,
            )


@spec_rule("LOC010", "The address is the node's own or the cloud's")
def address_of_the_cloud(subject: OfLocated) -> Iterator[Violation]:
    address = subject.location.uri
    if address is not None and (host := _of_the_node(address)):
        yield Violation(
            pointer=(*subject.located.pointer, "location", "uri"),
            message=f"{host!r} is the node's own or the cloud's metadata address, and no place of models",
            hint="give the address of the model",
            policy=True,
        )


def _of_the_node(address: str) -> str | None:
    """The host, where it means the node or the cloud's metadata service; also written as one number."""
    host = urlsplit(address).netloc.rpartition("@")[2].lower()
    name = host.partition(":")[0]
    return host if host.startswith(_METADATA) or name.isdigit() or name.startswith("0x") else None


@spec_rule("LOC008", "The image is in another registry than the connection")
def other_registry(subject: OfLocated) -> Iterator[Violation]:
    location = subject.location
    setting = location.connection.kind.registry if location.connection is not None else None
    if location.connection is None or setting is None or location.uri is None:
        return
    host, wanted = urlsplit(location.uri).netloc, str(location.connection.settings.get(setting))
    if host and host != wanted.partition("/")[0]:
        yield Violation(
            pointer=(*subject.located.pointer, "location", "uri"),
            message=f"the image is in {host}, but {location.connection.name!r} holds a pull secret for {wanted}",
            hint="use the registry's own connection, or none where it is public",
            severity=Severity.WARNING,
        )


@spec_rule("LOC009", "The environment cannot make the Secret")
def no_store(subject: OfProject) -> Iterator[Violation]:
    environment, project = subject.environment, subject.project
    wanted: list[Connection | EnvSecret] = [item for item in project.connections.values() if item.secret]
    wanted += [item for item in project.secrets.values() if not item.existing]
    for item in wanted:
        if environment.secrets.name is None:
            yield Violation(
                pointer=item.pointer,
                key=True,
                message=f"{environment.name} names no secret store from which its Secret could come",
                hint="add secrets: {provider: external-secrets, store: ..., keyPrefix: ...} to the environment, "
                "or existing: true here",
            )
        elif item.key is None:
            yield Violation(
                pointer=item.pointer,
                key=True,
                message=f"nobody says where the secret store of {environment.name} keeps it",
                hint="add secrets: {keyPrefix: ...} to the environment, or credentials: {key: ...} here",
            )
