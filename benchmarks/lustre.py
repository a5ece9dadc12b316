"""Lustre telemetry into Parquet and out of it: iolake beside h5py with numpy, and beside connectorx alone.

    python benchmarks/lustre.py [--days 3] [--lmt-rows 1000000] [--repeat 5]

All figures are from one run on one machine. Ingest is timed in a lake that has a day already, so that it is a
day's cost and not a new catalog's; each figure is the best of `--repeat`, as wall time and as time of all threads.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import connectorx
import h5py
import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.lustre_day import MIDNIGHT, OSTS, STEP_S, STEPS, write_lmt, write_tts  # noqa: E402
from extractors.base import Span  # noqa: E402
from pipelines.ingest import ingest  # noqa: E402
from schemas.site import Site  # noqa: E402
from warehouse import Lake  # noqa: E402

FIRST = date(2018, 1, 28)
JOBS_A_DAY = 20_000


def timed(work: Callable[[], Any], repeat: int, prepare: Callable[[], Any] = lambda: None) -> tuple[float, float, Any]:
    """(wall seconds, CPU seconds, result) of the best run; `prepare` runs before each and is not timed."""
    best = (float("inf"), float("inf"))
    result = None
    for _ in range(repeat):
        prepare()
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    return (*best, result)


def line(name: str, ours: tuple[float, float, Any], other: tuple[float, float, Any], what: str) -> None:
    """Print one comparison."""
    print(
        f"{name:34} {ours[0] * 1e3:9.1f} ms   {what:18} {other[0] * 1e3:9.1f} ms   "
        f"ratio {ours[0] / other[0]:7.3f}   (CPU {ours[1] / max(other[1], 1e-9):7.3f})"
    )


def day_file(folder: Path, day: int) -> Path:
    """The TTS file of a day."""
    return folder / f"{FIRST + timedelta(days=day)}.hdf5"


def datasets(path: Path, wanted: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """All datasets of a file, or some, as h5py reads them."""
    with h5py.File(path) as file:
        found = {f"{g}/{d}": file[g][d] for g in ("datatargets", "fullness") for d in file[g] if d != "timestamps"}
        return {name: dataset[...] for name, dataset in found.items() if not wanted or name in wanted}


def bench_tts(folder: Path, site: Site, days: int, repeat: int) -> None:
    """TTS days into the lake, and the size of one there."""
    ingest(site, ["hdf5"], Span(FIRST, FIRST + timedelta(days=1)), workers=1)
    path = day_file(folder, 1)

    def change() -> None:
        with h5py.File(path, "a") as file:  # another content, so that the day is read and replaced
            file.attrs["updated"] = time.time()

    def load() -> None:
        ingest(site, ["hdf5"], Span(FIRST + timedelta(days=1), FIRST + timedelta(days=2)), workers=1)

    ours = timed(load, repeat, change)
    line("TTS day to committed Parquet", ours, timed(lambda: datasets(path), repeat), "h5py reads it")
    ingest(site, ["hdf5"], Span(FIRST, FIRST + timedelta(days=days)), workers=1)
    size = Lake(site.lake_uri).sql("SELECT sum(size_bytes) FROM files").fetchall()[0][0]
    stored = sum(day_file(folder, day).stat().st_size for day in range(days))
    print(f"size: lake {size / 1e6:.1f} MB, gzip HDF5 {stored / 1e6:.1f} MB, ratio {size / stored:.3f}")


def bench_queries(folder: Path, site: Site, days: int, repeat: int) -> None:
    """The questions, each with the same answer both ways."""
    path, (read, write) = day_file(folder, 0), ("datatargets/readbytes", "datatargets/writebytes")
    con = Lake(site.lake_uri).connect()

    def ask(query: str) -> Callable[[], list[tuple[Any, ...]]]:
        return lambda: con.execute(query).fetchall()

    def half_hour() -> np.ndarray:
        with h5py.File(path) as file:
            return file[read][8640:9000].sum(axis=0)

    per_ost = (
        "SELECT ost, sum(read_bytes) FROM lustre_ost WHERE date = '2018-01-28' AND ts >= '{}' AND ts < '{}' "
        "GROUP BY ost ORDER BY ost"
    )
    ours = timed(ask(per_ost.format("2018-01-28 12:00:00", "2018-01-28 12:30:00")), repeat)
    theirs = timed(half_hour, repeat)
    assert [row[1] for row in ours[2]] == theirs[2].astype(np.int64).tolist()
    line("Q1 half an hour by target", ours, theirs, "h5py + numpy")
    whole = timed(lambda: datasets(path, (read, write)), repeat)
    ours = timed(ask("SELECT sum(read_bytes), sum(write_bytes) FROM lustre_fs WHERE date = '2018-01-28'"), repeat)
    assert ours[2] == [(int(whole[2][read].sum()), int(whole[2][write].sum()))]
    line("Q2 the day's total", ours, whole, "h5py + numpy")
    query = (
        "SELECT time_bucket(INTERVAL 1 MINUTE, ts) AS m, sum(read_bytes) FROM lustre_fs "
        "WHERE date = '2018-01-28' GROUP BY m ORDER BY m"
    )
    ours = timed(ask(query), repeat)
    theirs = timed(lambda: datasets(path, (read,))[read].sum(axis=1).reshape(-1, 12).sum(axis=1), repeat)
    assert [row[1] for row in ours[2]] == theirs[2].astype(np.int64).tolist()
    line("Q3 bandwidth by minute", ours, theirs, "h5py + numpy")
    query = (
        "SELECT ost, sum(write_bytes) AS b FROM lustre_ost WHERE date = '2018-01-28' "
        "GROUP BY ost ORDER BY b DESC LIMIT 10"
    )
    ours = timed(ask(query), repeat)
    theirs = timed(lambda: np.sort(datasets(path, (write,))[write].sum(axis=0))[::-1][:10], repeat)
    assert [row[1] for row in ours[2]] == theirs[2].astype(np.int64).tolist()
    line("Q4 ten busiest targets", ours, theirs, "h5py + numpy")
    for name, span in (("Q5 20,000 jobs of a day", 1), (f"Q6 {JOBS_A_DAY * days:,} jobs of {days} days", days)):
        rng = np.random.default_rng(5)
        start = rng.integers(0, span * STEPS - 1, JOBS_A_DAY * span)
        end = np.minimum(start + rng.integers(1, 2000, len(start)), span * STEPS)
        con.execute(
            "CREATE OR REPLACE TEMP TABLE windows (file_system TEXT, window_start TIMESTAMP, window_end TIMESTAMP)"
        )
        moments = [
            f"epoch_ms({(MIDNIGHT + a * STEP_S) * 1000}), epoch_ms({(MIDNIGHT + b * STEP_S) * 1000})"
            for a, b in zip(start, end, strict=True)
        ]
        con.execute(
            f"INSERT INTO windows VALUES {', '.join(f'($${s}$$, {m})' for s, m in (('big', m) for m in moments))}"
        )

        def cumulate(span: int = span, start: np.ndarray = start, end: np.ndarray = end) -> int:
            steps = np.concatenate([datasets(day_file(folder, d), (read,))[read].sum(axis=1) for d in range(span)])
            running = np.concatenate([[0], np.cumsum(steps)])
            distinct = np.unique(np.stack([start, end]), axis=1)
            return int((running[distinct[1]] - running[distinct[0]]).sum())

        ours = timed(ask("SELECT sum(read_bytes) FROM lustre_during('windows')"), repeat)
        theirs = timed(cumulate, repeat)
        assert ours[2] == [(theirs[2],)]
        line(name, ours, theirs, "h5py + cumsum")


def bench_lmt(folder: Path, rows: int, repeat: int) -> None:
    """An LMT day into a lake, beside connectorx reading the same rows."""
    path = folder / "lmt.sqlite3"
    count = write_lmt(path, rows // OSTS)
    write_tts(day_file(folder, 99), 99, steps=12)
    sources = {"lmt": {"uri": f"sqlite:///{path}"}, "hdf5": {"files": str(day_file(folder, 99))}}
    site = site_of(folder / "lmt", sources)

    def new_lake() -> None:
        shutil.rmtree(folder / "lmt", ignore_errors=True)
        ingest(site, ["hdf5"], workers=1)

    columns = (
        "OST_ID",
        "TS_ID",
        "READ_BYTES",
        "WRITE_BYTES",
        "KBYTES_FREE",
        "KBYTES_USED",
        "INODES_FREE",
        "INODES_USED",
    )

    def alone() -> Any:
        return connectorx.read_sql(
            f"sqlite://{path}", f"SELECT {', '.join(columns)} FROM OST_DATA", return_type="arrow"
        )

    ours = timed(lambda: ingest(site, ["lmt"], workers=1), repeat, new_lake)
    line(f"LMT, {count:,} rows, to Parquet", ours, timed(alone, repeat), "connectorx reads")


def site_of(folder: Path, sources: dict[str, Any]) -> Site:
    """A site with one file system, and its lake in `folder`."""
    return Site.model_validate(
        {"root": "/", "lake": {"uri": str(folder)}, "file_systems": {"big": {"backend": "big", **sources}}}
    )


def main() -> None:
    """Make the inputs, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--lmt-rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for day in range(args.days):
            write_tts(day_file(folder, day), day)
        site = site_of(folder / "lake", {"hdf5": {"files": f"{folder}/%Y-%m-%d.hdf5"}})
        bench_tts(folder, site, args.days, args.repeat)
        bench_queries(folder, site, args.days, args.repeat)
        bench_lmt(folder, args.lmt_rows, args.repeat)


if __name__ == "__main__":
    main()
