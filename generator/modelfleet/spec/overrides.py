"""What is wrong with a spec in one environment, told as what it most likely is: an override of something that is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from modelfleet.finding import Finding, dotted
from modelfleet.spec.load import Document
from modelfleet.spec.merge import Merged
from modelfleet.wording import closest

_NAMED = {"models": "model", "servers": "server", "connections": "connection", "secrets": "Secret"}


def in_override(
    found: Iterable[Finding], spec: Merged, below: Merged, override: tuple[Document, str]
) -> Iterator[Finding]:
    """The findings of a merged spec for an environment; what it alone has and lacks fields gets one finding.

    `below` is the spec without the environment's block, `override` the document and the environment's name.
    """
    document, environment = override
    added = dict(_added_here(spec, below, environment, document))
    for finding in found:
        path = next((path for path in added if finding.code == "SPEC003" and _within(finding.path, path)), None)
        yield replace(finding, environments=(environment,)) if path is None else added[path]


def _within(path: str, around: str) -> bool:
    return path == around or path.startswith(f"{around}.")


def _added_here(spec: Merged, below: Merged, environment: str, document: Document) -> Iterator[tuple[str, Finding]]:
    """For each thing that an environment alone has: what is said where it lacks fields.

    It is most likely a misspelt name, or what is left of something that was deleted above.
    """
    for section, kind in _NAMED.items():
        old, new = below.data.get(section) or {}, spec.data.get(section) or {}
        for name in new if isinstance(old, dict) and isinstance(new, dict) else ():
            if name not in old:
                near = closest(name, old)
                whole = f"write the {kind} in full, or remove it here"
                pointer = ("environments", environment, section, name)
                yield (
                    dotted((section, name)),
                    Finding(
                        at=document.key_at(pointer),
                        code="SPEC003",
                        path=dotted((section, name)),
                        message=f"there is no {kind} {name!r} above `environments` that this could change",
                        hint=f"did you mean {near!r}? if not, {whole}" if near else whole,
                        environments=(environment,),
                    ),
                )
