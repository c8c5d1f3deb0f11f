"""What callers have to change, told once where several models change alike."""

from __future__ import annotations

from pathlib import Path

from console import modelfleet, write
from modelfleet.rehearse.callers import CallerChange, alike
from plan_repository import FILES


def change(model: str, text: str, *, consumer: str = "shop") -> CallerChange:
    return CallerChange(
        project="acme",
        model=model,
        instead=f"{model}-standard",
        differences={"v2": (text,)},
        consumers=((consumer, None),),
        tokens=(f"ci-{model}-standard-sa",),
    )


def test_models_that_differ_in_their_names_alone_are_told_as_one() -> None:
    """A name that is part of another word, or of a namespace, is no name."""
    texts = "`http://mesh.spam-2a/models/{0}` → `https://{0}-standard-predictor.spamhaus/{0}-standard`"
    (group,) = alike([change(name, texts.format(name)) for name in ("ham", "eggs")])
    assert group.names == (("ham", "ham-standard"), ("eggs", "eggs-standard"))
    assert group.differences == {"v2": ("`http://mesh.spam-2a/models/OLD` → `https://NEW-predictor.spamhaus/NEW`",)}
    assert group.tokens == ("ci-NEW-sa",)


def test_what_differs_in_more_or_is_alone_is_told_as_it_is() -> None:
    groups = list(
        alike(
            [change("ham", "port of ham"), change("eggs", "path of eggs"), change("ham", "port of ham", consumer="bar")]
        )
    )
    assert [(group.names[0][0], group.differences["v2"], group.tokens) for group in groups] == [
        ("ham", ("port of ham",), ("ci-ham-standard-sa",)),
        ("eggs", ("path of eggs",), ("ci-eggs-standard-sa",)),
        ("ham", ("port of ham",), ("ci-ham-standard-sa",)),
    ]


def test_consumers_are_named_with_their_contact(tmp_path: Path) -> None:
    consumers = "consumers:\n  shop: {contact: shop@example.org, models: [spam]}\n  all: {}\nenvironments: {prod: {}}"
    text = FILES["projects/texts.yaml"].replace("environments: {prod: {}}", consumers)
    files = {path: FILES[path] for path in ("environments/base.yaml", "environments/prod.yaml")}
    root = write(tmp_path, {**files, "projects/texts.yaml": text})
    ran = modelfleet(root, "rehearse", "--env", "prod", "--to", "3.3")
    assert (ran.code, ran.err) == (0, "")
    assert [line for line in ran.out.splitlines() if ", called by" in line and line.startswith("- ")] == [
        "- `spam` → `spam-standard` of `texts`, called by `shop` (`shop@example.org`), `all`",
        "- `topic` → `topic-standard`, `rest` → `rest-standard` of `texts`, called by `all`",
    ]
