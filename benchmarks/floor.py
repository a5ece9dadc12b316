"""The floor of a benchmark: what the same bytes cost the fastest libraries with nothing else, in the same run.

A floor does what nothing can leave out: it inflates what is packed, splits text or decodes JSON, turns records into
columns, and writes the same rows as Parquet; or it scans the same rows and columns of the files that have them. It
checks nothing, converts no times, looks nothing up, sorts nothing and commits nothing. Our share of the floor is its
CPU time over ours: 100 % is as fast as the floor, 50 % takes twice the CPU time.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.timing import FLOOR, OURS, Timing
from iolake.pipelines.ingest import Steps
from iolake.schemas.site import Site
from iolake.warehouse.derive import Derived
from iolake.warehouse.lake import Lake

LEAST_SHARE = 0.5
"""Below it, docs/speed.md says where the rest goes."""


def share_of(floor_s: float, ours_s: float) -> float:
    """Our share of a floor, of CPU seconds."""
    return floor_s / ours_s if ours_s else 1.0


def show(name: str, found: Mapping[str, Timing], ours: str = OURS) -> None:
    """Print the floor, our figure and our share of the floor."""
    show_cpu(name, found[FLOOR].cpu_s, found[ours].cpu_s, (found[FLOOR].wall_s, found[ours].wall_s))


def show_cpu(name: str, floor_s: float, ours_s: float, walls_s: tuple[float, float] | None = None) -> None:
    """Print CPU seconds of the floor and ours, our share of the floor, and wall seconds of both where known."""
    share = share_of(floor_s, ours_s)
    wall = f"   wall: floor {walls_s[0]:9.4f} s, ours {walls_s[1]:9.4f} s" if walls_s else ""
    below = "" if share >= LEAST_SHARE else "   below half"
    print(
        f"{name:32} floor {floor_s:9.4f} CPU-s   ours {ours_s:9.4f} CPU-s   share of the floor {share:5.0%}"
        f"{wall}{below}",
        flush=True,
    )


class LoadsAlone(Steps):
    """The steps of an ingest without its marts, whose floor is that of benchmarks/scale_derive.py."""

    def derive(self, site: Site) -> Derived:
        """Leave the marts stale."""
        return Derived()


def rows_of(lake: str | Path, tables: Iterable[str] | None = None, day: date | None = None) -> list[pa.Table]:
    """The rows of a lake's data files, a table a file, in memory: what `write` writes again."""
    wanted = None if tables is None else set(tables)
    return [
        pq.ParquetFile(f"{lake}/{file.path}").read()
        for file in Lake(lake).files()
        if (wanted is None or file.table_name in wanted) and day in {None, file.date}
    ]


def write(tables: Iterable[pa.Table]) -> None:
    """Write each table to a Parquet file with pyarrow's own encodings and zstd."""
    with tempfile.TemporaryDirectory() as folder:
        for number, table in enumerate(tables):
            pq.write_table(table, f"{folder}/{number}.parquet", compression="zstd")


def decode(path: Path) -> int:
    """Inflate a file and split its lines, or decode its JSON; a tar archive by its members. Return how many parts."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if tarfile.is_tarfile(io.BytesIO(content)):
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            files = [archive.extractfile(info) for info in archive]
            return sum(len(file.read().splitlines()) for file in files if file is not None)
    if content[:1] in {b"[", b"{"}:
        return len(orjson.loads(content))
    return split(content)


def split(content: bytes) -> int:
    """Split lines into an Arrow column; return how many."""
    text = pa.array([content.decode("latin-1")], pa.large_string())
    return len(pc.split_pattern(text, "\n").values)


class Scan(NamedTuple):
    """The rows and columns that a question needs: the floor reads these alone, from the files that have them."""

    table: str
    columns: str
    where: str = "true"
    first: date = date.min
    last: date = date.max


def scan(con: duckdb.DuckDBPyConnection, wanted: Scan) -> Callable[[], Any]:
    """Return a way that scans data files with DuckDB, without views: the month files of whole months, or the days'."""
    root = "(SELECT max_by(root, number) FROM snapshots) || '/'"
    found = con.execute(
        f"""
        WITH month AS (
          FROM months WHERE table_name = $1 AND month >= date_trunc('month', $2) AND month <= $3)
        SELECT list({root} || path) FROM month
        UNION ALL
        SELECT list({root} || f.path) FROM files f
        ANTI JOIN month m ON m.owner = f.owner AND m.month = date_trunc('month', f.date)
        WHERE f.table_name = $1 AND f.date BETWEEN $2 AND $3""",
        [wanted.table, wanted.first, wanted.last],
    ).fetchall()
    reads = " UNION ALL BY NAME ".join(
        f"SELECT * FROM read_parquet({paths!r}, hive_partitioning = true, union_by_name = false)"
        for (paths,) in found
        if paths
    )
    query = f"SELECT {wanted.columns} FROM ({reads}) WHERE {wanted.where}"
    return lambda: con.execute(query).fetchall()


def write_snapshot(snapshot: Path, copy: Path) -> None:
    """Write the content of a snapshot file to another with DuckDB, as a commit must."""
    copy.unlink(missing_ok=True)
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{snapshot}' AS old (READ_ONLY)")
        con.execute(f"ATTACH '{copy}' AS new")
        con.execute("COPY FROM DATABASE old TO new")


def read_and_write(lake: str | Path, read: Iterable[str], made: Iterable[str], day: date) -> Callable[[], None]:
    """Return a way that reads a day's rows of some tables, and writes the rows of others, which it reads beforehand."""
    rows, tables = rows_of(lake, made, day), [*read]

    def way() -> None:
        rows_of(lake, tables, day)
        write(rows)

    return way
