"""What Intel's SSD Data Center Tool prints: `<node>/<any>.txt`, a drive a file, "Key : value" a line.

The first line names the drive: "- Intel SSD DC P3608 Series CVF…-1 -". Below "- SMART Attributes CVF…-1 -" stand
blocks that each start with "- <hexadecimal id> -".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from iolake.extractors.jsontext import parsed
from iolake.extractors.ssd.drive import snake

_DRIVE: Final = re.compile(
    r"-\s+(?P<kind>Intel\b.*?|SMART Attributes|SMART and Health Information)\s+(?P<serial>[A-Z0-9]{8,}(?:-\d+)?)\s+-\s*"
)
_BLOCK: Final = re.compile(r"-\s+([0-9A-Fa-f]{1,4})\s+-\s*")
_ADDED: Final = frozenset({
    "timestamp", "node_name", "write_amplification_factor", "data_units_read_bytes", "data_units_written_bytes",
    "smart_host_bytes_written_bytes", "smart_nand_bytes_written_bytes", "temperature_unit",
    "endurance_analyzer_unit",
})  # fmt: skip
"""The keys that pytokio's copy adds to the tool's own."""


def read_isdct(lines: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Return (serial number, attributes by snake_case name) of one file; None where it is not isdct's."""
    serial, prefix, blocked = None, "", False
    found: dict[str, str] = {}
    block: dict[str, str] = {}
    for line in lines:
        if serial is None:
            if drive := _DRIVE.fullmatch(line.strip()):
                serial, blocked = drive["serial"], drive["kind"] == "SMART Attributes"
            elif line.strip():
                return None
        elif blocked and (start := _BLOCK.fullmatch(line.strip())):
            found |= _named(prefix, block)
            prefix, block = start[1], {}
        elif " : " in line or line.rstrip().endswith(" :"):
            key, _, value = line.partition(" :")
            (block if blocked else found)[snake(key)] = value.strip()
    if serial is None:
        return None
    return serial, found | _named(prefix, block)


def _named(identifier: str, block: dict[str, str]) -> dict[str, str]:
    """Return a SMART block's fields, named by its description, or by its id where it has none."""
    name = snake(block.get("description") or identifier)
    return {f"smart_{name}_{field}": value for field, value in block.items()}


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
