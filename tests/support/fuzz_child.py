"""Runs mutated inputs through a command, in one process: `fuzz_child.py KIND SEED COUNT FOLDER`; prints a summary as JSON.

KIND is check, admit, plan, verify, import_project or import_environment. A child of its own, so that a signal and the memory
are seen from outside.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from console import modelfleet
from modelfleet.finding import MachineFailed
from modelfleet.kubernetes.emit import dump
from modelfleet.pipeline.fleet import fleet
from modelfleet.spec.secret_shapes import without_shapes
from modelfleet.tools.processes import Completed
from modelfleet.verify.compare import ExpectedOverlay, compare_built, foreign_secrets
from modelfleet.verify.overlays import objects_built

CANARY = "hf" + "_zQ7xK2mV9pR4tB6nW1cL8dF3gH5jYsUeIa"
VALUES: list[Any] = [
    -1, 0, 1e30, True, None, "", [], {}, [1], {"a": 1}, "x" * 300, ["a"], [[]], [{}], {"1": None}, 2**70, "0x_",
    "a: b\n- c", 0.5, "1e400",
    "##[add-mask]x", "::error::x", "\u202e", "../..", "{{ x }}", "$(A)", "007",
    CANARY, f"x/{CANARY}", f"--token={CANARY}", {CANARY: 1},
]  # fmt: skip
KEYS = ["007", "+1", "", "0", "7", "<<", "on", "metadata", "kind", "a" * 300, "ä", CANARY]
SNIPPETS = [
    "[",
    "{a: ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "!!int ",
    "!!binary x",
    "<<: ",
    "\t",
    "---\n",
    "%YAML 1.1\n",
    "\x00",
    "\ud83d",
    ": ",
    "|\n",
    "'",
    '"',
]


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*way, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*way, index))


def put(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = put(value[way[0]], way[1:], new)
    return copy


def mutated(rng: random.Random, text: str) -> str:
    """A text with one change of what it says, or of how it is written."""
    if rng.random() < 0.7:
        documents = list(yaml.safe_load_all(text))
        index = rng.randrange(len(documents))
        data = documents[index]
        way = rng.choice(list(places(data)))
        inner = data
        for step in way:
            inner = inner[step]
        if isinstance(inner, dict) and rng.random() < 0.3:
            new: Any = {**inner, rng.choice(KEYS): rng.choice(VALUES)}
        else:
            new = rng.choice(VALUES)
        documents[index] = put(data, way, new)
        return "---\n".join(map(dump, documents))
    at = rng.randrange(len(text) + 1)
    times = rng.choice([1, 1, 1, 3, 50, 3000])
    return (
        (text[:at] + rng.choice(SNIPPETS) * times + text[at + rng.randint(0, 3) :]).encode("utf-8", "replace").decode()
    )


class Run:
    """The outcomes of one child."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.times: list[float] = []
        self.bad: list[str] = []

    def one(self, do: Callable[[], tuple[int, str]], text: str) -> None:
        begun = time.monotonic()
        code, said = do()
        self.times.append(time.monotonic() - begun)
        self.codes[code] = self.codes.get(code, 0) + 1
        said = without_shapes(said)  # as everything that is printed
        printed = CANARY[8:28] in said
        if code == 70 or code < 0 or printed or "Traceback" in said:
            self.bad.append(f"{code} {'printed ' if printed else ''}{said[-300:]!r} of {text[:2000]!r}")


def of_command(root: Path, *words: str) -> Callable[[], tuple[int, str]]:
    def do() -> tuple[int, str]:
        done = modelfleet(root, *words)
        return done.code, done.out + done.err

    return do


def check(rng: random.Random, count: int, root: Path, run: Run) -> None:
    files = sorted([*(root / "projects").glob("*.yaml"), *(root / "environments").glob("*.yaml")])
    for _ in range(count):
        path = rng.choice(files)
        kept = path.read_text()
        text = mutated(rng, kept)
        path.write_text(text, "utf-8", "replace")
        run.one(of_command(root, "check"), text)
        path.write_text(kept)


