"""What a question costs in a lake of a year beside the same in a lake of its last days (P11).

    python -m benchmarks.year                                a large centre's year: a million jobs
    python -m benchmarks.year --days 30 --jobs 200 --osts 8  a minute

Each question is asked of both lakes in turns. Beside them stand the floor, a bare scan of the rows and columns that the
question needs at least, the naive SQL over the raw tables of the year, and pandas over the Parquet files of one day.
Times are wall times, best of some; ratios and shares of the floor are of CPU times, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd

from benchmarks.floor import Scan, read_and_write, scan, share_of, show_cpu, write_snapshot
from benchmarks.timing import FLOOR, Timing, cpu_s, in_turns
from benchmarks.year_lake import CLUSTER, LAST_DAY, MADE, Size, day_loads, make
from iolake.warehouse.compact import compact
from iolake.warehouse.derive import derive
from iolake.warehouse.freshness import marts, select
from iolake.warehouse.lake import Lake
from iolake.warehouse.views import models_behind, sql_files
from iolake.warehouse.warehouse import Warehouse

FEW = 3
PLANNING_AIM_S = 0.05
_OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True).execute('FROM snapshots').fetchall()"
"""The floor of a command that asks: Python, DuckDB, and the snapshot open."""
_JOB = (LAST_DAY - timedelta(days=1)).toordinal() * 100_000 + 7
_AFTER = LAST_DAY + timedelta(days=2)
"""The day on which files are merged: the last month is not settled yet, as in a lake at work."""
_DAY = (LAST_DAY - timedelta(days=1)).isoformat()
_MONTH = f"date BETWEEN DATE '{LAST_DAY}' - 30 AND DATE '{LAST_DAY}' - 1"
_MOVED = "sum(read_bytes) + sum(write_bytes)"
_BEFORE = LAST_DAY - timedelta(days=1)
_OF_JOB = f"job_id = {_JOB}"
_RUNNING = "max(read_bytes_before), max(write_bytes_before), max(ost_seconds_before), max(ts)"
_HOUR = f"ts >= '{_DAY} 10:00:00' AND ts < '{_DAY} 11:00:00'"


class Question(NamedTuple):
    """A question, what it may take in seconds, and the rows and columns that it needs at least."""

    aim_s: float
    query: str
    floor: Scan


def _job_question(query: str, where: str = _OF_JOB) -> Question:
    return Question(0.05, query, Scan("job_summary", "*", where, _BEFORE, _BEFORE))


QUESTIONS = {
    "one job's job_summary": _job_question(f"FROM job_summary WHERE cluster = '{CLUSTER}' AND {_OF_JOB}"),
    "two jobs, by IN": _job_question(
        f"FROM job_summary WHERE cluster = '{CLUSTER}' AND job_id IN ({_JOB}, {_JOB - 1000000})"
    ),
    "jobs by BETWEEN": _job_question(
        f"FROM job_summary WHERE cluster = '{CLUSTER}' AND job_id BETWEEN {_JOB} AND {_JOB} + 5",
        f"job_id BETWEEN {_JOB} AND {_JOB} + 5",
    ),
    "one run, by run_id alone": _job_question("FROM job_summary WHERE run_id = getvariable('run')", _OF_JOB),
    "how many runs a user had": Question(
        0.05,
        "SELECT count(*) FROM job_summary WHERE user_name = 'user266'",
        Scan("job_summary", "count(*)", "user_name = 'user266'"),
    ),
    "one job's job_lustre": Question(
        0.05,
        f"FROM job_lustre WHERE cluster = '{CLUSTER}' AND {_OF_JOB}",
        Scan("job_file_system", "*", _OF_JOB, _BEFORE, _BEFORE),
    ),
    "one job's targets": Question(
        0.05,
        f"FROM job_lustre_ost WHERE cluster = '{CLUSTER}' AND {_OF_JOB}",
        Scan("job_ost", "*", _OF_JOB, _BEFORE, _BEFORE),
    ),
    "a month by user": Question(
        0.3,
        f"SELECT user_name, {_MOVED}, sum(node_hours) FROM job_summary WHERE {_MONTH} GROUP BY 1",
        Scan(
            "job_summary",
            f"max(user_name), {_MOVED}, sum(node_hours)",
            first=LAST_DAY - timedelta(days=30),
            last=_BEFORE,
        ),
    ),
    "ten busiest programs of all": Question(
        1.0,
        f"SELECT exe_names[1] AS program, {_MOVED} AS moved FROM job_summary GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
        Scan("job_summary", f"max(exe_names[1]), {_MOVED}"),
    ),
    "one window": Question(
        0.1, "FROM lustre_during('one')", Scan("lustre_fs", f"{_MOVED}, {_RUNNING}", _HOUR, _BEFORE, _BEFORE)
    ),
    "20,000 windows of a day": Question(
        0.1,
        "SELECT sum(read_bytes) FROM lustre_during('many')",
        Scan("lustre_fs", f"{_MOVED}, {_RUNNING}", first=_BEFORE, last=_BEFORE),
    ),
    "an hour of targets, one window": Question(
        0.1,
        f"FROM lustre_ost_during('scratch1', '{_DAY} 10:00:00', '{_DAY} 11:00:00')",
        Scan("lustre_ost", f"max(ost), {_MOVED}", f"{_HOUR} AND file_system = 'scratch1'", _BEFORE, _BEFORE),
    ),
    "an hour of targets by ts": Question(
        0.05,
        f"SELECT sum(read_bytes) FROM lustre_ost WHERE {_HOUR}",
        Scan("lustre_ost", "sum(read_bytes)", _HOUR, _BEFORE, _BEFORE),
    ),
    "a year of a file system by day": Question(
        0.1,
        "FROM file_system_day WHERE file_system = 'scratch1'",
        Scan("file_system_day", "*", "file_system = 'scratch1'"),
    ),
}


def _create_models(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Create a model and those that it calls for this connection: a snapshot without stale marts has none."""
    wanted = models_behind([name])
    for its_name, text in sql_files().items():
        if its_name in wanted:
            con.execute(text.replace("CREATE OR REPLACE MACRO", "CREATE OR REPLACE TEMP MACRO"))


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
    con.execute(f"SET VARIABLE run = (SELECT run_id FROM job_summary WHERE {_OF_JOB})")
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
    heads = ("year", f"{FEW} days", "ratio", "aim", "floor", "share")
    print(f"{'question':34} " + " ".join(f"{head:>9}" for head in heads))
    for name, (aim_s, query, floor) in QUESTIONS.items():
        found = in_turns(
            {
                "year": lambda: year.execute(query).fetchall(),  # noqa: B023
                "few": lambda: few.execute(query).fetchall(),  # noqa: B023
                FLOOR: scan(year, floor),
            },
            repeat,
        )
        show(name, found, aim_s)
    _create_models(year, "job_summary_model")
    naive = {m.name: select(m) for m in marts()}["job_summary"].replace("main.job_summary_model", "job_summary_model")
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
        costs[name] = found
    for name, found in sorted(costs.items(), key=lambda item: -item[1]["year"].cpu_s)[:6]:
        show(f"planning {name}", found, PLANNING_AIM_S)


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
        floor = [sys.executable, "-c", _OPEN, str(folder / "year" / "lake.duckdb")]
        ways = {lake: run(arguments, lake) for lake in ("year", "few")}
        ways[FLOOR] = lambda: subprocess.run(floor, check=True, capture_output=True)  # noqa: B023
        show(name, in_turns(ways, repeat), aim_s)


