"""mmpmon's `fs_io_s`: what a node's programs have read and written of each file system since it was mounted.

Both of its forms are read, that for programs (`mmpmon -p`) and that for people:

    _fs_io_s_ _n_ 10.0.0.7 _nn_ node7 _rc_ 0 _t_ 1579358234 _tu_ 53212 _cl_ c.example _fs_ scratch _d_ 48 _br_ 20 ...

    mmpmon node 10.0.0.7 name node7 fs_io_s OK
    cluster:        c.example
    filesystem:     scratch
    timestamp:      1579358234/053212
    bytes read:     20
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from iolake.extractors.members import members
from iolake.extractors.params.recordings import Recording
from iolake.extractors.scale.counters import COUNTERS, LARGEST, Found, NodeCounters
from iolake.schemas.scale import SCALE_CLIENT
from iolake.schemas.site import Site

_SHORT: Final = dict(zip(("br", "bw", "oc", "cc", "rdc", "wc", "dir", "iu"), COUNTERS, strict=True))
_LONG: Final = {
    "bytes read": "br", "bytes written": "bw", "opens": "oc", "closes": "cc", "reads": "rdc", "writes": "wc",
    "readdir": "dir", "inode updates": "iu", "filesystem": "fs",
}  # fmt: skip
_PAIR: Final = re.compile(r"_(\w+?)_ (\S+)")
_FROM: Final = r"[ \t]*(?:[\w.-]+:[ \t]+)?"
"""What mmdsh writes before each line: the node's name."""
_SHORT_LINE: Final = re.compile(_FROM + r"_fs_io_s_( .*)")
_ALL_LINE: Final = re.compile(_FROM + r"_io_s_ ")
_HEAD: Final = re.compile(_FROM + r"mmpmon node (\S+) name (\S+) (\w+) (\w+)")
_FIELD: Final = re.compile(_FROM + r"([A-Za-z ]+?):\s+(\S+)\s*$")
_DEVICE: Final = re.compile(r"^(?:_fs_io_s_ .*? _fs_ |filesystem:\s+)(\S+)", re.MULTILINE)


class Mmpmon(NodeCounters):
    """Readings of mmpmon, one or many a file, of one or many nodes. A node is known by its name, `_nn_`."""

    source: ClassVar = "mmpmon"
    what: ClassVar = "mmpmon's counters"
    heads: ClassVar = (r"^_(fs_)?io_s_ |^mmpmon node \S+ name \S+ (fs_)?io_s ",)
    version: ClassVar = 2
    tables: ClassVar = (SCALE_CLIENT,)
    nothing: ClassVar = "no fs_io_s readings of mmpmon"

    @classmethod
    def systems(cls, head: str) -> list[tuple[str, str | None]]:
        """Those whose counters it has."""
        return [(name, None) for name in dict.fromkeys(_DEVICE.findall(head))]

    def take(self, recording: Recording, found: Found, site: Site, owner: str) -> None:
        """Add the file's readings; a reading that lacks a time, a name or a number is a fault."""
        for file in recording.files:
            for member in members(file.uri):
                part = f"{file.uri}: {member.name}" if member.name else file.uri
                for fields in _readings(member.lines()):
                    if (reason := _add(fields, found)) is not None:
                        found.fault(part, reason)


def _readings(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield each reading's fields by their short names, whichever form it has."""
    fields: dict[str, str] | None = None
    for line in lines:
        if short := _SHORT_LINE.match(line):
            yield dict(_PAIR.findall(short[1]))
        elif _ALL_LINE.match(line):
            yield {"all": "yes"}
        elif head := _HEAD.match(line):
            if fields is not None:
                yield fields
            fields = {"nn": head[2], "n": head[1], "rc": "0" if head[4] == "OK" else head[4]}
            if head[3] != "fs_io_s":
                fields["all"] = "yes"
        elif fields is not None and (field := _FIELD.match(line)):
            if field[1] == "timestamp":
                fields["t"], _, fields["tu"] = field[2].partition("/")
            elif field[1] in _LONG:
                fields[_LONG[field[1]]] = field[2]
    if fields is not None:
        yield fields


def _add(fields: dict[str, str], found: Found) -> str | None:
    """Add a reading; return what is wrong with it instead."""
    if "all" in fields or fields.get("rc") != "0":
        wrong = f"mmpmon answered with the code {fields.get('rc')}"
        return "io_s adds up all file systems of a node; ask mmpmon for fs_io_s" if "all" in fields else wrong
    node = fields.get("nn") or fields.get("n")
    missing = [name for name in ("fs", "t", "tu", *_SHORT) if name not in fields]
    if node is None or missing:
        return f"a reading has no {', '.join(missing) or 'node'}"
    try:
        counters = {column: int(fields[name]) for name, column in _SHORT.items()}
        us = int(fields["t"]) * 1_000_000 + int(fields["tu"])
    except ValueError:
        return "a reading has a field without a number"
    if not all(0 <= value <= LARGEST for value in counters.values()) or not 0 < us < 1 << 53:
        return "a reading has a counter or a time out of all bounds"
    found.add(fields["fs"], node, us, counters)
    return None