def admit(rng: random.Random, count: int, root: Path, run: Run) -> None:
    from modelfleet.admit.admit import ManifestFile, admit_files
    from modelfleet.resolve import catalog
    from modelfleet.tools.folder import cache_folder

    files = [
        path.read_text()
        for path in sorted((root / "environments").glob("*/*/*.yaml"))
        if "kustomization" not in path.name
    ]
    folders = sorted(path for path in (cache_folder(root) / "schemas").glob("*") if path.is_dir())
    release = catalog.release("rhoai-2.25")
    for _ in range(count):
        text = mutated(rng, rng.choice(files))

        def do(text: str = text) -> tuple[int, str]:
            verdicts = admit_files(
                [ManifestFile(file="a.yaml", content=text.encode("utf-8", "replace"))], release, folders
            )
            return 0, "\n".join(found.message + found.hint for verdict in verdicts for found in verdict.found)

        run.one(do, text)


def plan(rng: random.Random, count: int, root: Path, run: Run) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True, capture_output=True
        )

    files = sorted((root / "environments").rglob("*.yaml"))
    for _ in range(count):
        path = rng.choice(files)
        kept = path.read_text()
        text = mutated(rng, kept)
        path.write_text(text, "utf-8", "replace")
        git("commit", "-qam", "x", "--allow-empty")
        git("branch", "-f", "main")
        path.write_text(kept)
        run.one(of_command(root, "plan", "--against", "main"), text)
        git("commit", "-qam", "y", "--allow-empty")


def verify(rng: random.Random, count: int, root: Path, run: Run) -> None:
    meant = [ExpectedOverlay(one.project.environment.name, one.folder, one.objects) for one in fleet(root).deployed]
    for _ in range(count):
        overlay = rng.choice(meant)
        text = mutated(rng, "---\n".join(dump(dict(item)) for item in overlay.objects))

        def do(text: str = text, overlay: ExpectedOverlay = overlay) -> tuple[int, str]:
            try:
                built = [
                    one.item for one in objects_built(Completed(code=0, out=text.encode("utf-8", "replace"), err=""))
                ]
            except MachineFailed as failed:
                return 5, str(failed)
            found = [*compare_built(root, overlay, built), *foreign_secrets(root, overlay, built)]
            return int(bool(found)), "\n".join(finding.text() for finding in found)

        run.one(do, text)


def import_project(rng: random.Random, count: int, root: Path, run: Run) -> None:
    deployed = [one for one in fleet(root).deployed if one.objects]
    given = root / "given.yaml"
    for _ in range(count):
        overlay = rng.choice(deployed)
        text = mutated(rng, "---\n".join(dump(dict(item)) for item in overlay.objects))
        given.write_text(text, "utf-8", "replace")
        environment = overlay.project.environment.name
        run.one(of_command(root, "import", "project", "fuzzed", "--env", environment, "--dry-run", str(given)), text)
    given.unlink()


def import_environment(rng: random.Random, count: int, root: Path, run: Run) -> None:
    described = Path(__file__).with_name("cluster.yaml").read_text("utf-8")
    given = root / "given.yaml"
    for _ in range(count):
        text = mutated(rng, described)
        given.write_text(text, "utf-8", "replace")
        run.one(of_command(root, "import", "environment", "fuzzed", "--dry-run", str(given)), text)
    given.unlink()


def most_memory() -> int:
    """The most memory that this process has had, in MiB; rusage would count what the parent had when it started this one."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return (
        next(int(line.split()[1]) for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM")) >> 10
    )


def main(kind: str, seed: str, count: str, folder: str) -> None:
    run = Run()
    kinds = (check, admit, plan, verify, import_project, import_environment)
    {one.__name__: one for one in kinds}[kind](random.Random(seed), int(count), Path(folder), run)
    times = sorted(run.times)
    memory = most_memory()
    summary = {
        "codes": run.codes,
        "bad": run.bad,
        "median": times[len(times) // 2],
        "slowest": times[-1],
        "memory": memory,
    }
    print(json.dumps(summary))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
