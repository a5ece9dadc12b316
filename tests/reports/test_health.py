"""`iolake check`: what it finds wrong with a lake, and how it says so to Nagios, to programs and to Prometheus."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from iolake import Lake
from iolake.pipelines.cli import cli
from iolake.reports import health_text
from iolake.reports.health import Health, Level, Problem, SourceHealth, check
from iolake.schemas.site import Site
from iolake.warehouse import garbage
from iolake.warehouse.layout import staging_path
from iolake.warehouse.processes import who
from iolake.warehouse.warehouse import Warehouse
from tests.conftest import Fill

NOW = datetime(2026, 11, 28, 6)
DAY = date(2026, 11, 27)
SITE = """
[clusters.edison]
slurm = { files = "sacct/%Y-%m-%d.txt" }
[file_systems.scratch]
df = { files = "df/%Y-%m-%d.txt" }
"""


def site(text: str = SITE) -> Site:
    return Site.parse(text, "/centre/site.toml")


LedgerInput = tuple[str, str, date, datetime | None, str]
"""Source, owner, day, its last event, and what became of the input."""


def add(fill: Fill, *inputs: LedgerInput) -> None:
    """Inputs, each with the load of the run that found it in the night after its day."""
    rows: dict[str, list[dict[str, Any]]] = {"inputs": [], "loads": [], "snapshots": []}
    for source, owner, day, last, status in inputs:
        named = {"source": source, "owner": owner, "day": day, "load_id": f"{source}{day}"}
        counts = {name: int(status == name) for name in ("loaded", "unchanged", "rejected", "superseded")}
        committed = datetime.combine(day, time(3)) + timedelta(days=1)
        rows["inputs"].append(
            {**named, "input_id": f"{source}{owner}{day}", "uri": "", "status": status, "rows": 1, "last_ts": last}
        )
        rows["loads"].append({**named, "run_id": f"run{day}", "committed_at": committed, "found": 1, **counts})
        rows["snapshots"].append({"number": 7, "committed_at": committed})
    for table, added in rows.items():
        fill(table, *added)


@pytest.fixture
def fresh(lake: Lake, fill: Fill) -> Lake:
    """Two weeks of two sources, the newest data of last night."""
    lake.snapshot = 7
    days = [DAY - timedelta(days=n) for n in range(14)]
    owners = (("slurm", "edison"), ("df", "scratch"))
    add(fill, *((s, o, day, datetime.combine(day, time(23)), "loaded") for day in days for s, o in owners))
    return lake


def found(health: Health) -> list[tuple[str, str, str | None]]:
    return [(problem.level.name, problem.check, problem.source) for problem in health.worst_first]


def test_a_fresh_and_whole_lake_is_ok(fresh: Lake) -> None:
    health = check(fresh, site(), now=NOW)
    assert (health.level, health.problems) == (Level.OK, [])
    status, more, perfdata = nagios(health_text.nagios_lines(health))
    assert status.startswith("IOLAKE OK - 2 sources")
    assert more == ["ages of 2 of 2 sources"]
    ages = ["'age df scratch'=25200s;172800;345600;0", "'age slurm edison'=25200s;172800;345600;0"]
    assert perfdata[-2:] == ages


@pytest.mark.parametrize(
    ("days", "level"), [(1.9, Level.OK), (2.1, Level.WARNING), (3.9, Level.WARNING), (4.1, Level.CRITICAL)]
)
def test_data_past_its_limit_warns_and_past_twice_is_critical(fresh: Lake, days: float, level: Level) -> None:
    later = datetime(2026, 11, 27, 23) + timedelta(days=days)
    assert check(fresh, site(), now=later).level is level


def test_a_source_may_have_its_own_limit_or_none(fresh: Lake) -> None:
    later = NOW + timedelta(days=5)
    own = SITE.replace('%d.txt" }\n[', '%d.txt", max_age_days = 10 }\n[').replace(
        'df/%Y-%m-%d.txt"', 'df", max_age_days = inf'
    )
    assert found(check(fresh, site(own), now=later)) == []
    assert found(check(fresh, site("[check]\nmax_age_days = 3\n" + SITE), now=later)) == [
        ("WARNING", "age", "df"), ("WARNING", "age", "slurm"),
    ]  # fmt: skip


def test_a_source_of_the_site_without_any_data_is_critical_and_has_no_age(fresh: Lake) -> None:
    """P6: an age that nobody knows is left out, not zero."""
    health = check(fresh, site(SITE + 'targets = { files = "targets/%Y.txt" }\n'), now=NOW)
    assert found(health) == [("CRITICAL", "age", "targets")]
    ages = families(health_text.openmetrics(health, NOW))["iolake_newest_data_age_seconds"]
    assert {labels["source"] for labels, _ in ages} == {"slurm", "df"}


def test_gaps_and_days_never_asked_for_warn_while_they_are_recent(fresh: Lake, fill: Fill) -> None:
    add(fill, *(("df", "scratch", DAY - timedelta(days=days), None, "loaded") for days in (16, 40)))
    assert found(check(fresh, site(), now=NOW)) == []
    wide = site("[check]\nlook_back_days = 20\n" + SITE)
    health = check(fresh, wide, now=NOW)
    assert found(health) == [("WARNING", "gaps", "df")]
    assert {s.source: s.gap_days for s in health.sources} == {"df": 5, "slurm": 0}
    asked = [("slurm", "edison", DAY - timedelta(days=days)) for days in (0, 3, 15, 19)]
    assert {s.source: s.gap_days for s in check(fresh, wide, asked, now=NOW).sources} == {"df": 5, "slurm": 2}


def test_rejects_warn_beyond_their_share_and_a_source_of_rejects_alone_is_critical(fresh: Lake, fill: Fill) -> None:
    """P5: a source whose inputs are all rejected does not count as quiet."""
    fresh.sql("UPDATE inputs SET status = 'rejected' WHERE source = 'df' AND day = $1", [DAY - timedelta(days=3)])
    assert found(check(fresh, site(), now=NOW)) == [("WARNING", "rejects", "df")]
    assert found(check(fresh, site("[check]\nmax_rejected_pct = 10\n" + SITE), now=NOW)) == []
    fresh.sql("UPDATE inputs SET status = 'rejected', last_ts = NULL WHERE source = 'df'")
    kinds = found(check(fresh, site(), now=NOW))
    assert kinds == [("CRITICAL", "age", "df"), ("CRITICAL", "rejects", "df")]


def test_a_last_run_that_rejected_a_whole_source_or_died_is_critical(fresh: Lake, fill: Fill) -> None:
    add(fill, ("slurm", "edison", DAY + timedelta(days=1), None, "rejected"))
    health = check(fresh, site(), died=2, now=NOW)
    assert [kind for kind in found(health) if kind[1] == "last run"] == [
        ("CRITICAL", "last run", None), ("CRITICAL", "last run", "slurm"),
    ]  # fmt: skip
    assert families(health_text.openmetrics(health, NOW))["iolake_last_run_failed"] == [({}, 1.0)]


def test_stale_marts_warn_once_the_ingest_had_time_to_derive_them(fresh: Lake, fill: Fill) -> None:
    fill("derived", {"table_name": "ost_hour", "owner": "scratch", "date": DAY, "fresh": False})
    committed = datetime(2026, 11, 28, 3)
    assert found(check(fresh, site(), now=committed + timedelta(minutes=10))) == []
    assert found(check(fresh, site(), now=NOW)) == [("WARNING", "marts", None)]


def nagios(text: str) -> tuple[str, list[str], list[str]]:
    """Status line, further lines and perfdata of a plug-in's output, split as Nagios' plug-in API says."""
    first, *more = text.split("\n")
    status, _, perfdata = first.partition("|")
    for at, line in enumerate(more):
        if "|" in line:
            said, _, rest = line.partition("|")
            more, perfdata = [*more[:at], said], " ".join([perfdata, rest, *more[at + 1 :]])
            break
    return status.strip(), [line.strip() for line in more], re.findall(r"(?:'(?:[^']|'')*'|[^\s=']+)=\S+", perfdata)


def families(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The samples of an OpenMetrics text by name, read by Prometheus' own client; both of its formats agree."""
    strict = {f.name: [(s.labels, s.value) for s in f.samples] for f in openmetrics_families(text)}  # type: ignore[no-untyped-call]
    older = {f.name: [(s.labels, s.value) for s in f.samples] for f in prometheus_families(text)}
    assert {name: samples for name, samples in strict.items() if samples} == {n: s for n, s in older.items() if s}
    return strict


