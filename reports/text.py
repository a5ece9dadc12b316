"""Pictures and tables in plain text: sparklines, bars, columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeGuard

from iolake.reports.units import bytes_text

_HEIGHTS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
MISSING = "·"
"""The mark for no value, which differs from a low one."""
UNKNOWN = "unknown"


def sparkline(values: Iterable[float | None], top: float | None = None) -> str:
    """One character a value, from nothing at the lowest block to `top` (their largest, if None) at the highest."""
    values = [value if _is_known(value) else None for value in values]
    top = max((v for v in values if v is not None), default=0.0) if top is None else top
    return "".join(MISSING if v is None else _HEIGHTS[_step(v, top, len(_HEIGHTS))] for v in values)


def bar(share: float, width: int = 20) -> str:
    """A bar of `width` characters, filled to `share` of 1 and cut off there."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8) if _is_known(share) else 0
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def columns(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows as lines of columns that are as wide as they need; those in `right` are flush right."""
    right = set(right)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ((_fitted(*cell, k in right) for k, cell in enumerate(zip(row, widths, strict=True))) for row in rows)
    return ["  ".join(line).rstrip() for line in cells]


def _is_known(value: float | None) -> TypeGuard[float]:
    """Whether there is a value: damaged counters can be infinite, or no number."""
    return value is not None and math.isfinite(value)


def size(value: float | None) -> str:
    """Bytes in binary units."""
    return bytes_text(value) if _is_known(value) else UNKNOWN


def rate(bytes_per_s: float | None) -> str:
    """Bytes a second in binary units."""
    return f"{bytes_text(bytes_per_s)}/s" if _is_known(bytes_per_s) else UNKNOWN


def number(value: float | None) -> str:
    """A count with separated thousands."""
    return f"{value:,.0f}" if _is_known(value) else UNKNOWN


def count(number: int, thing: str) -> str:
    """A count with its noun, such as "1 day" or "1,200 runs"."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def percent(value: float | None, digits: int = 2) -> str:
    """A percentage."""
    return f"{value:.{digits}f} %" if _is_known(value) else UNKNOWN


def seen(percent_seen: float | None) -> str:
    """A percentage that was seen, rounded down, so that what is just too little does not read as enough (P12)."""
    return f"{math.floor(percent_seen * 10) / 10:g} %" if _is_known(percent_seen) else UNKNOWN


def seconds(value: float | None) -> str:
    """A length of time in seconds, and in hours and minutes where it is longer than two."""
    if not _is_known(value):
        return UNKNOWN
    text = f"{value:,.0f} s" if value >= 100 or value == round(value) else f"{value:.3g} s"
    minutes = round(value) // 60
    if minutes < 2:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{text} ({hours} h {minutes:02d} min)" if hours else f"{text} ({minutes} min {round(value) % 60:02d} s)"


def moment(value: datetime | None) -> str:
    """A time, UTC, to the second."""
    return UNKNOWN if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def names(values: Iterable[str], room: int = 60) -> str:
    """Names that end in numbers, folded: nid[0001-0004,0007]; cut where they are longer than `room`."""
    split = [(stem := value.rstrip("0123456789"), value[len(stem) :]) for value in set(values)]
    padded = {stem for stem, digits in split if len(digits) > 1 and digits.startswith("0")}
    numbers: dict[tuple[str, int], list[int]] = {}
    for stem, digits in sorted(split):
        width = len(digits) if stem in padded else min(len(digits), 1)
        numbers.setdefault((stem, width), []).append(int(digits or 0))
    folded = ", ".join(stem + _ranges(found, width) for (stem, width), found in numbers.items())
    return folded if len(folded) <= room else folded[: room - 1] + "…"


def _ranges(found: Sequence[int], width: int) -> str:
    """Numbers as [0001-0004,0007]; one alone without brackets, none at all as nothing."""
    if not width:
        return ""
    runs: list[list[int]] = []
    for number in sorted(found):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]:0{width}d}" + (f"-{run[-1]:0{width}d}" if len(run) > 1 else "") for run in runs]
    return parts[0] if len(found) == 1 else f"[{','.join(parts)}]"


def when(ts: datetime, start: datetime) -> str:
    """A snapshot's time, and how far from a job's start."""
    away = (start - ts).total_seconds()
    return f"{moment(ts)} ({seconds(abs(away))} {'before' if away >= 0 else 'after'} the start)"


def filled(name: str | None, pct: float | None) -> str:
    """A target or disk, and how full it is, with a bar."""
    return UNKNOWN if name is None or pct is None else f"{name} {percent(pct)} {bar(pct / 100)}".rstrip()


def _fitted(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _step(value: float, top: float, steps: int) -> int:
    """The block, from 0 to `steps` - 1, for a value between 0 and `top`; only the value 0 has block 0."""
    if value <= 0 or top <= 0:
        return 0
    return min(1 + int(value / top * (steps - 1)), steps - 1)
