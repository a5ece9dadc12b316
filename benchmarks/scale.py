"""What a very large lake costs: snapshots of many files, measured, and a model of a centre over years from them.

    python benchmarks/scale.py                        # 1,000 and 8,000 files; a minute
    python benchmarks/scale.py --files 1000 4000

Each lake has one real file, linked under as many names as asked, so that a snapshot lists them all. The floor of a
commit is DuckDB's own write of the same snapshot file, with nothing else.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from benchmarks.floor import share_of, write_snapshot
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.lake import Lake
from iolake.warehouse.records import DataFile
from iolake.warehouse.warehouse import Warehouse

_DF = "BEGIN 1577880000\nUUID 1K-blocks Used Available Use% Mounted on\nfs-OST0000_UUID 1000 100 900 10% /fs[OST:0]\n"
_SITE = '[file_systems.fs]\nmounts = ["/fs"]\ndf = { files = "df-%Y-%m-%d.txt" }\n'
_A_DAY = 20
"""Files of a table and day."""


@dataclass(frozen=True)
class Costs:
    """CPU seconds and bytes of a lake of so many files of one table."""

    files: int
    snapshot_bytes: int
    commit_s: float
    floor_s: float
    listing_s: float
    open_s: float
    one_day_s: float
    everything_s: float


def measure(count: int) -> Costs:
    """Make a lake of `count` files, and ask it."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        root = Path(folder)
        (root / "site.toml").write_text(_SITE)
        (root / "df-2020-01-01.txt").write_text(_DF)
        ingest(Site.read(root / "site.toml"), workers=0)
        warehouse = Warehouse(str(root / "lake"))
        (file,) = (f for f in Lake(root / "lake").files() if f.table_name == "lustre_df")
        more = [_linked(root / "lake", file, number) for number in range(count)]
        warehouse.publish(lambda catalog, _: _add(catalog, more), "ingest")
        start = time.process_time()
        number = warehouse.publish(lambda catalog, _: True, "ingest")
        commit_s = time.process_time() - start
        assert number is not None
        written = root / "lake" / layout.snapshot_path(number)
        size = written.stat().st_size
        start = time.process_time()
        write_snapshot(written, root / "floor.duckdb")
        floor_s = time.process_time() - start
        start = time.process_time()
        sum(1 for _ in warehouse.store.list())
        listing_s = time.process_time() - start
        start = time.process_time()
        lake = Lake(root / "lake")
        lake.sql("SELECT 1").fetchall()
        open_s = time.process_time() - start
        day = more[-1].date
        one_day_s = _asked(lake, f"SELECT count(*) FROM lustre_df WHERE date = '{day}'")
        everything_s = _asked(lake, "SELECT count(*) FROM lustre_df")
        return Costs(count, size, commit_s, floor_s, listing_s, open_s, one_day_s, everything_s)


def _linked(lake: Path, file: DataFile, number: int) -> DataFile:
    day = date(2020, 1, 2) + timedelta(days=number // _A_DAY)
    path = f"lustre_df/file_system=fs/date={day}/{file.load_id}-x{number}.parquet"
    (lake / path).parent.mkdir(parents=True, exist_ok=True)
    os.link(lake / file.path, lake / path)
    shift = day - file.date
    times = {k: v + shift for k in ("first_ts", "last_ts") if (v := getattr(file, k)) is not None}
    return replace(file, path=path, date=day, **times)


def _add(catalog: Catalog, files: list[DataFile]) -> bool:
    catalog.add_files(files)
    return True


def _asked(lake: Lake, query: str) -> float:
    lake.sql(query).fetchall()
    start = time.process_time()
    for _ in range(3):
        lake.sql(query).fetchall()
    return (time.process_time() - start) / 3


def main() -> None:
    """Print a line for each number of files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 8000])
    heads = ("snapshot", "commit", "floor", "share", "list", "open", "one day", "all")
    print(f"{'files':>8} " + " ".join(f"{head:>8}" for head in heads) + "   CPU seconds")
    for count in parser.parse_args().files:
        c = measure(count)
        print(
            f"{c.files:>8,} {c.snapshot_bytes / 1e6:>5.2f} MB {c.commit_s:>8.2f} {c.floor_s:>8.3f} "
            f"{share_of(c.floor_s, c.commit_s):>8.0%} {c.listing_s:>8.2f} {c.open_s:>8.2f} {c.one_day_s:>8.3f} "
            f"{c.everything_s:>8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
