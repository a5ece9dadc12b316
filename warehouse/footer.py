"""What a data file's footer says of its origin: enough to make a catalog from the files alone."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from iolake.warehouse import parquet
from iolake.warehouse.records import InputRecord, LoadInfo
from iolake.warehouse.store import Store

_TIMES = ("mtime", "first_ts", "last_ts")


@dataclass(frozen=True)
class Footer:
    """The loads whose rows a file holds, inputs of theirs, the files that it stands for, and rows that those had more.

    One footer of each piece of a load lists the piece's inputs. `dropped` has (load_id, input_id, rows) of rows that a
    rewriting left out: a rebuild does not miss them.
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
        """The footer of a data file; without loads for a file that is not iolake's."""
        told = parquet.inspect(store, path)[0]
        return cls(()) if told is None else cls.decode(told)

    @classmethod
    def merged(cls, footers: Sequence[Footer], files: Sequence[str]) -> Footer:
        """The footer of a file that stands for others, and for all that they stood for: it may still lie there."""
        told: dict[LoadInfo, dict[str, InputRecord]] = {}
        for info, inputs in (load for footer in footers for load in footer.loads):
            told.setdefault(info, {}).update({r.input_id: r for r in inputs})
        stood_for = {path for footer in footers for path in footer.replaces}
        merged = cls(
            tuple((info, tuple(inputs.values())) for info, inputs in told.items()), tuple(sorted({*files, *stood_for}))
        )
        dropped: Counter[tuple[str, str]] = Counter()
        for load_id, input_id, rows in (row for footer in footers for row in footer.dropped):
            dropped[load_id, input_id] += rows
        return merged.without(dropped)

    def without(self, rows: Counter[tuple[str, str]]) -> Footer:
        """The same, of a file that lacks so many rows more of each (load_id, input_id)."""
        dropped = Counter({(load_id, input_id): count for load_id, input_id, count in self.dropped}) + rows
        return replace(self, dropped=tuple((*source, count) for source, count in sorted(dropped.items())))

    def encode(self) -> bytes:
        """As compressed JSON, in base64: a Parquet footer's values are text, and polars reads no other."""
        told = {
            "loads": [[asdict(info), [_fields(r) for r in inputs]] for info, inputs in self.loads],
            "replaces": self.replaces,
            "dropped": self.dropped,
        }
        return base64.b64encode(zlib.compress(json.dumps(told, default=lambda v: v.isoformat()).encode()))

    @classmethod
    def decode(cls, told: bytes) -> Footer:
        """What `encode` made."""
        values = json.loads(zlib.decompress(base64.b64decode(told)))
        loads = tuple(
            (
                LoadInfo(
                    **{**info, "day": _day(info["day"]), "started_at": datetime.fromisoformat(info["started_at"])}
                ),
                tuple(
                    InputRecord(
                        **{
                            **r,
                            "day": _day(r["day"]),
                            **{n: datetime.fromisoformat(r[n]) for n in _TIMES if r.get(n)},
                            "superseded": tuple(r["superseded"]),
                        }
                    )
                    for r in inputs
                ),
            )
            for info, inputs in values["loads"]
        )
        return cls(loads, tuple(values["replaces"]), tuple((load, i, n) for load, i, n in values.get("dropped", ())))


def _fields(record: InputRecord) -> dict[str, object]:
    """The record's fields as they are; `asdict` copies every value deeply, which costs more than reading a log."""
    return {name: getattr(record, name) for name in InputRecord.__slots__}


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
