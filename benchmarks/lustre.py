"""Lustre telemetry into Parquet and out of it: iolake beside h5py with numpy or pandas, pytokio, and connectorx alone.

    python benchmarks/lustre.py [--days 2] [--month-days 30] [--month-osts 8] [--lmt-rows 1000000] [--repeat 5]

All figures are from one run on one machine, the ways timed in turns. Ingest is timed in a lake that has a day already,
so that it is a day's cost and not a new catalog's; each figure is the best of `--repeat`, as wall time and as time of
all threads. Pytokio takes part where it is installed. The month's files hold few targets, to be made quickly: h5py has
that much less to read, and the lake as much as ever. The floor of an ingest reads the file or database, turns targets'
columns into rows and writes the same rows; that of a question scans the same rows and columns (floor.py).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import connectorx
import h5py
import numpy as np

sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.floor import LoadsAlone, rows_of, show, write  # noqa: E402
from benchmarks.lustre_day import OSTS, Values, write_lmt, write_tts  # noqa: E402
from benchmarks.lustre_queries import bench_day, bench_month  # noqa: E402
from benchmarks.timing import FLOOR, OURS, in_turns, report  # noqa: E402
from iolake.extractors.base import Span  # noqa: E402
from iolake.pipelines.ingest import ingest  # noqa: E402
from iolake.schemas.site import Site  # noqa: E402
from iolake.warehouse import Lake  # noqa: E402

FIRST = date(2018, 1, 28)


def write_days(folder: Path, days: int, osts: int) -> tuple[Site, list[Path]]:
    """TTS files of some days, and a site that has them."""
    folder.mkdir()
    paths = [folder / f"{FIRST + timedelta(days=day)}.hdf5" for day in range(days)]
    for day, path in enumerate(paths):
        write_tts(path, day, osts=osts)
    return site_of(folder / "lake", {"hdf5": {"files": f"{folder}/%Y-%m-%d.hdf5"}}), paths


def datasets(path: Path) -> list[Values]:
    """All datasets of a file, as h5py reads them."""
    with h5py.File(path) as file:
        return [file[g][d][...] for g in ("datatargets", "fullness") for d in file[g] if d != "timestamps"]


def bench_tts(paths: list[Path], site: Site, days: int, repeat: int) -> None:
    """TTS days into the lake, and the size of one there."""
    ingest(site, ["hdf5"], Span(FIRST, FIRST + timedelta(days=1)), workers=0)
    path = paths[1]

    def change() -> None:
        with h5py.File(path, "a") as file:  # another content, so that the day is read and replaced
            file.attrs["updated"] = time.time()

    def load() -> None:
        ingest(site, ["hdf5"], Span(FIRST + timedelta(days=1), FIRST + timedelta(days=2)), steps=LoadsAlone(workers=0))

    def read_and_write() -> None:
        for values in datasets(path):
            values.astype(np.int64).ravel()  # a row a step and target, in this order
        write(rows)

    load()
    rows = rows_of(site.lake_uri, ["lustre_ost", "lustre_fs"], FIRST + timedelta(days=1))
    ways = {OURS: load, FLOOR: read_and_write, "h5py reads it": lambda: datasets(path)}
    found = in_turns(ways, repeat, change)
    report("TTS day to committed Parquet", found)
    show("TTS day to committed Parquet", found)
    ingest(site, ["hdf5"], Span(FIRST, FIRST + timedelta(days=days)), workers=0)
    size = Lake(site.lake_uri).sql("SELECT sum(size_bytes) FROM files").fetchall()[0][0]
    stored = sum(path.stat().st_size for path in paths)
    print(f"size: lake {size / 1e6:.1f} MB, gzip HDF5 {stored / 1e6:.1f} MB, ratio {size / stored:.3f}")


def bench_lmt(folder: Path, rows: int, repeat: int) -> None:
    """An LMT day into a lake, beside connectorx reading the same rows."""
    path = folder / "lmt.sqlite3"
    count = write_lmt(path, rows // OSTS)
    other = folder / "other.hdf5"
    write_tts(other, 99, steps=12)
    sources = {"lmt": {"uri": f"sqlite:///{path}"}, "hdf5": {"files": str(other)}}
    site = site_of(folder / "lmt", sources)

    def new_lake() -> None:
        shutil.rmtree(folder / "lmt", ignore_errors=True)
        ingest(site, ["hdf5"], workers=0)

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

    def read_and_write() -> None:
        alone()
        write(found_rows)

    new_lake()
    ingest(site, ["lmt"], steps=LoadsAlone(workers=0))
    found_rows = rows_of(folder / "lmt", ["lustre_ost", "lustre_fs"], FIRST)
    ways = {
        OURS: lambda: ingest(site, ["lmt"], steps=LoadsAlone(workers=0)),
        FLOOR: read_and_write,
        "connectorx reads": alone,
    }
    found = in_turns(ways, repeat, new_lake)
    report(f"LMT, {count:,} rows, to Parquet", found)
    show(f"LMT, {count:,} rows, to Parquet", found)


def site_of(folder: Path, sources: dict[str, Any]) -> Site:
    """A site with one file system, and its lake in `folder`."""
    return Site.model_validate(
        {"root": "/", "lake": {"uri": str(folder)}, "file_systems": {"big": {"backend": "big", **sources}}}
    )


def main() -> None:
    """Make the inputs, and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--month-days", type=int, default=30)
    parser.add_argument("--month-osts", type=int, default=8)
    parser.add_argument("--lmt-rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site, paths = write_days(folder / "days", args.days, OSTS)
        bench_tts(paths, site, args.days, args.repeat)
        bench_day(Lake(site.lake_uri).connect(), paths, args.repeat)
        bench_lmt(folder, args.lmt_rows, args.repeat)
        site, paths = write_days(folder / "month", args.month_days, args.month_osts)
        ingest(site, ["hdf5"], workers=0)
        bench_month(Lake(site.lake_uri).connect(), paths, min(args.repeat, 3))


if __name__ == "__main__":
    main()
