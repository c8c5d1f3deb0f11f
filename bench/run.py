"""Measures modelfleet beside peers that render the same objects, and says which aims are met.

    python bench/run.py [--runs 5] [--models 1 100 1000] [--large 10000] [--server 1500] [--acceptance]

For an acceptance helm and jrsonnet are built at pinned versions; without helm there is none. Its table goes into bench/README.md.

Every command is a process of its own; CPU seconds, wall seconds and peak memory are what the system counted for it and
its children. The commands take turns, so that a busy moment of the machine hits them alike.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import fleet, peers  # noqa: E402 - they stand beside this file

Command = Sequence[str | Path]
MIB = 1024.0

CHART = ROOT / "bench/chart"
SCRIPT = ROOT / "bench/jinja/render.py"
JSONNET = ROOT / "bench/jsonnet/render.jsonnet"
README = ROOT / "bench/README.md"
SHARDS = 8
OFTEN = 8
ENVIRONMENTS = tuple(fleet.ENVIRONMENTS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: CPU and wall seconds, and MiB at its peak."""

    cpu: float
    wall: float
    memory: float


@dataclass(frozen=True, slots=True)
class Task:
    """Commands that are measured as one, what is done before each time, and how often one after the other in a round.

    A tenth of a second is too short to be measured once: the processor may be another one, or slower, in each round.
    """

    name: str
    commands: tuple[Command, ...]
    before: Callable[[], None] = lambda: None
    most_runs: int = 99
    times: int = 1
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
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(place / "compiled"), "XDG_CACHE_HOME": str(place / "cache")}
    environment.pop("MODELFLEET_NO_CACHE", None)
    for number in range(runs + 1):
        say(f"round {number} of {runs}" if number else "a round that does not count")
        for task in tasks:
            if not (1 if task.most_runs == 1 else 0) <= number <= task.most_runs:
                continue
            for _ in range(task.times if number else 1):
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
    """Gives one model a display name that it never had: what was made with an old one may be remembered."""
    path = root / "projects/team-000.yaml"
    name = f"Model {time.perf_counter_ns()} of team 0"
    path.write_text(re.sub(r"Model \S+ of team 0", name, path.read_text(), count=1))


def toolbox(place: Path) -> None:
    """The tools of `verify` in a cache in which nothing else is."""
    from modelfleet.tools.folder import cache_folder

    cache = place / "cache/modelfleet"
    cache.mkdir(mode=0o700, parents=True)
    for name in ("bin", "schemas"):
        if (cache_folder(ROOT) / name).is_dir():
            (cache / name).symlink_to(cache_folder(ROOT) / name)


def prepare(place: Path, sizes: Sequence[int], large: int, rivals: Rivals) -> None:
    """Writes the fleets, with values for the peers except of a large one, and makes sure that all render the same objects.

    It has a process of its own: what a process had of memory when it started a command counts for the command too.
    """
    fleet.write_fleet(place / "same", 11)
    fleet.write_values(place / "same", place / "same-values")
    wrong = differing(place / "same", place / "same-values", rivals)
    if wrong:
        sys.exit("not the same objects, so nothing is compared:\n" + "\n".join(wrong[:20]))
    for models in sizes:
        fleet.write_fleet(place / f"fleet-{models}", models)
        fleet.write_values(place / f"fleet-{models}", place / f"values-{models}")
    if large:
        fleet.write_fleet(place / f"fleet-{large}", large)


def tasks_of(models: int, place: Path, rivals: Rivals, *, verified: bool) -> Iterator[Task]:
    """Check, render, plan and verify of a fleet, and what the peers take for the same objects."""
    root, values = place / f"fleet-{models}", place / f"values-{models}"
    run: tuple[str | Path, ...] = (*product(), "--root", root)
    often = partial(Task, most_runs=99 if models < 1000 else 3, times=OFTEN if models == 1 else 1)
    yield often(f"check {models}", ((*run, "check", "--no-cache"),))
    yield often(f"render {models}", ((*run, "render", "--no-cache"),), before=lambda: emptied(root))
    yield often(f"check {models} again", ((*run, "check"),))
    yield often(f"render {models} again", ((*run, "render"),))
    if models >= 10:
        yield often(f"render {models}, one changed", ((*run, "render"),), before=lambda: one_changed(root))
        yield often(f"plan {models}, one changed", ((*run, "plan"),), before=lambda: committed(root))
    else:
        yield often(f"check {models}, changed", ((*run, "check"),), before=lambda: one_changed(root))
    if verified:
        yield Task(f"verify {models}", ((*run, "render"), (*run, "verify", "--no-cache")), most_runs=1)
        yield Task(f"verify {models} again", ((*run, "verify"),), most_runs=2)
        yield Task(f"kustomize {models}", (("sh", "-c", one_by_one(root)),), most_runs=1)
    for name, render in rivals.items():
        yield often(f"{name} {models}", tuple(render(values, one) for one in ENVIRONMENTS))


