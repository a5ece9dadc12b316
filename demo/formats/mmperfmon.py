"""What `mmperfmon query` prints: a legend, then rows of values. A wide report repeats its header, and its rows, below.

A row is labelled by the end of its interval. What was not measured is null. Sizes of gauges have a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_UNITS = ("B", "kB", "MB", "GB")


@dataclass(frozen=True)
class Column:
    """An entry of the legend, "host|sensor|device|counter", and its values as text, one a row."""

    entry: str
    values: Sequence[str]

    @property
    def counter(self) -> str:
        """The counter's name, which heads the column."""
        return self.entry.rpartition("|")[2]


def report(ends: Sequence[int], zone: ZoneInfo, columns: Sequence[Column], most_columns: int) -> str:
    """A report of rows that end at these epoch seconds, with at most so many columns side by side."""
    legend = [f" {number}:\t{column.entry}" for number, column in enumerate(columns, 1)]
    lines = ["", "Legend:", *legend, " "]
    stamps = [f"{datetime.fromtimestamp(end, zone):%Y-%m-%d-%H:%M:%S}" for end in ends]
    for first in range(0, len(columns), most_columns):
        part = columns[first : first + most_columns]
        widths = [max(len(c.counter), *(len(v) for v in c.values)) for c in part]
        lines.append(
            "Row           Timestamp " + " ".join(f"{c.counter:>{w}}" for c, w in zip(part, widths, strict=True)) + " "
        )
        rows = zip(*(c.values for c in part), strict=True)
        for number, (stamp, row) in enumerate(zip(stamps, rows, strict=True), 1):
            lines.append(
                f"{number:>3} {stamp} " + " ".join(f"{v:>{w}}" for v, w in zip(row, widths, strict=True)) + " "
            )
        lines.append("")
    return "\n".join(lines)


def shown_size(amount: int) -> tuple[str, int]:
    """(text, the bytes that it says) of an amount of bytes, with one digit behind the point: 1.7 kB."""
    power = max(0, min(len(_UNITS) - 1, (amount.bit_length() - 1) // 10))
    tenths = round(amount * 10 / 1024**power)
    return f"{tenths // 10}.{tenths % 10} {_UNITS[power]}", round(tenths * 1024**power / 10)
