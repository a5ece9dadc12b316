"""Questions about a file system's days, each asked of the lake and of the HDF5 files, with the same answer from all.

Beside the lake stand h5py with numpy, h5py with pandas, and pytokio where it is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.floor import Scan, scan, show
from benchmarks.lustre_day import MIDNIGHT, STEP_S, STEPS, Values
from benchmarks.timing import FLOOR, OURS, in_turns, report

READ, WRITE = "datatargets/readbytes", "datatargets/writebytes"
JOBS_A_DAY = 20_000
_HALF_HOUR = 1800 // STEP_S
_STARTS = np.random.default_rng(7).integers(0, STEPS - _HALF_HOUR, 8).tolist()
"""The steps at which half hours begin: as jobs do, at any time."""
_DAY = "date = '2018-01-28'"
_RUNNING = "max(read_bytes_before), max(write_bytes_before), max(ost_seconds_before)"
_DURING = "SELECT sum(read_bytes) + sum(write_bytes) FROM lustre_during('windows')"


class Files:
    """The days' HDF5 files, read with h5py."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def values(self, name: str, day: int = 0) -> Values:
        """A dataset of a day, (steps, targets)."""
        with h5py.File(self.paths[day]) as file:
            return np.asarray(file[name][...])

    def half_hours(self) -> Values:
        """Bytes that each target read and wrote in each half hour."""
        return np.concatenate([self._half_hour(slice(start, start + _HALF_HOUR)) for start in _STARTS])

    def _half_hour(self, steps: slice) -> Values:
        with h5py.File(self.paths[0]) as file:
            return np.asarray(file[READ][steps].sum(axis=0) + file[WRITE][steps].sum(axis=0))

    def during(self, start: Values, end: Values) -> float:
        """Bytes read and written from some steps to others, counted from the first day on, in all."""
        return sum(self._during(name, start, end) for name in (READ, WRITE))

    def _during(self, name: str, start: Values, end: Values) -> float:
        steps = [self.values(name, day).sum(axis=1) for day in range(len(self.paths))]
        running = np.concatenate([[0], np.cumsum(np.concatenate(steps))])
        return float((running[end] - running[start]).sum())


class Frames:
    """The first day's file as pandas frames with times and targets' names, one dataset a frame."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def frame(self, name: str) -> pd.DataFrame:
        """A dataset; missing values, -0.0, are left to add nothing."""
        with h5py.File(self.path) as file:
            times = pd.to_datetime(file[f"{name.partition('/')[0]}/timestamps"][...], unit="s")
            return pd.DataFrame(file[name][...], index=times, columns=file[name].attrs["columns"].astype(str))


class Pytokio(Frames):
    """The same by pytokio's own reader of these files."""

    def frame(self, name: str) -> pd.DataFrame:
        """A dataset; missing values are NaN."""
        reader = importlib.import_module("tokio.connectors.hdf5")
        with reader.Hdf5(str(self.path), "r") as file:
            frame: pd.DataFrame = file.to_dataframe(name)
        return frame


def bench_day(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], repeat: int) -> None:
    """Q1 to Q5, of one day."""
    files, start, end = Files(paths[:1]), *job_steps(1)
    make_windows(con, start, end)
    by_hand = {
        f"Q1 {len(_STARTS)} half hours by target": files.half_hours,
        "Q2 the day's total": lambda: files.values(READ).sum() + files.values(WRITE).sum(),
        "Q3 bandwidth by minute": lambda: files.values(READ).sum(axis=1).reshape(-1, 12).sum(axis=1),
        "Q4 ten busiest targets": lambda: np.sort(files.values(WRITE).sum(axis=0))[::-1][:10],
        f"Q5 {JOBS_A_DAY:,} jobs of a day": lambda: files.during(start, end),
    }
    queries = (
        [
            "SELECT sum(read_bytes) + sum(write_bytes) FROM lustre_ost "
            f"WHERE {_DAY} AND ts >= '{_moment(start)}' AND ts < '{_moment(start + _HALF_HOUR)}' "
            "GROUP BY ost ORDER BY ost"
            for start in _STARTS
        ],
        [f"SELECT sum(read_bytes) + sum(write_bytes) FROM lustre_fs WHERE {_DAY}"],
        [
            "SELECT sum(read_bytes) FROM lustre_fs "
            f"WHERE {_DAY} GROUP BY time_bucket(INTERVAL 1 MINUTE, ts) ORDER BY time_bucket(INTERVAL 1 MINUTE, ts)"
        ],
        [f"SELECT sum(write_bytes) AS b FROM lustre_ost WHERE {_DAY} GROUP BY ost ORDER BY b DESC LIMIT 10"],
        [_DURING],
    )
    moved, during = (
        "sum(read_bytes) + sum(write_bytes)",
        f"ts >= '{_moment(min(start))}' AND ts < '{_moment(max(end))}'",
    )
    half_hours = " OR ".join(f"ts >= '{_moment(at)}' AND ts < '{_moment(at + _HALF_HOUR)}'" for at in _STARTS)
    first = date(2018, 1, 28)
    floors = [
        Scan("lustre_ost", f"{moved}, count(ost)", half_hours, first, first),
        Scan("lustre_fs", moved, "true", first, first),
        Scan("lustre_fs", "sum(read_bytes), max(ts)", "true", first, first),
        Scan("lustre_ost", "sum(write_bytes), count(ost)", "true", first, first),
        Scan("lustre_fs", f"{moved}, {_RUNNING}", during, first, first),
    ]
    others = {"h5py + numpy": by_hand, "h5py + pandas": in_pandas(Frames(paths[0]), start, end)}
    if importlib.util.find_spec("tokio"):
        others["pytokio"] = in_pandas(Pytokio(paths[0]), start, end)
    for i, (name, query) in enumerate(zip(by_hand, queries, strict=True)):
        ways = {who: list(ways.values())[i] for who, ways in others.items()}
        compare(name, con, query, ways, floors[i], repeat)