def one_by_one(root: Path) -> str:
    """A script that builds every overlay of a fleet with a kustomize of its own."""
    from modelfleet.tools.folder import cache_folder
    from modelfleet.tools.install import locate

    tool = locate(cache_folder(ROOT), "kustomize")
    assert tool is not None, "make setup-tools installs kustomize"
    return f'for each in "{root}"/environments/*/team-*/; do case $each in */base/*) ;; *) "{tool.path}" build "$each";; esac; done'


def flat_tasks(models: int, place: Path, most_runs: int) -> Iterator[Task]:
    """On one processor: two processes take more CPU time than one, since they share its caches, and a small fleet takes one."""
    root, processor = place / f"fleet-{models}", min(os.sched_getaffinity(0))
    run: Command = ("taskset", "--cpu-list", str(processor), *product(), "--root", root, "render", "--no-cache")
    yield Task(f"render {models}, one processor", (run,), lambda: emptied(root), most_runs)


def shard_tasks(models: int, place: Path) -> Iterator[Task]:
    """A large fleet on one machine, and as shards of which each could have a machine."""
    root, parts = place / f"fleet-{models}", place / "parts"
    run: tuple[str | Path, ...] = (*product(), "--root", root)
    yield Task(f"render {models}", ((*run, "render", "--no-cache"),), lambda: emptied(root), most_runs=1)
    for command in ("render", "plan"):
        first = emptied if command == "render" else committed
        for number in range(1, SHARDS + 1):
            words = (command, "--no-cache", "--shard", f"{number}/{SHARDS}", "--parts", parts)
            before = partial(first, root) if number == 1 else lambda: None
            yield Task(f"{command} {models}, shard {number}", ((*run, *words),), before, most_runs=1)
        joined = (*run, command, "--no-cache", "--parts", parts)
        yield Task(f"{command} {models}, joined", (joined,), most_runs=1)


Rivals = Mapping[str, Callable[[Path, str], Command]]
"""What renders the same objects, by name: the command for a folder of values and an environment."""


def rivals_of(helm: str | None, jrsonnet: str | None) -> dict[str, Callable[[Path, str], Command]]:
    """Those that are there; the bare script always is."""
    found: dict[str, Callable[[Path, str], Command]] = {}
    if helm:
        found["helm"] = lambda values, environment: charted(helm, values, environment)
    found["jinja"] = lambda values, environment: (sys.executable, SCRIPT, values, environment)
    if jrsonnet:
        found["jrsonnet"] = lambda values, environment: (
            *(jrsonnet, "--ext-str-file", f"projects={values / 'projects.yaml'}"),
            *("--ext-str-file", f"environment={values / f'{environment}.yaml'}", JSONNET),
        )
    return found


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
    yield Task("bare Python", ((sys.executable, "-c", ""),), times=OFTEN)
    yield Task("--version", ((*product(), "--version"),), times=OFTEN)
    words = ("COMP_WORDS=modelfleet check --project te", "COMP_CWORD=3", "_MODELFLEET_COMPLETE=bash_complete")
    yield Task("completion of a name", (("env", *words, *product()),), times=OFTEN)


# ---- the same objects


