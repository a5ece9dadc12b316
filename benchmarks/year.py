"""What a question costs in a lake of a year beside the same in a lake of its last days (P11).

    python -m benchmarks.year                                a large centre's year: a million jobs
    python -m benchmarks.year --days 30 --jobs 200 --osts 8  a minute

Each question is asked of both lakes in turns. Beside them stand the naive SQL over the raw tables of the year, and
pandas over the Parquet files of one day.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from benchmarks.timing import in_turns
from benchmarks.year_lake import CLUSTER, LAST_DAY, Size, day_loads, make
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import derive
from iolake.warehouse.freshness import marts, select
from iolake.warehouse.lake import Lake
from iolake.warehouse.warehouse import Warehouse

FEW = 3
_JOB = (LAST_DAY - timedelta(days=1)).toordinal() * 100_000 + 7
_AFTER = LAST_DAY + timedelta(days=2)
"""The day on which files are merged: the last month is not settled yet, as in a lake at work."""
_DAY = (LAST_DAY - timedelta(days=1)).isoformat()
_MONTH = f"date BETWEEN DATE '{LAST_DAY}' - 30 AND DATE '{LAST_DAY}' - 1"
_MOVED = "sum(read_bytes) + sum(write_bytes)"
QUESTIONS = {
    "one job's job_summary": (0.05, f"FROM job_summary WHERE cluster = '{CLUSTER}' AND job_id = {_JOB}"),
    "two jobs, by IN": (
        0.05, f"FROM job_summary WHERE cluster = '{CLUSTER}' AND job_id IN ({_JOB}, {_JOB - 1000000})",
    ),
    "jobs by BETWEEN": (
        0.05, f"FROM job_summary WHERE cluster = '{CLUSTER}' AND job_id BETWEEN {_JOB} AND {_JOB} + 5",
    ),
    "one run, by run_id alone": (0.05, f"FROM job_summary WHERE run_id = '{_JOB}.0'"),
    "how many runs a user had": (0.05, "SELECT count(*) FROM job_summary WHERE user_name = 'user266'"),
    "one job's job_lustre": (0.05, f"FROM job_lustre WHERE cluster = '{CLUSTER}' AND job_id = {_JOB}"),
    "one job's targets": (0.05, f"FROM job_lustre_ost WHERE cluster = '{CLUSTER}' AND job_id = {_JOB}"),
    "a month by user": (0.3, f"SELECT user_name, {_MOVED}, sum(node_hours) FROM job_summary WHERE {_MONTH} GROUP BY 1"),
    "ten busiest programs of all": (
        1.0, f"SELECT exe_names[1] AS program, {_MOVED} AS moved FROM job_summary GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    ),
    "one window": (0.1, "FROM lustre_during('one')"),
    "20,000 windows of a day": (0.1, "SELECT sum(read_bytes) FROM lustre_during('many')"),
    "an hour of targets, one window": (
        0.1, f"FROM lustre_ost_during('scratch1', '{_DAY} 10:00:00', '{_DAY} 11:00:00')",
    ),
    "an hour of targets by ts": (
        0.05, f"SELECT sum(read_bytes) FROM lustre_ost WHERE ts >= '{_DAY} 10:00:00' AND ts < '{_DAY} 11:00:00'",
    ),
    "a year of a file system by day": (0.1, "FROM file_system_day WHERE file_system = 'scratch1'"),
}  # fmt: skip
"""Questions with what each may take, in seconds."""


def main() -> None:
    """Make both lakes where they are not there, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("year"))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--jobs", type=int, default=2740, help="jobs a day")
    parser.add_argument("--night", type=int, default=20_000, help="jobs of the night that is derived")
    parser.add_argument("--osts", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="leave the lakes, for another run")
    given = parser.parse_args()
    size = Size(days=given.days, jobs_a_day=given.jobs, osts=given.osts)
    year, few = (prepared(given.folder / name, of) for name, of in (("year", size), ("few", replace(size, days=FEW))))
    ask(year, few, given.repeat)
    plans(year, few)
    pages(given.folder, given.repeat)
    night(Warehouse(str(given.folder / "year")), size, given.night)
    if not given.keep:
        shutil.rmtree(given.folder)


def prepared(folder: Path, size: Size) -> duckdb.DuckDBPyConnection:
    """A connection to the lake of that size, with the windows to ask for."""
    warehouse = Warehouse(str(folder))
    if warehouse.newest() is None:
        with timed(f"{size.days} days made"):
            make(warehouse, size)
        with timed("their files merged"):
            compact(warehouse, _AFTER)
        with timed("all marts derived"):
            done = derive(warehouse)
        with timed("month files written"):
            compact(warehouse, _AFTER)
        print(f"  {done.partitions:,} partitions, {done.rows:,} rows")
    print(f"  {sum(f.stat().st_size for f in folder.rglob('*.parquet')) / 1e9:.2f} GB of data files, snapshot file "
          f"{(folder / 'lake.duckdb').stat().st_size / 1e6:.1f} MB")  # fmt: skip
    con = Lake(str(folder)).connect()
    window = "'scratch1' AS file_system, TIMESTAMP '{0} 10:00:00' + INTERVAL 1 SECOND * {1} AS window_start"
    con.execute(
        f"CREATE TEMP TABLE one AS SELECT {window.format(_DAY, 0)}, window_start + INTERVAL 1 HOUR AS window_end"
    )
    con.execute(
        f"CREATE TEMP TABLE many AS SELECT {window.format(_DAY, '(range % 40000)')}, "
        "window_start + INTERVAL 1 HOUR AS window_end FROM range(20000)"
    )
    return con


