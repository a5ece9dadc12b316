"""Numbers for people: with units, three digits that mean something."""

from __future__ import annotations

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def binary_unit(largest: float) -> tuple[str, int]:
    """The unit in which a number of bytes has one to four digits before the point, and its size in bytes."""
    place = 0
    while abs(largest) >= 1024 ** (place + 1) and place < len(_BINARY) - 1:
        place += 1
    return _BINARY[place], 1024**place


def bytes_text(size: float) -> str:
    """A number of bytes in binary units: 2199023259968 is "2.00 TiB"."""
    unit, one = binary_unit(size)
    return f"{size:.0f} B" if unit == "B" else f"{size / one:.2f} {unit}"
