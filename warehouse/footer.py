"""What a data file's footer says of its origin: enough to make a catalog from the files alone."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from iolake.warehouse import parquet
from iolake.warehouse.records import InputRecord, LoadInfo
from iolake.warehouse.store import Store

_TIMES = ("mtime", "first_ts", "last_ts")


@dataclass(frozen=True)
class Footer:
    """The loads whose rows a file holds, the inputs that they tell of here, and the files that it stands for.

    A load's inputs are told in one footer of each of its pieces, not in every file.
    """

    loads: tuple[tuple[LoadInfo, tuple[InputRecord, ...]], ...]
    replaces: tuple[str, ...] = field(default=())

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
        return cls(
            tuple((info, tuple(inputs.values())) for info, inputs in told.items()), tuple(sorted({*files, *stood_for}))
        )

    def encode(self) -> bytes:
        """As compressed JSON, in base64: a Parquet footer's values are text, and polars reads no other."""
        told = {
            "loads": [[asdict(info), [_fields(r) for r in inputs]] for info, inputs in self.loads],
            "replaces": self.replaces,
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
        return cls(loads, tuple(values["replaces"]))


def _fields(record: InputRecord) -> dict[str, object]:
    """The record's fields as they are; `asdict` copies every value deeply, which costs more than reading a log."""
    return {name: getattr(record, name) for name in InputRecord.__slots__}


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