def test_the_metrics_are_the_figures_of_the_check(fresh: Lake, fill: Fill) -> None:
    fill("derived", {"table_name": "ost_hour", "owner": "scratch", "date": DAY, "fresh": False})
    health = check(fresh, site(), now=NOW)
    metrics = families(health_text.openmetrics(health, NOW))
    for source in health.sources:
        labels = {"source": source.source, "owner": source.owner}
        assert (labels, source.age_s) in metrics["iolake_newest_data_age_seconds"]
        assert (labels, source.found) in metrics["iolake_found_inputs"]
        assert (labels, source.gap_days) in metrics["iolake_gap_days"]
    assert metrics["iolake_stale_mart_partitions"] == [({"mart": "ost_hour"}, 1.0)]
    assert metrics["iolake_check_status"] == [({}, float(health.level))]
    assert metrics["iolake_last_run_timestamp_seconds"] == [({}, 1795834800.0)]
    assert families(health_text.openmetrics(None, NOW))["iolake_check_status"] == [({}, 3.0)]


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(0, 1e12), st.integers(0, 10**9), st.integers(1, 3))
def test_any_name_and_number_makes_a_text_that_prometheus_reads(
    owner: str, age_s: float, count: int, problems: int
) -> None:
    """A quote, backslash or line break in a name ends neither a label nor a line of Nagios."""
    source = SourceHealth("df", owner, NOW, age_s, 1.0, count, count, count)
    health = Health(NOW, count, [source], {owner: count}, NOW, count)
    metrics = families(health_text.openmetrics(health, NOW))
    ((labels, value),) = metrics["iolake_newest_data_age_seconds"]
    assert labels["owner"] == owner
    assert value == pytest.approx(age_s, abs=0.001)
    lines = health_text.nagios_lines(replace(health, problems=[Problem(Level.WARNING, "age", owner)] * problems))
    status, more, perfdata = nagios(lines)
    assert len(lines.splitlines()) == len(lines.split("\n"))
    assert status.startswith("IOLAKE WARNING -")
    assert len(more) == 1 + problems * (problems > 1)
    assert len(perfdata) == 7


