"""Measures modelfleet beside helm and a bare Jinja2 script that render the same objects, and says which aims are met.

    python bench/run.py [--runs 5] [--models 1 100 1000] [--server 1500] [--helm PATH]

Every command is a process of its own; CPU seconds, wall seconds and peak memory are what the system counted for it and
its children. The commands take turns, so that a busy moment of the machine hits them alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import fleet  # noqa: E402 - it stands beside this file

Command = Sequence[str | Path]
MIB = 1024.0

CHART = ROOT / "bench/chart"
SCRIPT = ROOT / "bench/jinja/render.py"
ENVIRONMENTS = tuple(fleet.ENVIRONMENTS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: CPU and wall seconds, and MiB at its peak."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True, slots=True)
class Task:
    """Commands that are measured as one, and what is done before each time."""

    name: str
    commands: tuple[Command, ...]
    before: Callable[[], None] = lambda: None
    costs: list[Cost] = field(default_factory=list)

    def best(self, what: str) -> float:
        return min(float(getattr(cost, what)) for cost in self.costs)

    def median(self, what: str) -> float:
        return statistics.median(float(getattr(cost, what)) for cost in self.costs)


@dataclass(frozen=True, slots=True)
class Aim:
    """A ratio or an amount that is to stay below a limit."""

    text: str
    value: float
    limit: float
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.value <= self.limit


def measured(command: Command, environment: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end. Raises RuntimeError where it fails."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            message = f"{' '.join(map(str, command))}: {err.read().decode(errors='replace')[-2000:]}"
            raise RuntimeError(message)
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / MIB)


def measure(tasks: Sequence[Task], runs: int, place: Path, say: Callable[[str], None]) -> None:
    """Runs all tasks, one after the other, so many times; a round before that does not count.

    In that round Python compiles its modules into a folder of their own, whatever the settings of the machine are.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(place / "compiled")}
    for number in range(runs + 1):
        say(f"round {number} of {runs}" if number else "a round that does not count")
        for task in tasks:
            task.before()
            parts = [measured(command, environment) for command in task.commands]
            cpu, wall = sum(part.cpu for part in parts), sum(part.wall for part in parts)
            if number:
                task.costs.append(Cost(cpu, wall, max(part.memory for part in parts)))


# ---- what is measured


def product() -> tuple[str, ...]:
    """The console script as it is installed, or the module where it is not."""
    script = Path(sys.executable).with_name("modelfleet")
    return (str(script),) if script.exists() else (sys.executable, "-c", "from modelfleet.cli.main import main; main()")


def emptied(root: Path) -> None:
    """Takes away what was generated."""
    for path in (root / "environments").iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def committed(root: Path) -> None:
    """Commits the fleet as it is to a Git repository; then the working tree gets one change, rendered, ahead of that."""
    git = ("git", "-C", str(root), "-c", "user.name=bench", "-c", "user.email=bench@example.org")
    commit = ["commit", "--quiet", "--allow-empty", "--message", "Before"]
    if not (root / ".git").exists():
        subprocess.run([*git, "init", "--quiet", "--initial-branch", "main"], check=True)
    for words in (["add", "."], commit):
        subprocess.run([*git, *words], check=True)
    one_changed(root)
    subprocess.run([*product(), "--root", str(root), "render"], check=True, capture_output=True)


def one_changed(root: Path) -> None:
    """Changes the display name of one model, back and forth."""
    path = root / "projects/team-000.yaml"
    text = path.read_text()
    new, old = "Model zero of team 0", "Model 0 of team 0"
    path.write_text(text.replace(old, new) if old in text else text.replace(new, old))


def prepare(place: Path, sizes: Sequence[int], helm: str | None) -> None:
    """Writes the fleets, and makes sure that all render the same objects.

    It has a process of its own: what a process had of memory when it started a command counts for the command too.
    """
    fleet.write_fleet(place / "same", 11)
    fleet.write_values(place / "same", place / "same-values")
    wrong = differing(place / "same", place / "same-values", helm)
    if wrong:
        sys.exit("not the same objects, so nothing is compared:\n" + "\n".join(wrong[:20]))
    for models in sizes:
        fleet.write_fleet(place / f"fleet-{models}", models)
        fleet.write_values(place / f"fleet-{models}", place / f"values-{models}")


