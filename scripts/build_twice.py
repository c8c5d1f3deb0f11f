"""Build the package twice, from two copies that differ in all that must not matter, and keep it if both have the same bytes.

    python scripts/build_twice.py [DIR]      # writes the wheel and the source archive into DIR, by default dist/

What is built is what Git tracks, so nothing that lies about gets in. The time in the archives is that of the commit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def git(*words: str) -> str:
    """What Git says of this repository."""
    return subprocess.run(["git", *words], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def copied(place: Path, *, mode: int, age_s: int) -> Path:
    """The tracked files in another folder, with other rights and times."""
    for name in filter(None, git("ls-files", "-z").split("\0")):
        if not (REPOSITORY / name).is_file():
            continue
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, target)
        target.chmod(mode)
        os.utime(target, (age_s, age_s))
    return place


def built(source: Path, environment: Mapping[str, str]) -> dict[str, bytes]:
    """The archives that are built of a folder, by name."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", "dist"],
        cwd=source,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in sorted((source / "dist").iterdir())}


def build_twice() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What comes of two builds on machines that differ."""
    epoch = git("log", "-1", "--format=%ct").strip()
    with tempfile.TemporaryDirectory() as folder:
        one = copied(Path(folder) / "one", mode=0o644, age_s=1_000_000_000)
        two = copied(Path(folder) / "another" / "two", mode=0o600, age_s=1_700_000_000)
        return (
            built(one, {"SOURCE_DATE_EPOCH": epoch, "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
            built(two, {"SOURCE_DATE_EPOCH": epoch, "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "2"}),
        )


def main(target: Path) -> None:
    """Builds, compares, and keeps the archives with a list of their hashes."""
    one, two = build_twice()
    if one != two:
        different = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
        sys.exit(f"two builds differ in {', '.join(different)}")
    target.mkdir(parents=True, exist_ok=True)
    for name, content in one.items():
        (target / name).write_bytes(content)
    for name, content in one.items():
        sys.stdout.write(f"{hashlib.sha256(content).hexdigest()}  {name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "dist")
