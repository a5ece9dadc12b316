"""Marts held against their models: the rows of each partition, computed once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iolake.schemas import ddl
from iolake.schemas.table import DATE, LOAD_ID
from iolake.warehouse import derive, freshness, layout, snapshot_views, views
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.scratch import scratch

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from iolake.schemas.mart import Mart
    from iolake.warehouse.freshness import Partition
    from iolake.warehouse.warehouse import Warehouse

Differing = tuple["Mart", "Partition"]
_TOLERANCE = 1e-9
"""Share by which sums of floating-point numbers may differ: threads add them in any order."""


def differing(
    warehouse: Warehouse, number: int, progress: derive.Progress | None = None
) -> tuple[int, list[Differing]]:
    """(fresh partitions of marts in a snapshot, those whose rows are not what the model gives now)."""
    found: list[Differing] = []
    done = 0
    with scratch() as folder:
        path = Path(folder) / "catalog.duckdb"
        warehouse.store.copy(layout.snapshot_path(number), path)
        with Catalog.editing(path, warehouse.store, private=True) as catalog:
            catalog.write_views(warehouse.store)
            snapshot_views.write_models(catalog, freshness.marts())
            work = _fresh(catalog)
        total = sum(len(partitions) for _, partitions in work)
        with derive.engine(warehouse.store, path, Path(folder)) as con:
            for mart, partitions in work:
                for batch in derive.batches(partitions):
                    found += [(mart, partition) for partition in _differing(con, mart, batch)]
                    done += len(batch)
                    if progress:
                        progress(mart.name, done, total)
    return total, found


def _fresh(catalog: Catalog) -> list[tuple[Mart, list[Partition]]]:
    """The fresh partitions by mart, in order of owner and day."""
    fresh = set(catalog.rows("SELECT table_name, owner, date FROM derived WHERE fresh"))
    dependencies = freshness.Dependencies(catalog, views.sql_files())
    return [
        (
            mart,
            sorted(
                (p for p in dependencies.partitions(mart) if (mart.name, p.owner, p.day) in fresh),
                key=lambda p: (p.owner, p.day),
            ),
        )
        for mart in freshness.marts()
    ]


def _differing(con: duckdb.DuckDBPyConnection, mart: Mart, batch: Sequence[Partition]) -> Iterator[Partition]:
    """The partitions of one owner whose stored rows differ from those of the model."""
    from polars.testing import assert_frame_equal

    days = ", ".join(f"DATE '{p.day}'" for p in batch)
    owner = f"{ddl.quote(mart.owner.name)} = {ddl.literal(batch[0].owner)}"
    model = con.sql(f"{derive.model_query(mart, batch)}\nWHERE date IN ({days})").pl()
    stored = con.sql(f"FROM main.{ddl.quote(mart.name)} WHERE {owner} AND date IN ({days})").pl()
    for partition in batch:
        try:
            assert_frame_equal(*(_rows(mart, rows, partition) for rows in (model, stored)), rel_tol=_TOLERANCE)
        except AssertionError:
            yield partition


def _rows(mart: Mart, rows: pl.DataFrame, partition: Partition) -> pl.DataFrame:
    """A partition's rows in the order of their keys, without the derivation that wrote them."""
    import polars as pl

    own = rows.filter(pl.col(DATE.name) == partition.day).drop(LOAD_ID.name)
    return own.sort([key.name for key in mart.keys])
