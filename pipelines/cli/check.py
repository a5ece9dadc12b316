"""The command for monitoring: is the lake fresh, whole and without failures?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from iolake.pipelines.cli.options import Where, where_options

if TYPE_CHECKING:
    from datetime import datetime

    from iolake.reports.health import Health

_STDOUT = "-"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option(
    "--openmetrics",
    "metrics",
    is_flag=False,
    flag_value=_STDOUT,
    metavar="[FILE]",
    help="Print OpenMetrics text; with FILE write it there, for node_exporter's textfile collector.",
)
@where_options
def check(as_json: bool, metrics: str | None, where: Where) -> None:
    """Say whether the lake is fresh and whole, for Nagios and its kind: a status line, then a line for each problem.

    It holds the age of each source's newest data, the days without input, the rejected inputs, stale marts and the
    last run to the limits of [check] in site.toml: two days of age, and 5 % of rejected inputs in two weeks, unless it
    names others. The exit status is 0 (ok), 1 (warning), 2 (critical) or 3 (the lake could not be checked). Without a
    site.toml, the sources that the lake has are held to these limits.

    \b
    iolake check
    iolake check --json
    iolake check --openmetrics /var/lib/node_exporter/textfile/iolake.prom
    """
    from datetime import UTC, datetime

    import duckdb

    from iolake.reports import health_text
    from iolake.schemas.errors import IolakeError

    now = datetime.now(UTC).replace(tzinfo=None)
    health: Health | None = None
    try:
        health = _health(where, now)
        line = health_text.json_text(health) if as_json else health_text.nagios_lines(health)
    except (IolakeError, OSError, duckdb.Error) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        line = health_text.unknown_json(first, now) if as_json else health_text.unknown_line(first)
    if metrics is not None:
        text = health_text.openmetrics(health, now)
        if metrics == _STDOUT:
            line = text.removesuffix("\n")
        else:
            health_text.write_aside(Path(metrics), text)
    click.echo(line)
    sys.exit(3 if health is None else int(health.level))


def _health(where: Where, now: datetime) -> Health:
    from iolake.extractors.lookback import days_to_ask
    from iolake.reports import health
    from iolake.warehouse import garbage

    site = where.read_site() if where.has_site else None
    to_ask = days_to_ask(site) if site else ()
    return health.check(where.open_lake(), site, to_ask, garbage.died(where.open_warehouse()), now)
