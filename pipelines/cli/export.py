"""`iolake export`: plain Parquet to hand on, with or without what identifies anybody."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from iolake.pipelines.cli.options import DAY, Where, where_options

if TYPE_CHECKING:
    from iolake.warehouse.pseudonyms import Pseudonyms

_SECRET = "secret"


class _Shift(click.ParamType[str]):
    """A number of days, or a secret one."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != _SECRET:
            try:
                if abs(int(value)) > 365_000:
                    raise ValueError
            except ValueError:
                self.fail(f"{value!r} is neither a whole number of days nor {_SECRET!r}.", param, ctx)
        return str(value)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--anonymise", is_flag=True, help="Put keyed hashes in place of all that identifies somebody.")
@click.option(
    "--tables", multiple=True, metavar="TABLE,...", help="The tables to export [default: all that have rows]."
)
@click.option("--since", type=DAY, help="The first UTC day of rows to export.")
@click.option("--until", type=DAY, help="The day to stop before.")
@click.option(
    "--shift",
    type=_Shift(),
    metavar="DAYS",
    help="With --anonymise: add so many days to every time; `secret` takes some years of whole weeks back, by the key.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the key, made if it is not there [default: the text of IOLAKE_EXPORT_KEY, else "
    "~/.config/iolake/export.key].",
)
@where_options
def export(
    folder: Path,
    anonymise: bool,
    tables: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    shift: str | None,
    key: Path | None,
    where: Where,
) -> None:
    """Write plain Parquet of chosen tables and days into a new folder, with a data dictionary and Croissant metadata.

    With --anonymise, users, accounts, paths, programs, jobs, hosts and whatever else a column is declared to identify
    become keyed hashes. Equal values stay equal in all tables, so they join, and prefixes of paths still group. The
    same key gives the same hashes in the next export; without the key nobody finds the values again. Sizes and times
    stay exact: consider whom they give away.

    \b
    iolake export january --since 2026-01-01 --until 2026-02-01
    iolake export public --anonymise --tables job_summary,darshan_posix --shift secret
    """
    from iolake.reports.units import bytes_text
    from iolake.warehouse.export import export as run

    if since and until and since > until:
        raise click.BadParameter(f"{since:%Y-%m-%d} is later than --until {until:%Y-%m-%d}", param_hint="--since")
    if not anonymise and (shift is not None or key is not None):
        raise click.UsageError("--shift and --key need --anonymise.")
    names = [name.strip() for text in tables for name in text.split(",") if name.strip()]
    lake = where.open_lake()
    made = run(
        lake,
        folder,
        names,
        since.date() if since else None,
        until.date() if until else None,
        _pseudonyms(folder, key, shift) if anonymise else None,
    )
    rows, size = sum(t.rows for t in made), sum(size for t in made for _, _, size in t.files)
    click.echo(f"{folder}: {rows:,} rows of {len(made):,} tables, {bytes_text(size)}; dictionary.md says what is what")


def _pseudonyms(folder: Path, key: Path | None, shift: str | None) -> Pseudonyms:
    from iolake.warehouse.export_key import from_file, from_text
    from iolake.warehouse.pseudonyms import Pseudonyms

    given = os.environ.get("IOLAKE_EXPORT_KEY")
    if key is None and given:
        secret = from_text(given)
    else:
        path = key or Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "iolake" / "export.key"
        secret, is_new = from_file(path, folder)
        if is_new:
            click.echo(
                f"made the key {path}: the next export needs it to join with this one; give it to nobody", err=True
            )
    if shift == _SECRET:
        return Pseudonyms(secret, timedelta(days=Pseudonyms(secret).secret_days()))
    return Pseudonyms(secret, timedelta(days=int(shift or 0)))
