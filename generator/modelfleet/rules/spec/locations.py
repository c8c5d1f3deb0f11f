"""Where models are read from: connections, paths, addresses and volumes."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import takewhile
from urllib.parse import urlsplit

from modelfleet.finding import Finding, Severity
from modelfleet.kubernetes.names import MODEL_FOLDER, STORAGE_SECRET
from modelfleet.resolve import downloads
from modelfleet.resolve.connections import connection_kinds
from modelfleet.resolve.downloads import is_downloaded
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.model import Connection, EnvSecret, Model, Project
from modelfleet.resolve.runtime import Engine
from modelfleet.rules import Violation, having
from modelfleet.rules.claims import Claim, claim_at
from modelfleet.rules.spec.subjects import OfLocated, OfModel, OfProject, spec_rule
from modelfleet.wording import choices, did_you_mean, either, listed


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


@spec_rule("LOC002", "A path is missing, or is one too many")
def path_for_kind(subject: OfLocated) -> Iterator[Violation]:
    location, pointer = subject.location, (*subject.located.pointer, "location")
    connection = location.connection
    if connection is None:
        return
    kind, name = connection.kind, repr(connection.name)
    for field, written in (("path", location.path), ("uri", location.uri)):
        form = kind.location[field]
        repeated = form.repeats is not None and written == connection.settings.get(form.repeats)
        if (written is not None) != form.wanted and not repeated:
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


@spec_rule("LOC013", "The connection takes no credentials")
def needless_credentials(subject: OfProject) -> Iterator[Violation]:
    for connection in subject.project.connections.values():
        written = subject.project.spec.data["connections"][connection.name]
        if connection.kind.secret is None and written.get("credentials") is not None:
            yield Violation(
                pointer=(*connection.pointer, "credentials"),
                key=True,
                message=f"credentials does not go with {connection.kind.name}: such a connection has no credentials",
                hint=f"remove credentials, or use a connection that has a Secret ({listed(_kinds_with_secret())})",
            )


def _kinds_with_secret() -> list[str]:
    return [name for name, kind in connection_kinds().items() if kind.secret is not None]


@spec_rule("LOC004", "The engine does not find the model where it looks for it")
def unfound_files(subject: OfLocated) -> Iterator[Violation]:
    location, model = subject.location, subject.located
    if not isinstance(model, Model) or model.engine is None or model.engine.layout is None:
        return
    field = "path" if location.path is not None else "uri" if location.uri is not None else "connection"
    pointer = (*model.pointer, "location", field)
    last, looked = (location.path or "").rstrip("/").rpartition("/")[2], downloads.wanted_folders(model)
    if looked and last.isdigit():
        yield Violation(
            pointer=pointer,
            message=f"the last step, {last!r}, looks like a version folder",
            hint=f"give the folder {'of all models' if looked[1:] else 'above it'}: "
            f"{model.engine.facts['title']} looks for {'/'.join(('<path>', *looked))}/ by itself",
            severity=Severity.WARNING,
        )
    elif (name := downloads.single_file(model)) is None:
        return
    elif looked and not (downloads.lands_without_version(model) and made_by_the_release(subject)):
        message, hint = f"this is a single file: {model.engine.layout['lacking']}", model.engine.layout["write"]
        yield Violation(pointer=pointer, message=message, hint=hint, severity=Severity.WARNING)
    elif not looked and (found := _unnamed_file(model, model.engine, name)) is not None:
        yield Violation(pointer=pointer, message=found[0], hint=found[1], severity=Severity.WARNING)


def _unnamed_file(model: Model, engine: Engine, name: str) -> tuple[str, str] | None:
    """Why an engine that looks for files by name does not find a single one, and what to do; None where it does."""
    layout = engine.layout or {}
    variable, runtime = layout["variable"], model.runtime
    metadata = runtime.object["metadata"].get("annotations") or {} if runtime else {}
    kind = layout["formats"].get(model.format.name) if model.format else None
    set_here = {entry["name"] for entry in model.env} | (runtime.variables if runtime else set())
    if kind is None or variable in set_here:
        return None
    mounted = MODEL_FOLDER if model.location.pvc is not None else f"{MODEL_FOLDER}/{name}"
    if layout["setBy"].items() <= metadata.items():
        if model.location.pvc is not None or name in kind["files"]:
            return None
        message = f"{engine.facts['title']} looks for {either(kind['files'])}, and does not find {name}"
        return message, f"rename the file, or write env: {{{variable}: {mounted}}}"
    variables = {variable: mounted}
    if layout["implementation"] not in set_here:
        variables = {layout["implementation"]: kind["class"], **variables}
    written = ", ".join(f"{key}: {value}" for key, value in variables.items())
    message = f"this is a single file, and nothing tells {engine.facts['title']} where it is or what to load it with"
    return message, f"write env: {{{written}}}, or give a folder with a model-settings.json beside the file"


def made_by_the_release(subject: OfLocated) -> bool:
    """Whether the release puts a downloaded file into the folder of a version by itself."""
    return bool(subject.environment.can("ovmsAutoVersioning")) and is_downloaded(subject.location.scheme)


@spec_rule("LOC011", "The download does not see the variable")
def unseen_variable(subject: OfModel) -> Iterator[Violation]:
    model, scheme = subject.model, subject.model.location.scheme
    for pointer, name, value in subject.variables:
        hint = downloads.lost_variable(name, scheme)
        if hint is None or (downloads.is_token(name, scheme) and downloads.download_secret(model)):
            continue
        if downloads.is_token(name, scheme) and isinstance(value, dict) and "secret" in value:
            key = downloads.token_key()
            yield Violation(
                pointer=(*pointer, "key"),
                message=f"the download of {scheme}:// takes its token from the key {key} of a Secret, not from {value['key']!r}",
                hint=f"call the key {key}, in the secret store as well",
                severity=Severity.WARNING,
            )
            continue
        yield Violation(
            pointer=pointer,
            key=True,
            message=f"{name} reaches the server, not the container that downloads the model from {scheme}://",
            hint=hint,
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
                message=f"endpoint {host!r} is the node's own or the cloud's metadata address: the pod would send it its keys",
                hint="give the address of the object store",
                policy=True,
            )


@spec_rule("LOC010", "The address is the node's own or the cloud's")
def address_of_the_cloud(subject: OfLocated) -> Iterator[Violation]:
    address = subject.location.uri
    if address is not None and (host := _of_the_node(address)):
        yield Violation(
            pointer=(*subject.located.pointer, "location", "uri"),
            message=f"{host!r} is the node's own or the cloud's metadata address, and not a source of models",
            hint="give the address of the model",
            policy=True,
        )


def _of_the_node(address: str) -> str | None:
    """The host, where it means the node or the cloud's metadata service; also written as one number."""
    host = urlsplit(address).netloc.rpartition("@")[2].lower()
    name = host.partition(":")[0]
    return host if host.startswith(_METADATA) or name.isdigit() or name.startswith("0x") else None