def tasks_of(models: int, place: Path, helm: str | None) -> Iterator[Task]:
    """Check and render of a fleet, and what its peers take for the same objects."""
    root, values = place / f"fleet-{models}", place / f"values-{models}"
    run: tuple[str | Path, ...] = (*product(), "--root", root)
    yield Task(f"check {models}", ((*run, "check"),))
    yield Task(f"render {models}", ((*run, "render"),), lambda: emptied(root))
    yield Task(f"render {models} again", ((*run, "render"),))
    if models >= 10:
        yield Task(f"render {models}, one changed", ((*run, "render"),), lambda: one_changed(root))
        yield Task(f"plan {models}, one changed", ((*run, "plan"),), lambda: committed(root))
    if helm:
        yield Task(f"helm {models}", tuple(charted(helm, values, name) for name in ENVIRONMENTS))
    yield Task(f"jinja {models}", ((sys.executable, SCRIPT, values, *ENVIRONMENTS),))


def charted(helm: str, values: Path, environment: str) -> Command:
    """What renders the chart for an environment."""
    files: tuple[str | Path, ...] = ("-f", values / "projects.yaml", "-f", values / f"{environment}.yaml")
    return (helm, "template", "fleet", CHART, *files)


def server_tasks(models: int, place: Path) -> Iterator[Task]:
    """One ModelMesh server with many models."""
    root = place / f"server-{models}"
    fleet.write_server(root, models)
    run: tuple[str | Path, ...] = (*product(), "--root", root)
    yield Task(f"check server of {models}", ((*run, "check"),))
    yield Task(f"render server of {models}", ((*run, "render"),), lambda: emptied(root))


def start_tasks() -> Iterator[Task]:
    """A start without any work."""
    yield Task("bare Python", ((sys.executable, "-c", ""),))
    yield Task("--version", ((*product(), "--version"),))


# ---- the same objects


