"""The table of modules: which versions can be read, and which function decodes each."""

from __future__ import annotations

from typing import Final

from iolake.extractors.darshan import dxt, fixed, legacy, legacy_records, variable
from iolake.extractors.darshan.decoded import Decoded, Decoder, Group, Layout
from iolake.extractors.darshan.records import Shape

_VARIABLE: Final[dict[str, tuple[int, Decoder]]] = {
    "LUSTRE": (2, variable.decode_lustre),
    "HEATMAP": (1, variable.decode_heatmap),
    "MDHIM": (1, variable.decode_mdhim),
}
"""Newest supported version, and its decoder."""


def reads(layout: Layout) -> bool:
    """Return whether records of this layout can be decoded."""
    if layout.module in _VARIABLE:
        return 1 <= layout.version <= _VARIABLE[layout.module][0]
    return fixed.reads(layout) or dxt.reads(layout)


def shape(layout: Layout) -> Shape:
    """Return how to find each record's length, for a layout with records of variable length."""
    return dxt.shape(layout) if dxt.reads(layout) else variable.shape(layout)


def record_bytes(layout: Layout) -> tuple[int, int]:
    """Return (bytes before the first record, bytes of a record). Records of variable length count as 8-byte words."""
    if not fixed.reads(layout):
        return 0, 8
    before, record = fixed.record_words(layout)
    return 8 * before, 8 * record


def decode(group: Group) -> Decoded:
    """Decode the group's rows. `reads(group.layout)` must be true."""
    if group.layout.module in _VARIABLE:
        return _VARIABLE[group.layout.module][1](group)
    if group.layout.module == legacy.MODULE:
        return legacy_records.decode(group)
    return fixed.decode(group) if fixed.reads(group.layout) else dxt.decode(group)
