"""What is made of the table of effects: a page of the documentation, and the names that the schema of a plan allows."""

from __future__ import annotations

from collections.abc import Iterator

from modelfleet.packaged import packaged
from modelfleet.patterns import lazy_pattern
from modelfleet.plan.effect import TONE_MARKS, Effect

_NAMES = lazy_pattern(
    r'(?<="What happens to a running model, the lightest first\.",\n      "enum": \[\n)[^\]]*(?=\n      \])'
)


def effects_page() -> Iterator[str]:
    """Every effect, the heaviest first."""
    yield "# Effects"
    yield ""
    yield "What a change can do to running models, from the most to the least severe: `modelfleet plan` names these. In the column"
    yield "*acknowledged*, *yes* marks what has to be [acknowledged](plan.md#acknowledgements) before `plan` exits with 0."
    yield ""
    yield "| | effect | in JSON | what happens | acknowledged |"
    yield "| --- | --- | --- | --- | --- |"
    for effect in sorted(Effect, key=lambda effect: -effect.weight):
        needed = "yes" if effect.value.destroys else ""
        explained = effect.value.explained.replace("|", "\\|")
        yield f"| {TONE_MARKS[effect.tone]} | {effect.title} | `{effect.id}` | {explained} | {needed} |"


def plan_schema() -> str:
    """`schemas/plan.schema.json` with the names of all effects, the lightest first."""
    text = (packaged("schemas") / "plan.schema.json").read_text("utf-8")
    return _NAMES.sub(",\n".join(f'        "{effect.id}"' for effect in Effect), text)
