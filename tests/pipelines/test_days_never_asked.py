"""A source that runs a command for each day: `status` lists days not yet asked for; the next ingest asks for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from iolake.extractors.base import Span
from iolake.extractors.lookback import days_to_ask
from iolake.pipelines.ingest import ingest
from iolake.reports.status import status_page
from iolake.schemas.site import Site
from iolake.warehouse import Lake

SACCT = """#!/bin/sh
# One job a day, which ended at noon: a window begins an hour before its day.
case "$*" in *--helpformat*) echo "JobID JobIDRaw State Submit Start End"; exit ;; esac
for argument; do case "$argument" in --starttime=*) start="${argument#*=}" ;; esac; done
echo "$start" >>ASKED
end=$(($(date -u -d "$start" +%s) + 13 * 3600))
echo "jobid|jobidraw|state|submit|start|end" | tr "|" "\\037"
echo "$((end / 86400))|$((end / 86400))|COMPLETED|$((end - 60))|$((end - 60))|$end" | tr "|" "\\037"
"""


def a_site(folder: Path, **options: object) -> Site:
    script = folder / "sacct"
    script.write_text(SACCT.replace("ASKED", str(folder / "asked")))
    script.chmod(0o755)
    source = {"command": str(script), "options": options}
    return Site.model_validate({"clusters": {"c": {"slurm": source}}, "root": str(folder)})


def gaps(site: Site) -> list[str]:
    """The lines of `iolake status` about days without any input."""
    page = status_page(Lake(site.lake_uri), to_ask=days_to_ask(site))
    return [" ".join(line.split()) for line in page.splitlines() if "no input on" in line or line.endswith("no input")]


def line(first: date, last: date) -> str:
    return f"{first} to {last} no input on {(last - first).days + 1} days"


def test_days_never_asked_are_shown_and_a_later_ingest_fills_them(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    site = a_site(tmp_path, look_back_days=2)
    ingest(site, span=Span(ago(7), ago(6)), workers=0)
    assert gaps(site) == [line(ago(2), today)]
    ingest(site, workers=0)
    assert gaps(site) == [line(ago(6), ago(3))]

    since = a_site(tmp_path, look_back_days=2, first_day=ago(9))
    assert gaps(since) == [line(ago(9), ago(8)), line(ago(6), ago(3))]
    (tmp_path / "asked").unlink()
    ingest(since, workers=0)
    assert gaps(since) == []
    asked = {datetime.fromisoformat(t).date() + timedelta(days=1) for t in (tmp_path / "asked").read_text().split()}
    assert asked == {ago(n) for n in range(10)} - {ago(7)}  # that day was settled when it was first asked for
    days = Lake(since.lake_uri).sql("SELECT date FROM slurm_jobs ORDER BY date").fetchall()
    assert [day for (day,) in days] == [ago(n) for n in range(9, -1, -1)]
