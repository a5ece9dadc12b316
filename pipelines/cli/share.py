"""Commands that hand a lake to others: files, relocate, export-delta."""

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
        click.echo(_not_derived(table, listed.computed), err=True)


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


@click.command("export-delta")
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@where_options
def export_delta(tables: tuple[str, ...], where: Where) -> None:
    """Write a Delta log over the data files of each table, for engines that read Delta Lake.

    No file is copied: the log lies beside the files, in <table>/_delta_log, and names those of the newest snapshot.
    Run it after each ingest and compaction. Clients may only read it: one that writes or vacuums removes files
    of the lake.

    \b
    iolake export-delta
    iolake export-delta lustre_ost darshan_posix
    """
    from iolake.warehouse.delta import export_delta as run

    for done in run(where.open_lake(), tables):
        left_out = f"; without {', '.join(done.left_out)}, unsigned as Delta has none" if done.left_out else ""
        click.echo(f"{done.location}: version {done.version}, {done.files:,} files, {done.rows:,} rows{left_out}")
        if done.computed:
            click.echo(_not_derived(done.table, done.computed), err=True)


def _not_derived(table: str, partitions: int) -> str:
    return (
        f"iolake: {partitions:,} partitions of {table} are not derived yet, so their rows are in no file; "
        "`iolake derive` writes them"
    )