def objects_of(stream: bytes) -> dict[tuple[str, ...], object]:
    """The objects of a YAML stream, by what identifies them."""
    import yaml

    found: dict[tuple[str, ...], object] = {}
    for item in yaml.load_all(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if item is not None:
            metadata = item["metadata"]
            found[item["kind"], metadata.get("namespace", ""), metadata["name"]] = item
    return found


def meant(root: Path) -> Mapping[str, dict[tuple[str, ...], object]]:
    """What modelfleet renders for each environment, without what only Argo CD needs."""
    from modelfleet.pipeline import fleet as pipeline

    found: dict[str, dict[tuple[str, ...], object]] = {name: {} for name in ENVIRONMENTS}
    for one in pipeline.fleet(root).deployed:
        for item in one.objects:
            metadata = item["metadata"]
            key = (str(item["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))
            found[one.project.environment.name][key] = item
    return found


def differing(root: Path, values: Path, helm: str | None) -> list[str]:
    """Objects that helm or the script renders differently, or not at all."""
    found = []
    for name, wanted in meant(root).items():
        peers: dict[str, Command] = {"jinja": (sys.executable, SCRIPT, values, name)}
        if helm:
            peers["helm"] = charted(helm, values, name)
        for peer, command in peers.items():
            out = subprocess.run([str(word) for word in command], check=True, capture_output=True).stdout
            built = objects_of(out)
            keys = wanted.keys() | built.keys()
            found += [f"{peer} in {name}: {' '.join(key)}" for key in sorted(keys) if wanted.get(key) != built.get(key)]
    return found


# ---- what is told


def table(tasks: Sequence[Task], helms: Mapping[str, Task]) -> Iterator[str]:
    """A row a task; ratios are of the best CPU seconds to helm's for as many models."""
    rows: list[tuple[str, ...]] = [("", "CPU s", "median", "wall s", "median", "MiB", "to helm")]
    for task in tasks:
        numbers = [f"{how(what):.3f}" for what in ("cpu", "wall") for how in (task.best, task.median)]
        count = next((word for word in task.name.replace(",", "").split() if word.isdigit()), "")
        peer = helms.get(count) if not task.name.startswith(("helm", "check server", "render server")) else None
        ratio = f"{task.best('cpu') / peer.best('cpu'):.2f}x" if peer else ""
        rows.append((task.name, *numbers, f"{task.median('memory'):.0f}", ratio))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
        yield f"{row[0].ljust(widths[0])}  {'  '.join(cells)}".rstrip()


LIMITS = {1: 1.0, 100: 0.9, 1000: 0.8}
"""Of helm's CPU seconds, for rendering so many models in three environments."""


def aims(by_name: Mapping[str, Task], sizes: Sequence[int]) -> Iterator[Aim]:
    """What was set out to be reached, as far as it was measured."""

    def ratio(one: str, other: str) -> float:
        return by_name[one].best("cpu") / by_name[other].best("cpu")

    yield Aim("--version to bare Python", ratio("--version", "bare Python"), 6.0)
    for size in sizes:
        if f"helm {size}" in by_name:
            yield Aim(f"render {size} to helm", ratio(f"render {size}", f"helm {size}"), LIMITS.get(size, 1.0))
    largest = max(sizes)
    if f"helm {largest}" in by_name and largest > 1:
        yield Aim(f"render {largest} again to helm", ratio(f"render {largest} again", f"helm {largest}"), 0.3)
    if {1, 100, 1000} <= set(sizes):
        start, hundred, thousand = (by_name[f"render {size}"].best("cpu") for size in (1, 100, 1000))
        yield Aim("1,000 models to 100, without start-up", (thousand - start) / (hundred - start), 11.0)
    if 1000 in sizes:
        yield Aim("wall time of a plan of 1,000", by_name["plan 1000, one changed"].best("wall"), 2.0, " s")
    most = max(task.best("memory") for name, task in by_name.items() if not name.startswith(("helm", "jinja", "bare")))
    yield Aim("peak memory", most, 150.0, " MiB")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure modelfleet beside helm and a bare Jinja2 script.")
    parser.add_argument("--runs", type=int, default=5, help="how often each command runs (5)")
    parser.add_argument("--models", type=int, nargs="+", default=[1, 100, 1000], help="sizes of the fleet (1 100 1000)")
    parser.add_argument("--server", type=int, default=1500, help="models on one ModelMesh server (1500)")
    parser.add_argument("--helm", default=shutil.which("helm"), help="the program (from PATH)")
    parser.add_argument(
        "--place", type=Path, default=memory(), help="where to work (in memory, where that is possible)"
    )
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.prepare:
        prepare(chosen.prepare, chosen.models, chosen.helm)
        return

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="modelfleet-bench-", dir=chosen.place) as name:
        place = Path(name)
        if not chosen.helm:
            say("no helm on PATH: `go install helm.sh/helm/v3/cmd/helm@v3.19.0` makes one")
        words = [sys.executable, __file__, "--prepare", name, "--helm", chosen.helm or "", "--models", *chosen.models]
        if subprocess.run([str(word) for word in words], check=False).returncode:
            sys.exit(1)
        tasks = list(start_tasks())
        for models in chosen.models:
            tasks += tasks_of(models, place, chosen.helm)
        tasks += server_tasks(chosen.server, place)
        measure(tasks, chosen.runs, place, say)
    by_name = {task.name: task for task in tasks}
    helms = {name.removeprefix("helm "): task for name, task in by_name.items() if name.startswith("helm ")}
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, best and median of {chosen.runs} runs\n")
    print("\n".join(table(tasks, helms)))
    print()
    for aim in aims(by_name, chosen.models):
        word = "met" if aim.met else "MISSED"
        print(f"{aim.text}: {aim.value:.2f}{aim.unit}, at most {aim.limit:g}{aim.unit}: {word}")


def memory() -> Path | None:
    """A file system in memory: on a disk that others use too, the time to write a file varies twentyfold."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else None


if __name__ == "__main__":
    main()
