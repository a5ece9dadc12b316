"""The coverage page: what the lake has of each source, by day, and what is missing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from iolake.reports import text
from iolake.schemas.inputs import STATUSES
from iolake.warehouse import Lake, LakeError

_LEGEND = "█ loaded   ▒ some rejected   ✗ all rejected   ░ left to a better source   · no input, or not asked for yet"
_HEADER = ("day", "found", *STATUSES, "rows", "")


class NoSource(LakeError):
    """The lake never saw an input of that source."""

    def __init__(self, source: str, known: Sequence[str]) -> None:
        self.source, self.known = source, known
        near = difflib.get_close_matches(source, known)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'nothing yet'}"
        super().__init__(f"no input of source {source} was ever found; {hint}")


@dataclass(frozen=True)
class _Day:
    source: str
    owner: str
    day: date | None
    gap: bool
    found: int
    loaded: int
    unchanged: int
    rejected: int
    superseded: int
    parts_rejected: int
    rows: int
    committed_at: datetime | None


def status_page(lake: Lake, sources: Sequence[str] = (), to_ask: Iterable[tuple[str, str, date]] = ()) -> str:
    """The coverage of `sources`, day by day; without any, of all of them, with only the days that want a look.

    `to_ask` names (source, owner, day) that the site could be asked for; those that never were are gaps as well.
    NoSource where the lake never saw a source, nor could ask it.
    """
    days = [_Day(*row) for row in lake.sql(f"SELECT {', '.join(_Day.__dataclass_fields__)} FROM coverage").fetchall()]
    seen = {(d.source, d.owner, d.day) for d in days}
    days += [_Day(*asked, True, 0, 0, 0, 0, 0, 0, 0, None) for asked in set(to_ask) - seen]
    days.sort(key=lambda d: (d.source, d.owner, d.day or date.max))
    known = sorted({d.source for d in days})
    for source in sources:
        if source not in known:
            raise NoSource(source, known)
    if not any(d.found for d in days):
        return "nothing was found yet; `iolake ingest` loads what the site has"
    wanted = [d for d in days if not sources or d.source in sources]
    blocks = [
        "\n".join(_block(source, owner, list(group), whole=bool(sources)))
        for (source, owner), group in groupby(wanted, lambda d: (d.source, d.owner))
    ]
    return "\n\n".join([*blocks, _LEGEND, *([] if sources else _marts(lake))])


def _marts(lake: Lake) -> Iterator[str]:
    """Which partitions of marts are stale, one line a mart; nothing where all are fresh."""
    stale = lake.sql(
        "SELECT table_name, count(*), min(date), max(date) FROM derived WHERE NOT fresh GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    if stale:
        lines = [f"  {mart}  {days:,} from {first} to {last}" for mart, days, first, last in stale]
        yield "\n".join(["stale days of marts, computed by each query; `iolake derive` stores them", *lines])


def _block(source: str, owner: str, days: Sequence[_Day], whole: bool) -> Iterator[str]:
    """One source of one owner: what there is in all, a strip of its days, and those that want a look, or all."""
    counts = ", ".join(f"{total:,} {name}" for name in STATUSES if (total := sum(getattr(d, name) for d in days)))
    last = max((d.committed_at for d in days if d.committed_at), default=None)
    yield f"{source}  {owner}"
    found, rows = sum(d.found for d in days), sum(d.rows for d in days)
    if found:
        yield f"  {found:,} found: {counts}; {rows:,} rows; last load {text.moment(last)} UTC"
    for month, group in groupby((d for d in days if d.day), lambda d: d.day.replace(day=1) if d.day else None):
        marks = {d.day: _mark(d) for d in group}
        if month is not None:
            yield f"  {month:%Y-%m}  {_strip(marks, month)}"
    listed = [d for d in days if whole or d.gap or d.rejected or d.parts_rejected]
    if listed:
        yield from (f"  {line}" for line in text.columns([_HEADER, *_lines(listed)], range(1, 7)))


def _strip(marks: dict[date | None, str], month: date) -> str:
    """A character for each day of a month, a blank where the source had not begun or has ended."""
    return "".join(marks.get(month + timedelta(days=k), " ") for k in range(31)).rstrip()


def _mark(day: _Day) -> str:
    if day.gap:
        return text.MISSING
    if day.rejected == day.found:
        return "✗"
    if day.superseded == day.found:
        return "░"
    return "▒" if day.rejected or day.parts_rejected else "█"


def _lines(days: Iterable[_Day]) -> Iterator[tuple[str, ...]]:
    """A row a day; gaps that follow each other are one."""
    gaps: list[date] = []
    for d in days:
        if gaps and not (d.gap and d.day == gaps[-1] + timedelta(days=1)):
            yield _gap_line(gaps)
            gaps = []
        if d.gap and d.day:
            gaps.append(d.day)
            continue
        parts = f"{d.parts_rejected:,} parts left out" if d.parts_rejected else ""
        counts = (d.found, d.loaded, d.unchanged, d.rejected, d.superseded, d.rows)
        yield (str(d.day or "undated"), *(f"{n:,}" for n in counts), parts)
    if gaps:
        yield _gap_line(gaps)


def _gap_line(days: Sequence[date]) -> tuple[str, ...]:
    if len(days) == 1:
        return (str(days[0]), *[""] * 6, "no input")
    return (f"{days[0]} to {days[-1]}", *[""] * 6, f"no input on {len(days)} days")
