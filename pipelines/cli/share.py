"""Commands that hand a lake to others: files, relocate."""

from __future__ import annotations

import click

from iolake.pipelines.cli.options import Where, where_options

_SNAPSHOT = click.option("--snapshot", type=int, metavar="N", help="The files of snapshot N instead of the newest one.")


@click.command()
@click.argument("table")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file: location, owner, date, rows, columns.")
@_SNAPSHOT
@where_options
def files(table: str, as_json: bool, snapshot: int | None, where: Where) -> None:
    """List the data files of a table in a snapshot, for programs that read Parquet by themselves.

    Give them this list, never the folder: files of older snapshots lie there too, and would be counted twice.

    \b
    iolake files lustre_ost
    iolake files darshan_posix --json
    """
    from iolake.warehouse.listing import list_files

    listed = list_files(where.open_lake(snapshot), table)
    for file in listed.files:
        click.echo(file.to_json() if as_json else file.location)
    if listed.computed:
        click.echo(
            f"iolake: {listed.computed:,} partitions of {table} are not derived yet, so their rows are in no file; "
            "`iolake derive` writes them",
            err=True,
        )


@click.command()
@where_options
def relocate(where: Where) -> None:
    """Make a moved or copied lake name the place where it lies now.

    The views of lake.duckdb hold absolute locations, so that of a copy answers from the original. Every command that
    writes mends it; this one does nothing else. Pinned snapshots are mended as well.

    \b
    cp -a lake /archive/lake && iolake relocate --lake /archive/lake
    iolake relocate
    """
    from iolake.warehouse.relocate import relocate as run

    lake = where.open_warehouse()
    published, pinned = run(lake)
    if published is not None:
        click.echo(f"snapshot {published} and lake.duckdb name {lake.store.uri}")
    if pinned:
        click.echo(f"pinned snapshots that name it now: {', '.join(map(str, pinned))}")
    if published is None and not pinned:
        click.echo(f"nothing to relocate: the lake names {lake.store.uri}")
