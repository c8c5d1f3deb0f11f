"""The fleet as one HTML file that needs nothing else: it is opened from a disk, an artifact or an attachment."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from modelfleet.overview.facts import EnvironmentOverview, ServedEntry
from modelfleet.overview.report import MODES, accelerators_text, replicas_words
from modelfleet.packaged import packaged
from modelfleet.wording import plural, printable

_NOWHERE = "base-uri 'none'; form-action 'none'"


def fleet_page(found: Sequence[EnvironmentOverview]) -> str:
    """The whole page. Every value is text in it, whatever it holds: nothing of a repository becomes markup or script."""
    import jinja2

    folder = packaged("data") / "page"
    style, script = ((folder / name).read_text("utf-8") for name in ("fleet.css", "fleet.js"))
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {
        "replicas": replicas_words,
        "accelerators": accelerators_text,
        "mode": lambda entry: MODES.get(entry.mode, entry.mode),
        "words": _words,
        "plural": plural,
    }
    template = environment.from_string((folder / "fleet.html.j2").read_text("utf-8"))
    return template.render(
        environments=found,
        totals=_totals(found),
        policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; {_NOWHERE}",
        style=style,
        script=script,
    )


def _digest(text: str) -> str:
    """What a browser has to find before it believes a style or a script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _words(entry: ServedEntry) -> str:
    """What a search looks through."""
    words = [
        entry.project,
        entry.namespace,
        entry.model,
        entry.server or "",
        entry.runtime or "",
        MODES.get(entry.mode, ""),
    ]
    words += [*entry.accelerators, *entry.token_secrets]
    words += [
        part for one in entry.endpoints for part in (one.protocol, one.internal, one.external or "", one.served_as)
    ]
    words += ["public" if entry.public else "internal", "token" if entry.guarded else "open"]
    words += ["deprecated"] if entry.deprecated else []
    return " ".join(dict.fromkeys(word.lower() for word in words if word))


def _totals(found: Sequence[EnvironmentOverview]) -> list[tuple[str, str]]:
    models = [entry for one in found for entry in one.models]
    accelerators: dict[str, int] = {}
    for one in found:
        for name, count in one.accelerators.items():
            accelerators[name] = accelerators.get(name, 0) + count
    projects = {entry.project for entry in models}
    return [
        ("environments", str(len(found))),
        ("projects", str(len(projects))),
        ("models served", str(len(models))),
        ("reachable from outside", str(sum(entry.public for entry in models))),
        ("of these without a token", str(sum(entry.public and not entry.guarded for entry in models))),
        ("accelerators at the busiest time", str(sum(accelerators.values()))),
    ]
