"""Modules with records of variable length: Lustre layouts, heatmaps, MDHIM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from iolake.extractors.darshan.columns import (
    NOT_RECORDED,
    RANK,
    RECORD_ID,
    arrow,
    columns,
    lists,
    texts,
    unless_negative,
)
from iolake.extractors.darshan.decoded import Block, Decoded, Decoder, Group, Ints, Layout
from iolake.extractors.darshan.records import Shape, expand, find_records, take, up_to
from iolake.schemas import darshan
from iolake.schemas.darshan import counters

_COMPONENT: Final = 9
"""Words of a Lustre component: seven counters and sixteen bytes of a pool's name."""


def _behind_lustre_1(some_words: Ints, most: int) -> tuple[Ints, Ints]:
    at = up_to(most, some_words, 6, 7)
    return at, some_words[at + 6]


def _behind_lustre_2(some_words: Ints, most: int) -> tuple[Ints, Ints]:
    at = up_to(most, some_words, 2, 4)
    stripes = some_words[at + 3]
    sound = (stripes >= 0) & (stripes <= most)
    return at[sound], (_COMPONENT * some_words[at + 2] + stripes)[sound]


def _behind_heatmap(some_words: Ints, most: int) -> tuple[Ints, Ints]:
    at = up_to(most, some_words, 3, 6)
    return at, 2 * some_words[at + 3]


def _behind_mdhim(some_words: Ints, most: int) -> tuple[Ints, Ints]:
    at = up_to(most, some_words, _SERVERS_AT, len(_MDHIM_WORDS))
    return at, some_words[at + _SERVERS_AT]


_MDHIM_WORDS: Final = (RECORD_ID, RANK, *counters.MDHIM)
_SERVERS_AT: Final = [counter.name for counter in _MDHIM_WORDS].index("MDHIM_SERVERS")
_LUSTRE_1: Final = Shape(7, _behind_lustre_1)
_LUSTRE_2: Final = Shape(4, _behind_lustre_2)
_HEATMAP: Final = Shape(6, _behind_heatmap)
_MDHIM: Final = Shape(len(_MDHIM_WORDS), _behind_mdhim)


@dataclass(frozen=True)
class VariableModule:
    """A module whose records have several lengths: the shape of each version's records, and the decoder."""

    shapes: tuple[Shape, ...]
    decoder: Decoder
    kind: Literal["variable"] = "variable"

    @property
    def newest(self) -> int:
        """The newest version; the oldest is 1."""
        return len(self.shapes)

    def record_bytes(self, version: int) -> tuple[int, int]:
        """(0, 8): records have no header before them, and consist of 8-byte words."""
        return 0, 8

    def shape(self, layout: Layout) -> Shape:
        """The lengths of the records of that layout."""
        return self.shapes[layout.version - 1]

    def decode(self, group: Group, before: int = 0, done: int = 0) -> Decoded:
        """Decode the group's records."""
        return self.decoder(group)


def decode_lustre(group: Group) -> Decoded:
    """A row a component. Version 1 has one component a record, and says more of the file system."""
    return _lustre_1(group) if group.layout.version == 1 else _lustre_2(group)


def _lustre_1(group: Group) -> Decoded:
    records = find_records(group, _LUSTRE_1).in_order()
    osts, size, count = (records.column(place) for place in (2, 5, 6))
    _, place = expand(count)
    targets = records.words[np.repeat(records.starts + 7, count) + place]
    held = records.base() | {
        "component": pa.array(np.zeros(len(count), dtype=np.int64)),
        "file_system_osts": unless_negative(osts),
        "file_system_mdts": unless_negative(records.column(3)),
        "stripe_offset": pa.array(records.column(4)),
        "stripe_size": unless_negative(size),
        "stripe_count": pa.array(count),
        "osts": lists(unless_negative(targets), count),
    }
    return Decoded([Block(darshan.DARSHAN_LUSTRE, records.logs, held)], records.damaged)


