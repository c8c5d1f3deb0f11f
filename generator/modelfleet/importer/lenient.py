"""A spec rendered though rules may refuse it, so that what it says can be held against what was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modelfleet.importer.given import GivenObject
from modelfleet.kubernetes import emit
from modelfleet.kubernetes.objects import Object
from modelfleet.pipeline.project import TemplateCache
from modelfleet.records import dataclass
from modelfleet.render.objects import RenderedObject, render_project
from modelfleet.resolve.catalog import RuntimeCatalog, own_runtime
from modelfleet.resolve.environment import Environment
from modelfleet.resolve.resolver import resolve
from modelfleet.resolve.runtime import Runtime
from modelfleet.spec.load import parse
from modelfleet.spec.merge import as_layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a spec is rendered with: the environment, and the runtimes that can be chosen there."""

    project: str
    environment: Environment
    catalog: RuntimeCatalog
    templates: TemplateCache

    def rendered(self, spec: Mapping[str, Any]) -> list[RenderedObject]:
        """The objects of a spec. Raises Rejected where it is not one."""
        file = f"projects/{self.project}.yaml"
        document = parse(emit.dump(dict(spec)).encode(), file)
        project = resolve(self.project, file, as_layer(document), self.environment, self.catalog)
        made, _ = render_project(project, self.templates.of(self.environment))
        return made

    def catalog_names(self) -> tuple[str, ...]:
        """The names of the runtimes that can be chosen."""
        release = self.environment.release
        return self.catalog.names(self.environment.name, release.name if release else None)

    def own(self, name: str) -> Runtime:
        """A runtime of the environment's own."""
        return self.catalog.runtimes[self.environment.name, name]

    def with_runtimes(self, runtimes: Iterable[tuple[str, Object]]) -> Workshop:
        """The same with runtimes of the environment's own beside."""
        own = dict(self.catalog.runtimes)
        for name, item in runtimes:
            file = f"runtimes/{self.environment.name}/{name}.yaml"
            own[self.environment.name, name] = own_runtime(parse(emit.dump(item).encode(), file))
        return replace(self, catalog=RuntimeCatalog(own))


def runtime_file(name: str, given: GivenObject) -> Object:
    """A ServingRuntime as a file in runtimes/ holds it."""
    metadata = {key: value for key, value in given.object["metadata"].items() if key in ("labels", "annotations")}
    return {**given.object, "metadata": {"name": name, **metadata}}
