"""The table of modules: every module that can be read, with its newest version, its record lengths and its decoder."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from iolake.extractors.darshan import dxt, fixed, legacy, legacy_records, variable
from iolake.extractors.darshan.decoded import Decoded, Group, Layout
from iolake.extractors.darshan.records import Shape

Kind = Literal["fixed", "variable", "traced", "legacy"]
"""Records of one length; of several lengths; traces, whose records may exceed memory; whole logs before Darshan 3."""


class Module(Protocol):
    """How to read the records of one module, in every version up to `newest`."""

    @property
    def kind(self) -> Kind:
        """How its regions are split into records."""

    @property
    def newest(self) -> int:
        """The newest version that can be read; the oldest is 1."""

    def record_bytes(self, version: int) -> tuple[int, int]:
        """(bytes before a region's first record, bytes of a record). Variable records count as 8-byte words."""

    def shape(self, layout: Layout) -> Shape | None:
        """How to find the length of each record; None where `record_bytes` gives it."""

    def decode(self, group: Group, before: int = 0, done: int = 0) -> Decoded:
        """Decode the rows of a group. For a trace, `before` and `done` are those of its `Piece`."""


MODULES: Final[dict[str, Module]] = {
    **fixed.MODULES,
    **variable.MODULES,
    **dxt.MODULES,
    legacy.MODULE: legacy_records.LegacyModule(),
}
"""Every module by the name in its layout."""


def reads(layout: Layout) -> bool:
    """Return whether records of this layout can be decoded."""
    module = MODULES.get(layout.module)
    return module is not None and 1 <= layout.version <= module.newest


def kind(layout: Layout) -> Kind:
    """Return the kind of a layout's module. `reads(layout)` must be true."""
    return MODULES[layout.module].kind


def shape(layout: Layout) -> Shape:
    """Return how to find each record's length, for a module of kind `variable` or `traced`."""
    found = MODULES[layout.module].shape(layout)
    assert found is not None, f"{layout.module} has records of one length"
    return found


def record_bytes(layout: Layout) -> tuple[int, int]:
    """Return (bytes before the first record, bytes of a record); of an unknown layout, whole words."""
    return MODULES[layout.module].record_bytes(layout.version) if reads(layout) else (0, 8)


def decode(group: Group, before: int = 0, done: int = 0) -> Decoded:
    """Decode the group's rows. `reads(group.layout)` must be true."""
    return MODULES[group.layout.module].decode(group, before, done)
