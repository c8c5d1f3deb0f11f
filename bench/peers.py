"""What modelfleet is measured beside: pinned versions, built into the user's cache once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.tools.folder import cache_folder, fresh_folder
from modelfleet.tools.go import provide_go

HELM = "3.19.0"
JRSONNET = "0.5.0-pre98"
_BUILD_S = 1800.0

Say = Callable[[str], None]


def helm(root: Path, say: Say) -> str:
    """Helm, built with Go. Raises MachineFailed: a run that is to be believed has its peers."""
    cache = cache_folder(root)
    target = cache / "bin" / f"helm-{HELM}"
    if not os.access(target, os.X_OK):
        go = provide_go(cache, say)
        say(f"helm {HELM}: building it with {go.version}, once; this takes some minutes")
        with fresh_folder(cache) as folder:
            done = go.run(["install", f"helm.sh/helm/v3/cmd/helm@v{HELM}"], folder, _BUILD_S, GOBIN=str(folder))
            if done.code:
                message = f"helm {HELM} cannot be built: {done.complaint}"
                raise MachineFailed(message)
            target.parent.mkdir(exist_ok=True)
            (folder / "helm").replace(target)
    return str(target)


def jrsonnet(root: Path, say: Say) -> str | None:
    """jrsonnet, built with cargo; None where there is no cargo, or it cannot build it, which is said."""
    folder = cache_folder(root) / f"jrsonnet-{JRSONNET}"
    target = folder / "bin" / "jrsonnet"
    cargo = shutil.which("cargo")
    if not target.exists() and cargo is None:
        say("there is no cargo, so jrsonnet is not measured")
        return None
    if not target.exists():
        say(f"jrsonnet {JRSONNET}: building it with cargo, once; this takes some minutes")
        words = [str(cargo), "install", "--quiet", "--locked", "--root", str(folder), "--version", JRSONNET, "jrsonnet"]
        done = subprocess.run(words, capture_output=True, check=False, timeout=_BUILD_S)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            say(f"cargo cannot build jrsonnet, so it is not measured: {''.join(said)}")
            return None
    return str(target)
