"""The origin of a data file, as its Parquet footer stores it: `iolake rebuild` makes a catalog from footers alone."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from iolake.schemas.inputs import InputRecord, values
from iolake.warehouse import parquet
from iolake.warehouse.records import LoadInfo
from iolake.warehouse.store import Store

_TIMES = ("mtime", "first_ts", "last_ts")
_OF_LOAD = ("source", "owner")
"""Fields of an input that its load has too."""


@dataclass(frozen=True)
class Footer:
    """The loads whose rows a file holds, with inputs, the files that it replaces, and the number of rows dropped there.

    Each staged unit of a load lists its inputs in the footer of one file only. `dropped` has (load_id, input_id, rows)
    for rows that a rewrite removed, so that a rebuild does not look for them.
    """

    loads: tuple[tuple[LoadInfo, tuple[InputRecord, ...]], ...]
    replaces: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str, int], ...] = ()

    @classmethod
    def of_load(cls, load: LoadInfo, inputs: Sequence[InputRecord]) -> Footer:
        """The footer of a file as it is staged."""
        return cls(((load, tuple(r for r in inputs if r.status == "loaded")),))

    @classmethod
    def of(cls, store: Store, path: str) -> Footer:
        """The footer of a data file. It has no loads where iolake did not write the file."""
        encoded = parquet.inspect(store, path)[0]
        return cls(()) if encoded is None else cls.decode(encoded)

    @classmethod
    def merged(cls, footers: Sequence[Footer], files: Sequence[str]) -> Footer:
        """The footer of a file that replaces others, and all files that they replaced: some may still exist."""
        by_load: dict[LoadInfo, dict[str, InputRecord]] = {}
        for info, inputs in (load for footer in footers for load in footer.loads):
            by_load.setdefault(info, {}).update({r.input_id: r for r in inputs})
        replaced = {path for footer in footers for path in footer.replaces}
        loads = tuple((info, tuple(inputs.values())) for info, inputs in by_load.items())
        merged = cls(loads, tuple(sorted({*files, *replaced})))
        dropped: Counter[tuple[str, str]] = Counter()
        for load_id, input_id, rows in (row for footer in footers for row in footer.dropped):
            dropped[load_id, input_id] += rows
        return merged.without(dropped)

    def without(self, rows: Counter[tuple[str, str]]) -> Footer:
        """The same footer for a file without `rows` more rows of each (load_id, input_id)."""
        dropped = Counter({(load_id, input_id): count for load_id, input_id, count in self.dropped}) + rows
        return replace(self, dropped=tuple((*source, count) for source, count in sorted(dropped.items())))

    def encode(self) -> bytes:
        """Return the footer as compressed JSON in base64: polars reads only text in a Parquet footer."""
        footer = {
            "loads": [[asdict(info), [_encoded(r) for r in inputs]] for info, inputs in self.loads],
            "replaces": self.replaces,
            "dropped": self.dropped,
        }
        return base64.b64encode(zlib.compress(json.dumps(footer, default=lambda v: v.isoformat()).encode()))

    @classmethod
    def decode(cls, encoded: bytes) -> Footer:
        """Return the footer that `encode` wrote."""
        footer = json.loads(zlib.decompress(base64.b64decode(encoded)))
        loads = tuple(_decoded(info, inputs) for info, inputs in footer["loads"])
        return cls(loads, tuple(footer["replaces"]), tuple((load, i, n) for load, i, n in footer.get("dropped", ())))


def _encoded(record: InputRecord) -> dict[str, object]:
    """An input's fields, without those that its load has."""
    return {name: value for name, value in values(record).items() if name not in _OF_LOAD}


def _decoded(info: dict[str, Any], inputs: list[dict[str, Any]]) -> tuple[LoadInfo, tuple[InputRecord, ...]]:
    """A load and its inputs, from the JSON of a footer."""
    times = {"day": _day(info["day"]), "started_at": datetime.fromisoformat(info["started_at"])}
    of_load = {name: info[name] for name in _OF_LOAD}
    records = (
        InputRecord(
            **of_load,
            **record
            | {"day": _day(record["day"]), "superseded": frozenset(record["superseded"])}
            | {name: datetime.fromisoformat(record[name]) for name in _TIMES if record.get(name)},
        )
        for record in inputs
    )
    return LoadInfo(**info | times), tuple(records)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