def objects_of(stream: bytes) -> dict[tuple[str, ...], object]:
    """The objects of a YAML stream, by what identifies them."""
    import yaml

    found: dict[tuple[str, ...], object] = {}
    documents = yaml.load_all(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for item in (each for one in documents for each in (one if isinstance(one, list) else [one])):
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


def differing(root: Path, values: Path, rivals: Rivals) -> list[str]:
    """Objects that a peer renders differently, or not at all."""
    found = []
    for name, wanted in meant(root).items():
        for peer, render in rivals.items():
            out = subprocess.run([str(word) for word in render(values, name)], check=True, capture_output=True).stdout
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


def aims(by_name: Mapping[str, Task], sizes: Sequence[int], large: int) -> Iterator[Aim]:
    """What was set out to be reached, as far as it was measured."""

    def ratio(one: str, other: str) -> float:
        return by_name[one].best("cpu") / by_name[other].best("cpu")

    yield Aim("--version to bare Python", ratio("--version", "bare Python"), 3.0)
    yield Aim("completion of a name to bare Python", ratio("completion of a name", "bare Python"), 4.0)
    limits = {
        1: dict.fromkeys(("check 1", "render 1", "check 1, changed", "check 1 again", "render 1 again"), 0.9),
        100: {"render 100": 0.9},
        1000: {
            "render 1000": 0.8,
            "render 1000 again": 0.25,
            "render 1000, one changed": 0.35,
            "plan 1000, one changed": 0.4,
        },
    }
    for size in sizes:
        for name, limit in limits.get(size, {}).items() if f"helm {size}" in by_name else ():
            yield Aim(f"{name} to helm", ratio(name, f"helm {size}"), limit)
    if "kustomize 1000" in by_name:
        yield Aim("verify 1000 the first time to one kustomize an overlay", ratio("verify 1000", "kustomize 1000"), 0.5)
    if 100 in sizes and large:
        start = by_name["render 1"].best("cpu") if 1 in sizes else 0.0
        each = [(by_name[f"render {size}, one processor"].best("cpu") - start) / size for size in (100, large)]
        text = f"cost of a model among {large} to that among 100, on one processor, without start-up"
        yield Aim(text, each[1] / each[0], 1.15)
    shards = [task.best("memory") for name, task in by_name.items() if ", shard " in name]
    if shards:
        yield Aim("peak memory of a shard", max(shards), 200.0, " MiB")
    most = max(task.best("memory") for name, task in by_name.items() if _is_ours(name) and str(large) not in name)
    yield Aim("peak memory", most, 150.0, " MiB")


def _is_ours(name: str) -> bool:
    return not name.startswith(("helm", "jinja", "jrsonnet", "kustomize", "bare"))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure modelfleet beside helm, jrsonnet and a bare Jinja2 script.")
    parser.add_argument("--runs", type=int, default=5, help="rounds, in each of which every command runs (5)")
    parser.add_argument("--models", type=int, nargs="+", default=[1, 100, 1000], help="sizes of the fleet (1 100 1000)")
    parser.add_argument(
        "--large", type=int, default=0, help="models of a fleet that is also shared among shards (none)"
    )
    parser.add_argument("--server", type=int, default=1500, help="models on one ModelMesh server (1500)")
    parser.add_argument("--helm", default=shutil.which("helm"), help="the program (from PATH)")
    parser.add_argument("--jrsonnet", default=None, help="the program (none)")
    parser.add_argument("--acceptance", action="store_true", help="build the peers, and write the table into README.md")
    parser.add_argument(
        "--place", type=Path, default=memory(), help="where to work (in memory, where that is possible)"
    )
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.acceptance:
        chosen.helm, chosen.jrsonnet = peers.helm(ROOT, say), peers.jrsonnet(ROOT, say)
    rivals = rivals_of(chosen.helm, chosen.jrsonnet)
    if chosen.prepare:
        prepare(chosen.prepare, chosen.models, chosen.large, rivals)
        return
    with tempfile.TemporaryDirectory(prefix="modelfleet-bench-", dir=chosen.place) as name:
        place = Path(name)
        if not chosen.helm:
            say("no helm on PATH: --acceptance builds one")
        given = ["--helm", chosen.helm or "", "--jrsonnet", chosen.jrsonnet or "", "--large", chosen.large]
        given += ["--models", *chosen.models]
        if subprocess.run(
            [str(word) for word in (sys.executable, __file__, "--prepare", name, *given)], check=False
        ).returncode:
            sys.exit(1)
        toolbox(place)
        tasks = list(start_tasks())
        for models in chosen.models:
            tasks += tasks_of(models, place, rivals, verified=chosen.acceptance and models >= 100)
        tasks += server_tasks(chosen.server, place)
        if chosen.large and 100 in chosen.models:
            tasks += [*flat_tasks(100, place, chosen.runs), *flat_tasks(chosen.large, place, 2)]
        tasks += shard_tasks(chosen.large, place) if chosen.large else []
        measure(tasks, chosen.runs, place, say)
    by_name = {task.name: task for task in tasks}
    text = "\n".join(report(by_name, chosen.models, chosen.large, chosen.runs))
    print(text)
    if chosen.acceptance:
        before, _, rest = README.read_text().partition(BEGINS)
        README.write_text(f"{before}{BEGINS}\n```text\n{text}\n```\n{ENDS}{rest.partition(ENDS)[2]}")


BEGINS, ENDS = "<!-- written by make bench -->", "<!-- until here -->"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def report(by_name: Mapping[str, Task], sizes: Sequence[int], large: int, runs: int) -> Iterator[str]:
    """All that was measured, and which aims are met."""
    helms = {name.removeprefix("helm "): task for name, task in by_name.items() if name.startswith("helm ")}
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}, Python {sys.version.split()[0]}"
    yield f"{machine}, best and median of {runs} rounds; of one model, {OFTEN} runs a round"
    yield ""
    yield from table(list(by_name.values()), helms)
    yield ""
    for aim in aims(by_name, sizes, large):
        word = "met" if aim.met else "MISSED" if aim.value > aim.limit * 1.05 else "within 5 %"
        yield f"{aim.text}: {aim.value:.2f}{aim.unit}, at most {aim.limit:g}{aim.unit}: {word}"


def memory() -> Path | None:
    """A file system in memory: on a disk that others use too, the time to write a file varies twentyfold."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else None


if __name__ == "__main__":
    main()
