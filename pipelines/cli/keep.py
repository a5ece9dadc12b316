"""Commands that keep a lake in order: snapshots, derive, compact, gc, rebuild."""

from __future__ import annotations

import math
import sys
from typing import Any

import click

from iolake.pipelines.cli.options import Where, where_options


class _Days(click.FloatRange):
    """Days, 0 or more. NaN passes every bound, so `convert` refuses it."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        days = super().convert(value, param, ctx)
        if math.isnan(days):
            self.fail(f"{value} is not a number of days.", param, ctx)
        return days


@click.command()
@click.option("--pin", type=int, metavar="N", help="Keep snapshot N until --unpin N.")
@click.option("--unpin", type=int, metavar="N", help="Let `iolake gc` remove snapshot N once it is old enough.")
@where_options
def snapshots(pin: int | None, unpin: int | None, where: Where) -> None:
    """List the snapshots that are there, newest last; or pin one, that a paper names.

    \b
    iolake snapshots
    iolake snapshots --pin 42
    """
    from iolake.pipelines.output import print_rows
    from iolake.reports.units import bytes_text

    warehouse = where.open_warehouse()
    if pin is not None:
        warehouse.pin(pin)
    if unpin is not None:
        warehouse.unpin(unpin)
    rows = [
        (
            s.number,
            f"{s.committed_at:%Y-%m-%d %H:%M:%S}",
            s.operation,
            s.loads,
            f"{s.rows:,}",
            bytes_text(s.size_bytes),
            "pinned" if s.pinned else "",
        )
        for s in warehouse.history()
    ]
    print_rows(("snapshot", "committed (UTC)", "by", "loads", "rows", "size", ""), rows, sys.stdout)


@click.command()
@where_options
def compact(where: Where) -> None:
    """Merge the data files of closed days into one a table, owner and day, and write month files.

    The nightly run does this, within bounds: a query is faster over fewer files. A month file holds again what the
    small files of a month hold, a week after its end. Snapshots that name the old files still read them, until
    `iolake gc` collects both.

    \b
    iolake compact
    """
    from iolake.reports.units import bytes_text
    from iolake.warehouse.compact import compact as run

    done = run(where.open_warehouse())
    click.echo(
        f"{done.files_before:,} files into {done.files_after:,}, "
        f"{bytes_text(done.bytes_before)} into {bytes_text(done.bytes_after)}"
        if done.files_before
        else "no day to merge"
    )
    click.echo(f"{done.months:,} month files written" if done.months else "no month file to write")
    if done.damaged:  # each was logged
        sys.exit(1)


@click.command()
@click.option(
    "--retention-days", type=_Days(), metavar="DAYS", help="Keep snapshots for so long [default: the site's]."
)
@where_options
def gc(retention_days: float | None, where: Where) -> None:
    """Remove snapshots past the retention, and data files that no kept snapshot names.

    \b
    iolake gc
    iolake gc --retention-days 7
    """
    from pathlib import Path

    from iolake.reports.units import bytes_text
    from iolake.schemas.settings import LakeSettings
    from iolake.warehouse.garbage import collect

    has_site = where.site is not None or Path("site.toml").exists()
    settings = where.read_site().lake if has_site else LakeSettings()
    keep = settings.retention_days if retention_days is None else retention_days
    gone = collect(where.open_warehouse(), keep, settings.orphan_age_hours)
    click.echo(f"removed {gone.snapshots:,} snapshots and {gone.files:,} files, {bytes_text(gone.size_bytes)}")


@click.command()
@where_options
def derive(where: Where) -> None:
    """Compute the partitions of marts whose sources changed, or whose thresholds in site.toml.

    `iolake ingest` does it at its end. Until it is done, queries compute such partitions themselves: the same rows,
    but later.

    \b
    iolake derive
    """
    from iolake.warehouse.derive import derive as run
    from iolake.warehouse.site_facts import set_site_facts

    warehouse = where.open_warehouse()
    if where.has_site:
        set_site_facts(warehouse, where.read_site())
    done = run(warehouse)
    click.echo(
        f"derived {done.partitions:,} partitions, {done.rows:,} rows in {done.seconds:.1f} s"
        if done.partitions
        else "nothing derived, since data files are damaged"
        if done.damaged
        else "nothing to derive: every partition of every mart is fresh"
    )
    for error in done.damaged:
        click.echo(f"iolake: {error}", err=True)
    if done.damaged:
        sys.exit(1)


@click.command()
@where_options
def rebuild(where: Where) -> None:
    """Make the catalog anew from the data files alone, as the next snapshot.

    Use it when catalog/ is lost. Data files do not record rejects: the next ingest finds them again.

    \b
    iolake rebuild
    """
    from iolake.warehouse.rebuild import rebuild as run

    click.echo(f"rebuilt as snapshot {run(where.open_warehouse())}")
