"""A drive's attributes by name, and the columns of `ssd_health` that they fill."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

_LARGEST: Final = 2**63 - 1
UNIT_BYTES: Final = 512_000
"""An NVMe data unit: a thousand blocks of 512 bytes (NVMe base specification, SMART / Health Information)."""
MIB32: Final = 32 << 20
"""Intel's drives count bytes written in units of 32 MiB."""
_ABBREVIATIONS: Final = {"NVMe": "Nvme", "SMBus": "Smbus", "-": ""}
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


_USUAL_NAME: Final = 200
"""The tools print no longer names; others are not remembered."""


def snake(name: str) -> str:
    """Return a tool's name in snake_case: PCILinkGenSpeed is pci_link_gen_speed."""
    return known_snake(name) if len(name) <= _USUAL_NAME else _snake(name)


def _snake(name: str) -> str:
    for long, short in _ABBREVIATIONS.items():
        name = name.replace(long, short)
    return re.sub("_+", "_", _WORD.sub("_", name)).strip("_").lower()


known_snake = lru_cache(maxsize=4096)(_snake)


def whole(text: str) -> int | None:
    """Return a whole number, hexadecimal only after 0x; None for anything else, below zero or too large."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    match = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)(?:\.0*)?", text.replace(",", "").strip())
    value = int(match[1], 16 if match[1][:2] in {"0x", "0X"} else 10) if match and len(match[1]) < 40 else -1
    return value if 0 <= value <= _LARGEST else None


def number(text: str) -> float | None:
    """Return the number that a text starts with: '28 Celsius' is 28; None where it starts with none."""
    if (exact := whole(text)) is not None:
        return float(exact)
    match = re.match(r"\s*(-?\d{1,15}(?:\.\d{1,15})?)(?:\s|%|$)", text)
    return float(match[1]) if match else None


def _times(factor: int) -> Callable[[str], int | None]:
    def scaled(text: str) -> int | None:
        value = whole(text)
        return value * factor if value is not None and value * factor <= _LARGEST else None

    return scaled


def _text(text: str) -> str | None:
    return text.strip() or None


_COLUMNS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "serial_number": ("serial_number", _text),
    "model_number": ("model", _text),
    "firmware": ("firmware", _text),
    "device_path": ("device", _text),
    "product_protocol": ("protocol", _text),
    "device_status": ("status", _text),
    "physical_size": ("capacity_bytes", whole),
    "temperature": ("temperature_c", number),
    "temperature_celsius": ("temperature_c", number),
    "percentage_used": ("endurance_used_pct", number),
    "endurance_analyzer": ("endurance_years", number),
    "available_spare": ("spare_pct", number),
    "available_spare_normalized_percentage_of_the_remaining_spare_capacity_available": ("spare_pct", number),
    "available_spare_threshold_percentage": ("spare_threshold_pct", number),
    "data_units_read": ("read_bytes", _times(UNIT_BYTES)),
    "data_units_written": ("write_bytes", _times(UNIT_BYTES)),
    "smart_host_bytes_written_raw": ("host_write_bytes", _times(MIB32)),
    "smart_nand_bytes_written_raw": ("nand_write_bytes", _times(MIB32)),
    "host_read_commands": ("read_commands", whole),
    "host_write_commands": ("write_commands", whole),
    "controller_busy_time": ("controller_busy_s", _times(60)),
    "power_on_hours": ("power_on_hours", whole),
    "power_cycles": ("power_cycles", whole),
    "unsafe_shutdowns": ("unsafe_shutdowns", whole),
    "thermal_throttle_count": ("thermal_throttles", whole),
    "critical_warnings": ("critical_warning", whole),
    "media_errors": ("media_errors", whole),
    "error_info_log_entries": ("error_log_entries", whole),
    "number_of_error_info_log_entries": ("error_log_entries", whole),
    "crc_error_count": ("crc_errors", whole),
    "smart_crc_error_count_raw": ("crc_errors", whole),
    "program_fail_count": ("program_fails", whole),
    "smart_program_fail_count_raw": ("program_fails", whole),
    "erase_fail_count": ("erase_fails", whole),
    "smart_erase_fail_count_raw": ("erase_fails", whole),
    "end_to_end_error_detection_count": ("end_to_end_errors", whole),
    "smart_endto_end_error_detection_count_raw": ("end_to_end_errors", whole),
    "smart_pli_lock_loss_count_raw": ("pli_lock_losses", whole),
    "average_nand_erase_cycles": ("erase_cycles_avg", number),
    "max_nand_erase_cycles": ("erase_cycles_max", number),
}
"""isdct's names to the columns that they fill. Of two names for one column the larger value counts."""


def merge(known: dict[str, str], further: Mapping[str, str]) -> None:
    """Merge another file of the same snapshot into a drive's row; the result is the same in any order.

    The tool reads counters anew for each file: of two counts the later one, which is larger, counts. Of two texts the
    longer one does: '1349.20 years' says more than '1349.17'.
    """
    earlier = {name: known[name] for name in known.keys() & further.keys() if known[name] != further[name]}
    known.update(further)
    for name, text in earlier.items():
        both = text, known[name]
        counts = all(whole(one) is not None for one in both)
        known[name] = max(both, key=(lambda one: (whole(one), one)) if counts else (lambda one: (len(one), one)))


def isdct_row(ts: datetime, node: str | None, serial: str, attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return the row of a drive with the `attributes` that isdct printed."""
    row: dict[str, Any] = {"ssd": serial, "ts": ts, "node": node, "serial_number": serial}
    others: dict[str, str] = {}
    for name, text in attributes.items():
        column, read = _COLUMNS.get(name, (None, _text))
        value = read(text) if column else None
        if column is None or value is None:
            others[name] = text
        elif column not in row or (not isinstance(value, str) and value > row[column]):
            row[column] = value
    row["serial_number"] = serial
    return finished(row, others)


def finished(row: dict[str, Any], others: Mapping[str, str]) -> dict[str, Any]:
    """Return the row with write amplification and the attributes that have no column."""
    host, nand = row.get("host_write_bytes"), row.get("nand_write_bytes")
    row["write_amplification"] = nand / host if host and nand is not None else None
    row["attributes"] = sorted(others.items()) or None
    return row
