"""What Intel's SSD Data Center Tool prints: `<node>/<any>.txt`, a drive a file, "Key : value" a line.

The first line names the drive: "- Intel SSD DC P3608 Series CVF…-1 -". Below "- SMART Attributes CVF…-1 -" stand
blocks that each start with "- <hexadecimal id> -".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from iolake.extractors.jsontext import parsed
from iolake.extractors.ssd.drive import snake

_DRIVE: Final = re.compile(
    r"-\s+(?P<kind>Intel\b.*?|SMART Attributes|SMART and Health Information)\s+(?P<serial>[A-Z0-9]{8,}(?:-\d+)?)\s+-\s*"
)
_BLOCK: Final = re.compile(r"-\s+([0-9A-Fa-f]{1,4})\s+-\s*")
_USUAL_LINES, _USUAL_LINE = 200, 200
"""The tool prints no more lines, and no longer ones; others are not remembered."""
_ADDED: Final = frozenset({
    "timestamp", "node_name", "write_amplification_factor", "data_units_read_bytes", "data_units_written_bytes",
    "smart_host_bytes_written_bytes", "smart_nand_bytes_written_bytes", "temperature_unit",
    "endurance_analyzer_unit",
})  # fmt: skip
"""The keys that pytokio's copy adds to the tool's own."""


def read_isdct(lines: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Return (serial number, attributes by snake_case name) of one file; None where it is not isdct's."""
    written = [line for line in lines if line and not line.isspace()]
    drive = _DRIVE.fullmatch(written[0].strip()) if written else None
    if drive is None:
        return None
    is_usual = len(written) <= _USUAL_LINES and max(map(len, written)) <= _USUAL_LINE
    pair, block = (_known_pair, _known_block) if is_usual else (_pair, _block)
    if drive["kind"] != "SMART Attributes":
        return drive["serial"], dict(filter(None, map(pair, written[1:])))
    starts = [place for place, line in enumerate(written) if "-" in line and _BLOCK.fullmatch(line.strip())]
    found: dict[str, str] = {}
    for start, end in pairwise([0, *starts, len(written)]):
        found |= block(tuple(written[start:end]))
    return drive["serial"], found


def _pair(line: str) -> tuple[str, str] | None:
    """Return the name and value of a line; None where it has none."""
    if " : " not in line and not line.rstrip().endswith(" :"):
        return None
    key, _, value = line.partition(" :")
    return snake(key), value.strip()


def _block(lines: tuple[str, ...]) -> dict[str, str]:
    """Return a SMART block's fields, named by its description, or by its id where it has none."""
    fields = dict(filter(None, map(_pair, lines[1:])))
    start = _BLOCK.fullmatch(lines[0].strip())
    name = snake(fields.get("description") or (start[1] if start else ""))
    return {f"smart_{name}_{field}": value for field, value in fields.items()}


_known_pair = lru_cache(maxsize=1 << 14)(_pair)
_known_block = lru_cache(maxsize=1 << 10)(_block)
"""Drives print most of their lines alike."""


def cached_isdct(text: str) -> Iterator[tuple[str, str | None, int, dict[str, str]]]:
    """Yield (serial number, node, seconds since 1970, attributes) of each drive in pytokio's JSON copy.

    ValueError, TypeError or AttributeError where the JSON is something else. pytokio took texts of hexadecimal digits
    for numbers: the bootloader is turned back into its eight digits.
    """
    for serial, drive in parsed(text).items():
        attributes = {snake(key): _printed(value) for key, value in drive.items() if key not in _ADDED}
        if isinstance(drive.get("bootloader"), int):
            attributes["bootloader"] = f"{drive['bootloader']:08X}"
        node = drive.get("node_name")
        yield serial, node if isinstance(node, str) else None, int(drive["timestamp"]), attributes


def _printed(value: Any) -> str:
    return "" if value is None else str(value)