@spec_rule("LOC014", "Nothing says with which credentials a bucket is read")
def bucket_without_credentials(subject: OfModel) -> Iterator[Violation]:
    """A connection brings them; without one KServe looks into the Secrets that the ServiceAccount of the pods names."""
    model = subject.model
    location = model.location
    if location.connection_name is not None or location.scheme != "s3":
        return
    named = "serviceAccount" in subject.written or STORAGE_SECRET in model.annotations
    if not named and not {"serviceAccountName", STORAGE_SECRET.replace("/", "~1")} & set(_patched(model)):
        yield Violation(
            pointer=(*model.pointer, "location", "uri"),
            message="nothing says with which credentials the bucket is read: KServe takes those of the ServiceAccount of the pods",
            hint="use an S3 connection with a path, or name a serviceAccount whose secrets hold them",
            severity=Severity.WARNING,
        )


def _patched(model: Model) -> Iterator[str]:
    """The last steps of the paths of its patches."""
    return (str(step["path"]).rpartition("/")[2] for steps in model.patches.values() for step in steps)


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


NEIGHBOUR = "LOC012"
"""The code of what `shared_beginnings` finds: no single model shows it."""


def download_claims(project: Project) -> Iterator[Claim]:
    """What a project's models are downloaded from, where store, bucket and path are known."""
    for model in project.models:
        if (bucket := _bucket(model)) is not None:
            pointer = (*model.pointer, "location", "path")
            yield claim_at(project, pointer, model=model.name, bucket=list(bucket), path=str(model.location.path))


def shared_beginnings(claims: Sequence[Claim], environments: Mapping[str, Environment]) -> Iterator[Finding]:
    """Paths in a bucket with which others begin: the download takes all that begins so, the neighbour's files too.

    Models of ModelMesh are left out: its puller compares whole steps of a path
    (kserve/modelmesh-runtime-adapter:pullman/storageproviders/s3/downloader.go, shouldIgnoreObject).
    """
    buckets: dict[tuple[str, ...], dict[str, str]] = {}
    for claim in claims:
        bucket, path = tuple(claim.facts["bucket"]), claim.facts["path"]
        buckets.setdefault(bucket, {})[path] = f"{claim.project}/{claim.facts['model']}"
    ordered = {bucket: sorted(paths) for bucket, paths in buckets.items()}
    for claim in claims:
        bucket, path = tuple(claim.facts["bucket"]), claim.facts["path"]
        if path.endswith("/") or downloads.is_one_file(path):
            continue
        after = ordered[bucket][bisect(ordered[bucket], path) :]
        longer = takewhile(partial(_begins, path), after)
        other = next((one for one in longer if one[len(path)] != "/"), None)
        if other is not None:
            violation = Violation(
                pointer=claim.pointer,
                message=f"the download takes all that begins with {path!r}, so {other!r} of {buckets[bucket][other]} too",
                hint=f"write {path}/",
                severity=Severity.WARNING,
            )
            yield violation.finding(NEIGHBOUR, claim.at, claim.environment)


def _bucket(model: Model) -> tuple[str, str] | None:
    """The store and the bucket that a model is downloaded from, where both are known."""
    connection = model.location.connection
    if connection is None or model.location.path is None or not connection.settings.get("bucket"):
        return None
    return str(connection.settings.get("endpoint")), str(connection.settings["bucket"])


def _begins(path: str, other: str) -> bool:
    return other.startswith(path)
