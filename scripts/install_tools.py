"""Put the tools that `verify` needs into a folder, at the pinned versions and under their own names.

python scripts/install_tools.py DIR
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from modelfleet.finding import MachineFailed
from modelfleet.tools.folder import cache_folder
from modelfleet.tools.install import VERIFY_TOOLS, ensure


def main(target: Path) -> None:
    """Installs them into the user's cache, if they are not there, and copies them."""
    target.mkdir(parents=True, exist_ok=True)
    for name, tool in ensure(cache_folder(Path()), VERIFY_TOOLS, _say).items():
        shutil.copy(tool.path, target / name)
        (target / name).chmod(0o755)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except MachineFailed as failed:
        sys.exit(str(failed))