def test_the_command_prints_a_short_line_then_each_problem_and_its_status(demo_centre: Path, tmp_path: Path) -> None:
    """The demo's data is of 2025: critical, by each way of asking; a missing lake is unknown."""
    where = ["--site", str(demo_centre / "site.toml")]
    file = tmp_path / "iolake.prom"
    done = CliRunner().invoke(cli, ["check", *where, "--openmetrics", str(file)])
    assert done.exit_code == Level.CRITICAL
    status, more, _ = nagios(done.output.removesuffix("\n"))
    assert re.match(r"IOLAKE CRITICAL - \d+ problems \(\d+ critical", status)
    assert len(done.output.splitlines()[0]) < 300
    assert families(file.read_text())["iolake_check_status"] == [({}, 2.0)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["iolake.prom"]
    said = json.loads(CliRunner().invoke(cli, ["check", *where, "--json"]).output)
    assert said["status"] == "CRITICAL"
    assert more[:-1] == [f"{p['status']}: {p['text']}" for p in said["problems"]]
    assert {s["source"] for s in said["sources"]} >= {"darshan", "slurm", "hdf5", "lmt"}
    nowhere = CliRunner().invoke(cli, ["check", "--lake", str(tmp_path / "none"), "--openmetrics", str(file)])
    assert nowhere.exit_code == Level.UNKNOWN
    assert nowhere.output.startswith("IOLAKE UNKNOWN - ")
    assert families(file.read_text())["iolake_check_status"] == [({}, 3.0)]


def test_a_load_that_its_dead_process_left_is_counted(tmp_path: Path) -> None:
    """P3: a run that was killed shows before the next one mends what it left."""
    warehouse = Warehouse(str(tmp_path / "lake"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = who(process.pid)
        warehouse.store.put(name.encode(), staging_path("20261128T000000000000-00000000"))
        assert garbage.died(warehouse) == 0
        process.communicate(b"\n")
    assert garbage.died(warehouse) == 1