def night(warehouse: Warehouse, size: Size, jobs: int) -> None:
    """Add one more day with that many jobs, and print what it takes to publish, derive and merge it."""
    day, newest = LAST_DAY + timedelta(days=1), Path(warehouse.store.uri) / "lake.duckdb"
    staged = list(day_loads(warehouse, size, day, jobs))
    with timed("a day published into the year", lambda: partial(write_snapshot, newest, newest.with_suffix(".floor"))):
        warehouse.commit(staged)
    newest.with_suffix(".floor").unlink()
    names = [mart.name for mart in marts()]
    with timed(f"a night of {jobs:,} jobs derived", lambda: read_and_write(warehouse.store.uri, MADE, names, day)):
        done = derive(warehouse)
    print(f"  {done.partitions} partitions, {done.rows:,} rows")
    with timed("nothing to derive"):
        derive(warehouse)
    print(f"  snapshot file {len(warehouse.store.read('lake.duckdb')) / 1e6:.1f} MB")


def show(name: str, found: Mapping[str, Timing], aim_s: float) -> None:
    """Print a line of the table: best wall times in both lakes, the ratio of CPU times, the aim, and the floor."""
    year, few, floor = found["year"], found["few"], found.get(FLOOR)
    line = f"{name:34} {year.wall_s * 1e3:6.0f} ms {few.wall_s * 1e3:6.0f} ms {year.cpu_s / few.cpu_s:9.1f} "
    line += f"{aim_s * 1e3:6.0f} ms"
    if floor:
        line += f" {floor.wall_s * 1e3:6.1f} ms {share_of(floor.cpu_s, year.cpu_s):>9.0%}"
    print(line, flush=True)


@contextmanager
def timed(name: str, floor: Callable[[], Callable[[], Any]] | None = None) -> Iterator[None]:
    """Print what a step took, and its floor where `floor` returns one; it is called once the step is done."""
    started, before_s = time.perf_counter(), cpu_s()
    yield
    ours_s = cpu_s() - before_s
    print(f"{name}: {time.perf_counter() - started:.1f} s, {ours_s:.1f} CPU-s", flush=True)
    if floor:
        show_cpu(f"  {name}", in_turns({FLOOR: floor()}, 1)[FLOOR].cpu_s, ours_s)


if __name__ == "__main__":
    main()
