"""Commands about site.toml."""

from __future__ import annotations

from pathlib import Path

import click

from iolake.pipelines.cli.options import Where, where_options


@click.group()
def site() -> None:
    """Check a site.toml, or make one from a pytokio configuration."""


@site.command("check")
@where_options
def check(where: Where) -> None:
    """Read site.toml and say what each source has.

    \b
    iolake site check --site site.toml
    """
    from iolake.extractors.base import Span
    from iolake.pipelines.finding import find
    from iolake.schemas.site import OWNER_KINDS

    settings = where.read_site()
    found = find(settings, (), Span())
    for (source, owner, day), inputs in sorted(found.items(), key=str):
        line = f"{source:<8} {owner:<12} {day or 'undated'!s:<10}  {len(inputs):,} input{'s' * (len(inputs) != 1)}"
        why = next((f"; {input.uri}: {input.unreadable}" for input in inputs if input.unreadable), "")
        click.echo(line + why)
    if settings.names_no_zone:
        click.echo('no source has a timezone: times without an offset are read as UTC; write timezone = "..." if not')
    for owner, file_system in settings.file_systems.items():
        if settings.clusters and not file_system.mounts:
            click.echo(
                f"file_systems.{owner} has no mounts: no file of a job is on it; write those that jobs see, such as "
                f'mounts = ["/{owner}"]'
            )
    there = {(source, owner) for source, owner, _ in found}
    for kind in OWNER_KINDS:
        for owner, its in settings.owners(kind).items():
            for source in its.sources:
                if (source, owner) not in there:
                    click.echo(
                        f"{source:<8} {owner:<12} nothing is there; correct {kind}s.{owner}.{source} of site.toml"
                    )


@site.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(path: Path) -> None:
    """Print the site.toml that a pytokio site.json amounts to.

    \b
    iolake site import site.json > site.toml
    """
    from iolake.pipelines.site_import import import_site

    click.echo(import_site(path).encode(), nl=False)  # TOML is UTF-8, whatever the terminal's encoding
