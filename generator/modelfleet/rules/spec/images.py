"""Images of runtimes: which one runs, and what it needs of the pod."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.finding import Pointer, Severity
from modelfleet.kubernetes.images import image_reference
from modelfleet.resolve.catalog import images, moving_tags, needs_home
from modelfleet.resolve.runtime import SERVING_CONTAINER
from modelfleet.rules import Violation
from modelfleet.rules.spec.subjects import OfEnvironment, OfModel, spec_rule


@spec_rule("ENV014", "The image can change without a change in Git")
def moving_image(subject: OfEnvironment) -> Iterator[Violation]:
    for name, choice in subject.environment.runtimes.items():
        for container, image in choice.images.items():
            yield from moving_images(("runtimes", name, "images", container), image)


def moving_images(pointer: Pointer, image: str) -> Iterator[Violation]:
    """An image that has neither a digest nor a tag that stays."""
    found = image_reference(image)
    if found.digest is None and (found.tag is None or found.tag in moving_tags()):
        means = f"the tag {found.tag} is" if found.tag else "without a tag or a digest it means latest, which is"
        yield Violation(
            pointer=pointer,
            message=f"{image!r} can be another image tomorrow, which no plan shows: {means} moved to newer ones",
            hint="write the tag of a version, or better a digest (@sha256:...)",
            severity=Severity.WARNING,
        )


@spec_rule("OPT014", "The image needs a writable home folder")
def no_home(subject: OfModel) -> Iterator[Violation]:
    runtime = subject.model.runtime
    if runtime is None or runtime.kind != "ServingRuntime":
        return
    image = dict(images(runtime)).get(SERVING_CONTAINER)
    variables = {str(entry.get("name")) for entry in runtime.serving.get("env") or ()}
    variables |= {name for _, name, _ in subject.variables}
    if image and needs_home(image) and variables.isdisjoint(("HOME", "TRITON_CACHE_DIR", "XDG_CACHE_HOME")):
        yield Violation(
            pointer=(*subject.model.pointer, "runtime"),
            message=f"{image_reference(image).repository} writes to the home folder of its user, which does not exist on OpenShift",
            hint="add env: {HOME: /tmp} here, or to the container of the runtime",
            severity=Severity.WARNING,
        )
