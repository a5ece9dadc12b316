"""Numbers for people: with units, three digits that mean something."""

from __future__ import annotations

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def bytes_text(size: float) -> str:
    """A number of bytes in binary units: 2199023259968 is "2.00 TiB"."""
    value, unit = float(size), _BINARY[0]
    for unit in _BINARY:
        if abs(value) < 1024 or unit == _BINARY[-1]:
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:.2f} {unit}"
