"""The command `argocd`."""

from __future__ import annotations

import click

from modelfleet.render.argocd import health_yaml


@click.group()
def argocd() -> None:
    """What Argo CD's administrator needs."""


@argocd.command(short_help="Print health checks for models.")
def health() -> None:
    """Print health checks in Lua for the ArgoCD resource: models that run are healthy, models that fail are not."""

    click.echo(health_yaml(), nl=False)
