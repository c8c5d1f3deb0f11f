"""The same objects with Jinja2 and nothing else: no schema, no rule, no comparison, no file an object.

`render.py FOLDER ENVIRONMENT...` reads FOLDER/projects.yaml and FOLDER/<environment>.yaml and prints YAML.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml


def merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


def main() -> None:
    folder, *environments = sys.argv[1:]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    shared = yaml.load((Path(folder) / "projects.yaml").read_bytes(), Loader=loader)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    template = templates.get_template("project.yaml.j2")
    for name in environments:
        own = yaml.load((Path(folder) / f"{name}.yaml").read_bytes(), Loader=loader)
        values = merged(shared, own)
        for project, spec in values["projects"].items():
            sys.stdout.write(template.render(project=project, spec=spec, facts=values["facts"]))


main()