def ask(year: duckdb.DuckDBPyConnection, few: duckdb.DuckDBPyConnection, repeat: int) -> None:
    """Print each question's figure in both lakes, and their ratio."""
    print(f"{'question':34} {'year':>9} {FEW} {'days':>7} {'ratio':>6} {'aim':>7}")
    for name, (aim_s, query) in QUESTIONS.items():
        found = in_turns(
            {"year": lambda: year.execute(query).fetchall(), "few": lambda: few.execute(query).fetchall()},  # noqa: B023
            repeat,
        )
        show(name, found["year"].wall_s, found["few"].wall_s, aim_s)
    naive = {m.name: select(m) for m in marts()}["job_summary"]
    others: dict[str, Callable[[], Any]] = {
        "  naive SQL: one job": lambda: year.execute(f"FROM ({naive}) WHERE job_id = {_JOB}").fetchall(),
        "  pandas: one day by user": lambda: in_pandas(year),
    }
    for name, way in others.items():
        started = time.perf_counter()
        way()
        print(f"{name:34} {(time.perf_counter() - started) * 1e3:7.0f} ms", flush=True)


def in_pandas(con: duckdb.DuckDBPyConnection) -> Any:
    """One day's bytes by user, from its files."""
    jobs, logs, records = (
        pd.concat([pd.read_parquet(path, columns=columns) for path in paths(con, table)])
        for table, columns in {
            "slurm_jobs": ["job_id", "user_name"],
            "darshan_logs": ["job_id", "log_id"],
            "darshan_posix": ["log_id", "POSIX_BYTES_READ", "POSIX_BYTES_WRITTEN"],
        }.items()
    )
    return records.merge(logs, on="log_id").merge(jobs, on="job_id").groupby("user_name").sum(numeric_only=True)


def paths(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The data files of a table's day."""
    root = "SELECT max_by(root, number) FROM snapshots"
    query = f"SELECT ({root}) || '/' || path FROM files WHERE table_name = ? AND date = ?"
    return [row[0] for row in con.execute(query, [table, _DAY]).fetchall()]


def plans(year: duckdb.DuckDBPyConnection, few: duckdb.DuckDBPyConnection) -> None:
    """Print what planning the costliest views takes."""
    names = [
        row[0]
        for row in year.execute(
            "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal AND "
            "database_name = current_database()"
        ).fetchall()
    ]
    costs = {}
    for name in names:
        query = f"EXPLAIN FROM {name}"
        found = in_turns(
            {"year": lambda: year.execute(query).fetchall(), "few": lambda: few.execute(query).fetchall()},  # noqa: B023
            2,
        )
        costs[name] = (found["year"].wall_s, found["few"].wall_s)
    for name, (slow, quick) in sorted(costs.items(), key=lambda item: -item[1][0])[:6]:
        show(f"planning {name}", slow, quick, 0.05)


def pages(folder: Path, repeat: int) -> None:
    """Print what the job page, as text and to look at, and the morning page take as commands."""
    iolake = str(Path(sys.executable).with_name("iolake"))
    commands = {
        "iolake job": (1.0, ["job", str(_JOB)]),
        "iolake job --html": (2.0, ["job", str(_JOB), "--html", str(folder / "job.html")]),
        "iolake morning --html": (20.0, ["morning", _DAY, "--html", str(folder / "pages")]),
    }

    def run(arguments: list[str], lake: str) -> Callable[[], Any]:
        command = [iolake, *arguments, "--lake", str(folder / lake)]
        return lambda: subprocess.run(command, check=True, capture_output=True)

    for name, (aim_s, arguments) in commands.items():
        found = in_turns({lake: run(arguments, lake) for lake in ("year", "few")}, repeat)
        show(name, found["year"].wall_s, found["few"].wall_s, aim_s)


def night(warehouse: Warehouse, size: Size, jobs: int) -> None:
    """Add one more day with that many jobs, and print what it takes to publish, derive and merge it."""
    staged = list(day_loads(warehouse, size, LAST_DAY + timedelta(days=1), jobs))
    with timed("a day published into the year"):
        warehouse.commit(staged)
    with timed(f"a night of {jobs:,} jobs derived"):
        done = derive(warehouse)
    print(f"  {done.partitions} partitions, {done.rows:,} rows")
    with timed("nothing to derive"):
        derive(warehouse)
    print(f"  snapshot file {len(warehouse.store.read('lake.duckdb')) / 1e6:.1f} MB")


def show(name: str, year_s: float, few_s: float, aim_s: float) -> None:
    """Print a line of the table."""
    print(
        f"{name:34} {year_s * 1e3:6.0f} ms {few_s * 1e3:6.0f} ms {year_s / few_s:6.1f} {aim_s * 1e3:4.0f} ms",
        flush=True,
    )


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Print what a step took."""
    started = time.perf_counter()
    yield
    print(f"{name}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