def _lustre_2(group: Group) -> Decoded:
    """Words: id, rank, components, stripes; then the components; then the targets of them all.

    At run time room is made for a number of components, and one of stripe size -1 ends those in use.
    """
    records = find_records(group, _LUSTRE_2).in_order()
    room, stripes = records.column(2), records.column(3)
    record, place = expand(room)
    at = records.starts[record] + 4 + _COMPONENT * place
    size, count = records.words[at], np.maximum(records.words[at + 1], 0)
    in_use = _before_first(record, place, size == NOT_RECORDED, len(room))
    record, place, at, count = record[in_use], place[in_use], at[in_use], count[in_use]
    used = np.bincount(record, weights=count, minlength=len(room)).astype(np.int64)
    damaged = dict.fromkeys(records.logs[used > stripes].tolist(), "a layout names more targets than it holds")
    damaged |= records.damaged
    if damaged:
        return Decoded([], damaged)
    _, stripe = expand(used)
    targets = records.words[np.repeat(records.starts + 4 + _COMPONENT * room, used) + stripe]
    empty = np.flatnonzero(np.bincount(record, minlength=len(room)) == 0)
    order = np.argsort(np.concatenate([record, empty]), kind="stable")
    pools = records.words[at[:, None] + np.arange(7, _COMPONENT)]
    names = (
        "stripe_size",
        "stripe_count",
        "stripe_pattern",
        "component_flags",
        "extent_start",
        "extent_end",
        "mirror_id",
    )
    layout = {
        # An extent's end of -1 is the end of the file. All else below zero was not recorded.
        name: arrow(records.words[at + i], "i8") if name == "extent_end" else unless_negative(records.words[at + i])
        for i, name in enumerate(names)
    }
    layout |= {
        "osts": lists(unless_negative(targets), count),
        "pool": texts(_bytes(pools, group)),
    }
    padded = {name: pa.concat_arrays([column, pa.nulls(len(empty), column.type)]) for name, column in layout.items()}
    padded["component"] = pa.array(np.append(place, np.zeros(len(empty), dtype=np.int64)))
    of_row = np.concatenate([record, empty])[order]
    held = take(records.base(), of_row) | take(padded, order)
    return Decoded([Block(darshan.DARSHAN_LUSTRE, records.logs[of_row], held)])


def _before_first(record: Ints, place: Ints, mark: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.bool_]:
    """Which things come before their record's first marked one."""
    first = np.full(n, len(mark) + 1)
    np.minimum.at(first, record[mark], place[mark])
    return place < first[record]


def _bytes(values: Ints, group: Group) -> npt.NDArray[np.uint8]:
    order = "<i8" if group.layout.byte_order == "little" else ">i8"
    return np.ascontiguousarray(values).astype(order).view(np.uint8)


def decode_heatmap(group: Group) -> Decoded:
    """A row a bin. Words: id, rank, bin width, bins, two pointers of the dead process; bins written, then read."""
    records = find_records(group, _HEATMAP).in_order()
    width, bins = records.column(2).view(np.float64), records.column(3)
    record, place = expand(bins)
    at = records.starts[record] + 6 + place
    with np.errstate(over="ignore", invalid="ignore"):  # the width of a damaged log may be any number
        start = place * width[record]
    held = take(records.base(), record) | {
        "bin": pa.array(place),
        "start_s": unless_negative(start.view(np.int64), "f8"),
        "interval_s": unless_negative(width[record].view(np.int64), "f8"),
        "write_bytes": unless_negative(records.words[at]),
        "read_bytes": unless_negative(records.words[at + bins[record]]),
    }
    return Decoded([Block(darshan.DARSHAN_HEATMAP, records.logs[record], held)], records.damaged)


def decode_mdhim(group: Group) -> Decoded:
    """Words: id, rank, counters, then the operations of as many servers as the counter MDHIM_SERVERS says."""
    records = find_records(group, _MDHIM).in_order()
    servers = records.column(_SERVERS_AT)
    _, place = expand(servers)
    counters_of_records = columns(records.words[records.starts + np.arange(len(_MDHIM_WORDS))[:, None]], _MDHIM_WORDS)
    held = records.base() | counters_of_records
    operations = records.words[np.repeat(records.starts + len(_MDHIM_WORDS), servers) + place]
    held["server_operations"] = lists(unless_negative(operations), servers)
    return Decoded([Block(darshan.DARSHAN_MDHIM, records.logs, held)], records.damaged)


MODULES: Final = {
    "LUSTRE": VariableModule((_LUSTRE_1, _LUSTRE_2), decode_lustre),
    "HEATMAP": VariableModule((_HEATMAP,), decode_heatmap),
    "MDHIM": VariableModule((_MDHIM,), decode_mdhim),
}
"""Modules whose records have several lengths, by name."""
