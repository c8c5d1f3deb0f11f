"""What pip installs modelfleet by in a pipeline: what this installation came from, as far as that is known and can be reached."""

from __future__ import annotations

import json
import re
from importlib import metadata
from urllib.parse import urlsplit

from modelfleet import __version__
from modelfleet.patterns import lazy_pattern

PLACEHOLDER = "modelfleet @ git+https://git.example.org/OWNER/modelfleet@COMMIT"
"""Leads nowhere, so that nobody installs a stranger's package of this name: the project is on no registry yet."""

_COMMIT = lazy_pattern(r"[0-9a-f]{40,64}")


def installed_requirement() -> str:
    """The requirement that installs what runs here: a version of an index, a commit of a repository, or the placeholder.

    An installation from a folder or a file says nothing that another machine could install.
    """
    try:
        origin = metadata.distribution("modelfleet").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return PLACEHOLDER
    return f"modelfleet=={__version__}" if origin is None else requirement_of(origin)


def requirement_of(origin: str) -> str:
    """The requirement for what `direct_url.json` says, as PEP 610 describes it."""
    try:
        told = json.loads(origin)
        address, source = str(told["url"]), told.get("vcs_info", {})
        commit = str(source.get("commit_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return PLACEHOLDER
    parts = urlsplit(address)
    secret = parts.password is not None or (parts.scheme == "https" and parts.username is not None)
    if source.get("vcs") != "git" or parts.scheme not in ("https", "ssh") or secret or not _COMMIT.fullmatch(commit):
        return PLACEHOLDER
    if not re.fullmatch(r"[A-Za-z0-9@:/._~-]+", address):
        return PLACEHOLDER
    return f"modelfleet @ git+{address}@{commit}"
