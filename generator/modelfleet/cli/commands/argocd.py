"""The command `argocd`."""

from __future__ import annotations

import click

from modelfleet.render.argocd import health_yaml


@click.group()
def argocd() -> None:
    """Print what the administrator of Argo CD needs."""


@argocd.command(short_help="Print health checks for models.")
def health() -> None:
    """Print health checks in Lua for the ArgoCD resource: a model that runs is healthy, and a model that fails is not."""

    click.echo(health_yaml(), nl=False)
