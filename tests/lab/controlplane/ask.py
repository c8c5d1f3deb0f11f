"""Asks an API server: objects are plain mappings, as in YAML."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

Object = dict[str, Any]
Found = TypeVar("Found")
ADMIN = "lab-admin-token"  # of a server that nobody but the tests can reach, and that ends with them
_SECONDS = 180.0  # on a busy machine; it is waited for only where something is wrong


class Refused(Exception):
    """The server's refusal: its status as JSON, and its message as text."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__(status.get("message", str(status)))
        self.code = status.get("code")


class Api:
    """One API server, over connections that the caller opens."""

    def __init__(self, connect: Callable[[], socket.socket], authority: str, token: str = ADMIN) -> None:
        self._connect, self._tls, self._token = connect, ssl.create_default_context(cafile=authority), token
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}
        self.warnings: list[str] = []

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """What the server answers, as JSON; Refused where it refuses. It is asked again while it asks for time."""
        until = time.monotonic() + _SECONDS
        while True:
            try:
                return self._call(method, path, body, kind)
            except Refused as refused:
                if refused.code != http.client.TOO_MANY_REQUESTS or time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def _call(self, method: str, path: str, body: Any, kind: str) -> Any:
        connection = http.client.HTTPSConnection("127.0.0.1", context=self._tls)
        connection.sock = self._tls.wrap_socket(self._connect(), server_hostname="127.0.0.1")
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
            self.warnings += [
                header.partition('"')[2].rstrip('"') for header in response.headers.get_all("Warning", [])
            ]
        finally:
            connection.close()
        if response.status >= 400:
            try:
                raise Refused(json.loads(text))
            except json.JSONDecodeError:
                raise Refused({"code": response.status, "message": text}) from None
        return json.loads(text) if text.startswith(("{", "[")) else text

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object, or None where there is none."""
        try:
            found: Object = self.call("GET", self._path(api_version, kind, namespace, name))
        except Refused as refused:
            if refused.code == 404:
                return None
            raise
        return found

    def items(self, api_version: str, kind: str, namespace: str = "") -> list[Object]:
        """All objects of a kind, in one namespace or in all."""
        found = self.call("GET", self._path(api_version, kind, namespace))["items"]
        return [{"apiVersion": api_version, "kind": kind, **item} for item in found]

    def apply(self, item: Mapping[str, Any], manager: str = "lab", strict: bool = True) -> Object:
        """Server-side apply; what the server would drop as unknown is refused where it is strict."""
        validation = "Strict" if strict else "Warn"
        query = urlencode({"fieldManager": manager, "force": "true", "fieldValidation": validation})
        applied: Object = self.call("PATCH", f"{self._path_of(item)}?{query}", item, "application/apply-patch+yaml")
        return applied

    def create(self, item: Mapping[str, Any]) -> Object:
        """Creates the object as `oc create` does."""
        made: Object = self.call("POST", self._path(item["apiVersion"], item["kind"], _namespace(item)), item)
        return made

    def replace(self, item: Mapping[str, Any]) -> Object:
        """Replaces the object as `oc replace` does."""
        made: Object = self.call("PUT", self._path_of(item), item)
        return made

    def patch(self, item: Mapping[str, Any], change: Any, part: str = "") -> Object:
        """A merge patch of the object, or of a part such as `status`; a list of operations is a JSON patch."""
        kind = "application/json-patch+json" if isinstance(change, list) else "application/merge-patch+json"
        patched: Object = self.call("PATCH", self._path_of(item) + (f"/{part}" if part else ""), change, kind)
        return patched

    def delete(self, item: Mapping[str, Any], at_once: bool = False) -> None:
        """Deletes the object and, in the background, what it owns; it need not be there."""
        try:
            # Jobs would leave their pods behind where nothing is said.
            query = "?propagationPolicy=Background" + ("&gracePeriodSeconds=0" if at_once else "")
            self.call("DELETE", self._path_of(item) + query)
        except Refused as refused:
            if refused.code != 404:
                raise

    def read(self, item: Mapping[str, Any]) -> Object | None:
        """The object as it is on the server now."""
        return self.get(item["apiVersion"], item["kind"], item["metadata"]["name"], _namespace(item))

    def ensure_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Makes the namespace where it is not there."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}})

    def dump(self, namespace: str) -> Iterator[Object]:
        """Every object in a namespace with all that the server keeps of it, as `oc get -o yaml` prints it, by kind and name."""
        for api_version, kind in sorted(self._all_kinds()):
            try:
                yield from self.items(api_version, kind, namespace)
            except Refused as refused:
                if refused.code not in (404, 405):
                    raise

    def _all_kinds(self) -> Iterator[tuple[str, str]]:
        """Each kind in the version that its group prefers, or else in the first that has it."""
        for group in [{"versions": [{"groupVersion": "v1"}]}, *self.call("GET", "/apis")["groups"]]:
            versions = [group.get("preferredVersion", {}), *group["versions"]]
            kinds: dict[str, str] = {}
            for version in dict.fromkeys(one["groupVersion"] for one in versions if one):
                for resource in self._resources_of(version):
                    if resource["namespaced"] and "list" in resource["verbs"] and "/" not in resource["name"]:
                        kinds.setdefault(resource["kind"], version)
            yield from ((version, kind) for kind, version in kinds.items())

    def _resources_of(self, api_version: str) -> list[dict[str, Any]]:
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        resources: list[dict[str, Any]] = self.call("GET", root)["resources"]
        return resources

    def _path_of(self, item: Mapping[str, Any]) -> str:
        return self._path(item["apiVersion"], item["kind"], _namespace(item), item["metadata"]["name"])

    def _path(self, api_version: str, kind: str, namespace: str, name: str = "") -> str:
        plural, namespaced = self._resource(api_version, kind)
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        inside = f"/namespaces/{namespace}" if namespaced and namespace else ""
        return f"{root}{inside}/{plural}" + (f"/{quote(name)}" if name else "")

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._resources:
            for resource in self._resources_of(api_version):
                if "/" not in resource["name"]:
                    self._resources[api_version, resource["kind"]] = resource["name"], resource["namespaced"]
        try:
            return self._resources[api_version, kind]
        except KeyError:
            raise Refused({"code": 404, "message": f"the server has no {kind} in {api_version}"}) from None


def _namespace(item: Mapping[str, Any]) -> str:
    return str(item["metadata"].get("namespace", ""))


def wait_until(what: str, ask: Callable[[], Found | None], seconds: float = _SECONDS, every: float = 0.2) -> Found:
    """What `ask` answers as soon as that is true; an assertion fails with its last answer where it never is."""
    until = time.monotonic() + seconds
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}; last: {found!r}"
        time.sleep(every)