def in_pandas(day: Frames, start: Values, end: Values) -> dict[str, Callable[[], Any]]:
    """Q1 to Q5 over frames."""

    def half_hours() -> Values:
        return np.concatenate([half_hour(slice(start, start + _HALF_HOUR)) for start in _STARTS])

    def half_hour(steps: slice) -> pd.Series:
        return day.frame(READ).iloc[steps].sum() + day.frame(WRITE).iloc[steps].sum()

    def jobs() -> float:
        return sum(during(name) for name in (READ, WRITE))

    def during(name: str) -> float:
        running = day.frame(name).sum(axis=1).cumsum()
        before = np.concatenate([[0], running.to_numpy()])
        return float((before[end] - before[start]).sum())

    return {
        "Q1": half_hours,
        "Q2": lambda: day.frame(READ).sum().sum() + day.frame(WRITE).sum().sum(),
        "Q3": lambda: day.frame(READ).sum(axis=1).resample("1min").sum(),
        "Q4": lambda: day.frame(WRITE).sum().nlargest(10),
        "Q5": jobs,
    }


def _moment(step: int) -> datetime:
    """When a step of the first day begins, without a zone."""
    return datetime.fromtimestamp(MIDNIGHT + step * STEP_S, UTC).replace(tzinfo=None)


def bench_month(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], repeat: int) -> None:
    """Q6: the jobs of all days, in one question."""
    files, start, end = Files(paths), *job_steps(len(paths))
    make_windows(con, start, end)
    ways = {"h5py + numpy": lambda: files.during(start, end)}
    name = f"Q6 {len(start):,} jobs of {len(paths)} days"
    compare(name, con, [_DURING], ways, Scan("lustre_fs", f"sum(read_bytes), {_RUNNING}"), repeat)


def compare(
    name: str,
    con: duckdb.DuckDBPyConnection,
    queries: list[str],
    others: dict[str, Callable[[], Any]],
    floor: Scan,
    repeat: int,
) -> None:
    """Print a question's figures beside each of the others, who must have the same numbers, and beside the floor."""
    ways = {OURS: lambda: [row for q in queries for row in con.execute(q).fetchall()], FLOOR: scan(con, floor)}
    found = in_turns({**ways, **others}, repeat)
    ours = [int(row[0]) for row in found[OURS].answer]
    for who in others:
        assert ours == np.atleast_1d(np.asarray(found[who].answer)).astype(np.int64).tolist(), (name, who)
    report(name, found)
    show(name, found)


def job_steps(days: int) -> tuple[Values, Values]:
    """First step and step after the last of each of the jobs of some days."""
    rng = np.random.default_rng(5)
    start = rng.integers(0, days * STEPS - 1, JOBS_A_DAY * days)
    return start, np.minimum(start + rng.integers(1, 2000, len(start)), days * STEPS)


def make_windows(con: duckdb.DuckDBPyConnection, start: Values, end: Values) -> None:
    """The table `windows` of the jobs' times."""
    times = [pa.array((MIDNIGHT + steps * STEP_S) * 1_000_000).cast(pa.timestamp("us")) for steps in (start, end)]
    jobs = pa.table({"file_system": pa.repeat("big", len(start)), "window_start": times[0], "window_end": times[1]})
    con.register("jobs_of_days", jobs)
    con.execute("CREATE OR REPLACE TEMP TABLE windows AS FROM jobs_of_days")
    con.unregister("jobs_of_days")
