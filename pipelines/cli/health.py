"""Commands that find and mend damage: verify, repair."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from iolake.pipelines.cli.options import Where, where_options

if TYPE_CHECKING:
    from iolake.warehouse.repair import Repaired
    from iolake.warehouse.verify import Progress, Verified

_SHOWN = 50
"""Flaws that are printed one by one; of a lake that lost a disk there are thousands."""


@click.command()
@click.option("--deep", is_flag=True, help="Also read every file, and compute every partition of the marts again.")
@where_options
def verify(deep: bool, where: Where) -> None:
    """Check that the newest snapshot's files, ledger and marts are what was written.

    Without --deep: every file is there, with its size, rows and columns, and the ledger adds up. With --deep also the
    hash of each file, the rows of each input, and the rows of each mart. Ends with 1 where something is wrong.

    \b
    iolake verify
    iolake verify --deep
    """
    from iolake.warehouse.verify import verify as run

    with _progress() as progress:
        found = run(where.open_warehouse(), deep=deep, progress=progress)
    _print_flaws(found)
    click.echo(_summary(found, deep))
    if found.flaws:
        sys.exit(1)


@click.command()
@where_options
def repair(where: Where) -> None:
    """Bring damaged or missing rows back from the inputs that they came from.

    It checks the lake as `iolake verify --deep` does. Damaged files leave the lake, the inputs of their rows are read
    again, and marts are derived again. Without a site.toml the next ingest reads the inputs. Names the inputs that are
    no longer there, and then ends with 1.

    \b
    iolake repair
    """
    from iolake.pipelines.progress import shown
    from iolake.pipelines.repair import repair as run

    def taken_out(done: Repaired) -> None:
        click.echo(
            f"taken out: {done.files:,} damaged files, {done.partitions:,} partitions of marts; "
            f"{sum(i.lost_rows for i in done.inputs):,} rows of {len(done.inputs):,} inputs to read again"
        )

    site = where.read_site() if where.has_site else None
    with _progress() as progress, shown() as watcher:
        done = run(where.open_warehouse(), site, progress, watcher, taken_out)
    if done.repaired is None:
        _print_flaws(done.found)
        click.echo("nothing to repair" if not done.found.flaws else "nothing that reading inputs again would mend")
        sys.exit(1 if done.found.flaws else 0)
    if site is None and done.not_back:
        click.echo("no site.toml is named: `iolake ingest` reads these inputs again")
        return
    for lost in done.not_back[:_SHOWN]:
        click.echo(
            f"not back: {lost.lost_rows:,} rows of {lost.source} {lost.owner}: {lost.uri or lost.input_id}", err=True
        )
    if done.not_back:
        rows = sum(lost.lost_rows for lost in done.not_back)
        click.echo(
            f"iolake: {rows:,} rows are lost: {len(done.not_back):,} inputs are no longer there or can't be read; put "
            "them back and run `iolake ingest`",
            err=True,
        )
        sys.exit(1)
    click.echo("every damaged row is back")


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A progress bar on a terminal; None elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("checking {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("files", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _print_flaws(found: Verified) -> None:
    for flaw in found.flaws[:_SHOWN]:
        rows = f" ({flaw.file.rows:,} rows)" if flaw.file else ""
        problem = "" if flaw.problem == flaw.kind else f": {flaw.problem}"
        click.echo(f"{flaw.kind:<8} {flaw.name}{rows}{problem}")
    if len(found.flaws) > _SHOWN:
        click.echo(f"... and {len(found.flaws) - _SHOWN:,} more")


def _summary(found: Verified, deep: bool) -> str:
    """What was checked, what is wrong, and the next step, in a few lines."""
    from iolake.reports.units import bytes_text

    text = f"snapshot {found.snapshot}: {found.files:,} files, {bytes_text(found.size_bytes)}, {found.rows:,} rows"
    if deep:
        text += f"; {found.hashed:,} files have the recorded hash"
        text += f", of {found.without_hash:,} no hash is recorded" if found.without_hash else ""
        text += f"; {found.marts:,} partitions of marts computed again"
    else:
        text += "; contents were not read (--deep reads them)"
    if not found.flaws:
        return f"{text}\neverything that was checked is as it was written"
    counts = {kind: sum(f.kind == kind for f in found.flaws) for kind in ("missing", "damaged", "ledger", "mart")}
    named = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    return f"{text}\n{len(found.flaws):,} flaws: {named}; `iolake repair` reads the inputs of damaged rows again"
