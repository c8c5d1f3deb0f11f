"""The whole product with the real tools: what is rendered builds to what was meant, and clusters would take it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench.fleet import write_server
from console import REPOSITORY, SPEC, Ran, example, miniature, modelfleet, process, tree, write
from modelfleet.kubernetes import yaml as kubernetes_yaml
from modelfleet.pipeline import fleet as pipeline
from modelfleet.pipeline.needs import schemas_of
from modelfleet.tools import folder as toolbox
from modelfleet.tools import install as tools
from modelfleet.tools import kustomize
from modelfleet.tools import schemas as api_schemas
from modelfleet.verify import compare

Equip = Callable[[Path], Path]

COMMAND = [sys.executable, "-c", "from modelfleet.cli.main import main; main()"]
TYPO = SPEC.replace(
    "    size: Small\n",
    "    size: Small\n    patch: {InferenceService: [{op: add, path: /spec/predictor/minReplica, value: 2}]}\n",
)


@pytest.fixture
def equip(
    real_tools: Mapping[str, tools.Tool], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Equip:
    """Has the tools and schemas at hand, in a cache of the test's own: it knows nothing that was verified before."""

    def equipped(root: Path) -> Path:
        for environment in pipeline.fleet(root).environments.values():
            api_schemas.schemas(toolbox.cache_folder(REPOSITORY), schemas_of(environment), _may_install)
        cache = toolbox.cache_folder(REPOSITORY)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        monkeypatch.setenv("MODELFLEET_NO_CACHE", "0")
        for name in ("bin", "schemas"):
            (toolbox.cache_folder(root) / name).symlink_to(cache / name)
        return root

    return equipped


def _may_install(line: str) -> None:
    if os.environ.get("REQUIRE_TOOLS") != "1":
        pytest.skip(f"would need to install ({line}); REQUIRE_TOOLS=1 does")


def counts(root: Path) -> tuple[int, int]:
    """Overlays and objects that are to be verified."""
    found = pipeline.fleet(root)
    objects = [one.objects for one in found.deployed] + [one.objects for one in found.synced]
    return len(objects), sum(map(len, objects))


def proved(root: Path, by: Mapping[str, tools.Tool], before: int = 0) -> str:
    overlays, objects = counts(root)
    known = f", {before} of them unchanged since they were verified before" if before else ""
    return (
        f"verified {overlays} overlays with {objects} objects{known}: {by['kustomize']} builds what was meant, "
        f"{by['kubeconform']} finds nothing invalid and nothing skipped\n"
    )


# ---- the example


def test_the_example_is_rendered_and_proved(tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]) -> None:
    root = equip(example(tmp_path))
    assert modelfleet(root, "render").code == 0
    ran = modelfleet(root, "verify")
    assert (ran.code, ran.out, re.findall(r"error|VER\d+", ran.err)) == (0, proved(root, real_tools), [])
    again = modelfleet(root, "verify")
    assert (again.code, again.out) == (0, proved(root, real_tools, before=counts(root)[0]))


def test_render_and_verify_in_one_go(tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]) -> None:
    root = equip(miniature(tmp_path))
    ran = modelfleet(root, "render", "--verify")
    assert (ran.code, ran.out.splitlines(keepends=True)[-1]) == (0, proved(root, real_tools))
    write(root, {"projects/acme.yaml": TYPO})
    assert modelfleet(root, "render", "--verify").code == 1


def test_the_example_builds_to_the_same_objects_with_the_oldest_kustomize(
    tmp_path: Path, oldest_kustomize: tools.Tool
) -> None:
    root = example(tmp_path)
    found = pipeline.fleet(root)
    write(root, found.files)
    meant = [compare.ExpectedOverlay(one.project.environment.name, one.folder, one.objects) for one in found.deployed]
    meant += [compare.ExpectedOverlay(one.environment, one.folder, one.objects) for one in found.synced]
    done = list(kustomize.kustomize_builds(oldest_kustomize, [([root / one.folder], 60.0) for one in meant]))
    assert [outcome.err for outcome in done if outcome.code] == []
    findings = [
        finding.text()
        for one, outcome in zip(meant, done, strict=True)
        for finding in compare.compare_built(root, one, [each.item for each in kubernetes_yaml.objects_of(outcome.out)])
    ]
    assert (oldest_kustomize.version, findings) == (toolbox.pinned()["tools"]["oldest-kustomize"]["version"], [])


# ---- what verify is for


def test_a_misspelt_field_of_a_patch_is_caught(
    tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]
) -> None:
    root = equip(miniature(tmp_path, {"projects/acme.yaml": TYPO}))
    assert modelfleet(root, "render").code == 0
    said = (
        "projects/acme.yaml:11:83: error[VER010]: models.ranker.patch.InferenceService[0].value: in prod: InferenceService "
        "'ranker' in namespace 'acme-ml': /spec/predictor: additional properties 'minReplica' not allowed "
        f"({real_tools['kubeconform']}) (environments/base/acme/inferenceservice-ranker.yaml:13:5)\n"
    )
    assert modelfleet(root, "verify") == (1, "", said)
    write(root, {"projects/acme.yaml": TYPO.replace("minReplica,", "timeout,")})
    modelfleet(root, "render")
    assert modelfleet(root, "verify") == (0, proved(root, real_tools, before=2), "")


