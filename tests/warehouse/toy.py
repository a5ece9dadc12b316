"""A toy source over a folder of text files, and lakes to load it into."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, InputError, Reject, Span
from iolake.extractors.files import find_files
from iolake.pipelines.ingest import Report, ingest
from iolake.schemas.lustre import LUSTRE_DF, LUSTRE_TARGET
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake
from iolake.warehouse.warehouse import Warehouse

DAY = datetime(2017, 3, 20)
TABLES = {"lustre_df": LUSTRE_DF, "lustre_target": LUSTRE_TARGET}


def batch(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows in a table's `batch_schema`, `ts` given as hours after DAY; what a row lacks is null."""
    schema = TABLES[table].batch_schema
    return pa.Table.from_pylist([r | {"ts": DAY + timedelta(hours=r["ts"])} for r in rows], schema=schema)


class Toy(Extractor):
    """A JSON file of {table: [row, ...]}; one that is no JSON is rejected, as is its "part" by name."""

    source: ClassVar[str] = "toy"
    version: ClassVar[int] = 1
    owner: ClassVar[Any] = "file_system"
    tables: ClassVar[Any] = [LUSTRE_DF, LUSTRE_TARGET]
    batch_inputs: ClassVar[int] = 2

    def find(self, site: Site, span: Span) -> Iterator[Input]:
        return find_files(site, self.owner, self.source, span)

    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        try:
            tables = json.loads(Path(input.uri).read_text())
        except ValueError:
            raise InputError(input.uri, "not JSON") from None
        for name, rows in tables.items():
            if name in TABLES:
                yield Batch(TABLES[name], batch(name, rows))
            else:
                yield Reject(input, f"unknown table {name}", part=name)


class Archive(Toy):
    """The same source where one content is one thing wherever it lies."""

    source = "archive"
    content_addressed = True


class Spare(Toy):
    """A source that fills `lustre_df` where no better one of the day does."""

    source = "spare"
    contested = frozenset({"lustre_df"})


class Main(Spare):
    """The better source of the same table."""

    source = "main"


TOYS = {kind.source: kind() for kind in (Toy, Archive, Spare, Main)}


@dataclass
class Centre:
    """A site of one file system, `scratch`, whose toy sources lie in folders of their names."""

    root: Path
    sources: tuple[str, ...] = ("toy",)
    owner: str = "scratch"
    clock: float = field(default=1_500_000_000.0)

    @property
    def site(self) -> Site:
        patterns = {s: {"files": f"{s}/%Y-%m-%d*.json"} for s in self.sources}
        lake = {"uri": str(self.root / "lake")}
        return Site.model_validate({"lake": lake, "file_systems": {self.owner: patterns}, "root": str(self.root)})

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "lake"))

    def write(self, name: str, tables: dict[str, list[dict[str, Any]]] | str, source: str = "toy") -> Path:
        """Give an input a content, later than every other by the clock."""
        path = self.root / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tables if isinstance(tables, str) else json.dumps(tables))
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        return path

    def ingest(self, *sources: str) -> Report:
        return ingest(self.site, sources, workers=0)


def df(target: str, hour: float, used: int | None = None) -> dict[str, Any]:
    """A row of `lustre_df`."""
    return {"target": target, "ts": hour, "role": "ost", "used_bytes": used}


def rows(lake: Lake, table: str = "lustre_df") -> list[str]:
    """A table's rows as text, in order, without the columns of their load."""
    return sorted(repr(row) for row in lake.sql(f"SELECT * EXCLUDE (load_id, input_id) FROM {table}").fetchall())


def expected(table: str, *rows: dict[str, Any], owner: str = "scratch") -> list[str]:
    """The same text for rows that a test wrote, from its own knowledge of them."""
    found = []
    for row in rows:
        ts = DAY + timedelta(hours=row["ts"])
        known = row | {"file_system": owner, "ts": ts, "date": ts.date()}
        names = [c.name for c in TABLES[table].all_columns if c.name not in {"load_id", "input_id"}]
        found.append(repr(tuple(known.get(name) for name in names)))
    return sorted(found)
