"""The download of a model by the storage initializer: what reaches it, and what it leaves behind (data/downloads.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelfleet.packaged import packaged_data

if TYPE_CHECKING:
    from modelfleet.resolve.model import Model


@cache
def _facts() -> Mapping[str, Any]:
    found: Mapping[str, Any] = packaged_data("downloads")
    return found


def is_downloaded(scheme: str | None) -> bool:
    """Whether a model with such an address is fetched; all others are mounted, or are images."""
    return scheme in _facts()["schemes"]


def download_secret(model: Model) -> str | None:
    """The Secret whose token the download of a model needs: the variables of the server do not reach it."""
    tokens = [entry for entry in model.env if is_token(entry["name"], model.location.scheme)]
    references = (entry.get("valueFrom", {}).get("secretKeyRef") for entry in tokens)
    return next((str(found["name"]) for found in references if found and found["key"] == token_key()), None)


def wanted_folders(model: Model) -> tuple[str, ...]:
    """The folders in which the engine looks for the files of a model, below the one that it is given; the last is a version."""
    layout = model.engine.layout if model.engine else None
    return tuple(layout.get("folders", ())) if layout else ()


def lands_without_version(model: Model) -> bool:
    """Whether the download leaves one file where the engine looks for a folder with a version."""
    return len(wanted_folders(model)) == 1 and single_file(model) is not None


def single_file(model: Model) -> str | None:
    """The name of the one file that a location is; None where it may be more."""
    address = model.location.address or model.location.path
    return urlsplit(address).path.rstrip("/").rpartition("/")[2] if address and is_one_file(address) else None


def is_token(variable: str, scheme: str | None) -> bool:
    """Whether a variable holds a token that the download from such an address may need."""
    token = _facts()["token"]
    return variable in token["variables"] and scheme in token["schemes"]


def token_key() -> str:
    """The key of a Secret from which the download takes the token."""
    return str(_facts()["token"]["key"])


def is_one_file(address: str | None) -> bool:
    """Whether an address is that of one file, which is left as it is: what is behind http is, where it is no archive."""
    if address is None:
        return False
    parts = urlsplit(address)
    path = parts.path.rstrip("/").lower()
    if path.endswith(tuple(_facts()["archives"])):
        return False
    return parts.scheme in ("http", "https") or path.endswith(tuple(_facts()["modelFiles"]))


def lost_variable(variable: str, scheme: str | None) -> str | None:
    """What to do about a variable that would do something in the download, where it does not arrive; None for others."""
    for entry in _facts()["variables"]:
        if variable in entry["names"] and scheme in entry["schemes"]:
            return str(entry["hint"])
    return None