def test_an_overlay_that_was_edited_is_caught(
    tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]
) -> None:
    root = equip(miniature(tmp_path))
    modelfleet(root, "render")
    path = "environments/prod/acme/kustomization.yaml"
    good = (root / path).read_text()
    write(root, {path: good.replace("namespace: acme-ml", "namespace: other")})
    shown = f"modelfleet: {path} was edited by hand; `modelfleet render --check` shows the difference\n"
    assert modelfleet(root, "verify") == (3, "", shown)
    edited = (
        f"{path}:1:1: error[OUT004]: edited by hand or merged since it was generated; make the change in the files that its "
        "first line names, then `modelfleet render --overwrite` replaces it\n"
    )
    assert modelfleet(root, "render") == (4, "", edited)
    assert modelfleet(root, "render", "--overwrite").code == 0
    assert (root / path).read_text() == good
    assert modelfleet(root, "verify") == (0, proved(root, real_tools), "")


def on_a_terminal(root: Path, *words: str) -> tuple[int, str]:
    """What a command prints on a terminal, stdout and stderr together."""
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        [*COMMAND, "--root", str(root), *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 1 << 16)
        except OSError:  # the last one has closed it
            break
        if not part:
            break
        seen += part
    os.close(leader)
    return running.wait(), seen.decode().replace("\r\n", "\n")


def test_progress_is_shown_on_a_terminal_alone(
    tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]
) -> None:
    root = equip(miniature(tmp_path))
    modelfleet(root, "render")
    overlays, objects = counts(root)
    code, seen = on_a_terminal(root, "verify")
    progress = seen.removesuffix(proved(root, real_tools)).splitlines()
    assert (code, progress[0]) == (0, f"building {overlays} overlays with {real_tools['kustomize']}")
    checked = [re.fullmatch(rf"checking (\d+) objects with {real_tools['kubeconform']}", line) for line in progress[1:]]
    assert sum(int(match[1]) for match in checked if match) == objects
    assert modelfleet(root, "verify") == (0, proved(root, real_tools, before=overlays), "")
    next((toolbox.cache_folder(root) / "remembered").glob("*.proof")).unlink()
    assert modelfleet(root, "verify") == (0, proved(root, real_tools, before=overlays - 1), "")
    assert modelfleet(root, "verify", "--no-cache") == (0, proved(root, real_tools), "")


# ---- two runs at once


def test_two_runs_at_once_leave_one_whole_tree(tmp_path: Path) -> None:
    root = example(tmp_path / "root")
    wanted = pipeline.fleet(root).files
    for round_ in range(2):
        running = [
            subprocess.Popen(
                [*COMMAND, "--root", str(root), "render"],
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(3)
        ]
        ended = [one.communicate(timeout=60) for one in running]
        assert [one.returncode for one in running] == [0, 0, 0], ended
        assert tree(root) == wanted
        assert [path.name for path in (root / "environments").iterdir() if path.name.startswith(".")] == []
        if not round_:
            spec = (root / "projects/granite.yaml").read_text()
            write(
                root, {"projects/granite.yaml": spec.replace("displayName: Granite\n", "displayName: Granite models\n")}
            )
            wanted = pipeline.fleet(root).files


# ---- many models on one server


def many_models(root: Path, count: int, limit_s: float, by: Mapping[str, tools.Tool], equip: Equip) -> None:
    write_server(root, count)
    begun = time.monotonic()
    rendered = process("--root", root, "render")
    assert rendered.code == 0, rendered.err
    objects = re.findall(r"^(?:edu|prod) +\S+ +1 +(\d+) +(\d+) ", rendered.out, re.MULTILINE)
    assert objects == [(str(count), str(count + 3))] * 2
    equip(root)
    verified = process("--root", root, "verify", limit_s=600)
    assert (verified.code, verified.out) == (0, proved(root, by))
    assert time.monotonic() - begun < limit_s


def test_a_server_with_200_models(tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]) -> None:
    many_models(tmp_path, 200, 60, real_tools, equip)


@pytest.mark.slow
def test_a_server_with_1500_models(tmp_path: Path, equip: Equip, real_tools: Mapping[str, tools.Tool]) -> None:
    many_models(tmp_path, 1500, 600, real_tools, equip)


# ---- as it is installed


def test_the_wheel_holds_all_that_it_needs(tmp_path: Path) -> None:
    """Built and unpacked, it renders the same; nothing of this checkout is on its path."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        names = archive.namelist()
    assert [name for name in names if not name.startswith(("modelfleet/", "modelfleet-"))] == []
    root = example(tmp_path / "root")
    script = f"import sys; sys.path[:] = [{str(tmp_path / 'installed')!r}, *sys.path]\n"
    script += (
        "import modelfleet; assert 'installed' in modelfleet.__file__\nfrom modelfleet.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "--root", str(root), "render"],
        cwd="/",
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        check=False,
        text=True,
    )
    assert Ran(done.returncode, "", done.stderr).code == 0, done.stderr
    assert tree(root) == pipeline.fleet(root).files
