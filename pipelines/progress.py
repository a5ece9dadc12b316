"""Prints a run's progress: a bar on a terminal, plain lines elsewhere, a summary at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from iolake.pipelines.ingest import Report, Watcher
from iolake.pipelines.plan import Plan
from iolake.reports.text import count
from iolake.reports.units import bytes_text
from iolake.schemas.inputs import STATUSES
from iolake.warehouse.records import Load


class Shown(Watcher):
    """Prints a line for each load to a console, and moves the bar."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console, self._progress = console, progress
        self._task = progress.add_task("reading", total=None) if progress else None

    def planned(self, plans: Sequence[Plan]) -> None:
        """Set the bar's length."""
        inputs = sum(p.inputs for p in plans)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=inputs)
        found = inputs + sum(p.load.found for p in plans)
        size = sum(u.size_bytes for p in plans for u in p.units)
        self._console.print(f"found {count(found, 'input')}, {inputs:,} to read ({bytes_text(size)})", highlight=False)

    def read(self, inputs: int) -> None:
        """Move the bar."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, inputs)

    def loaded(self, load: Load) -> None:
        """Print a line for a load that brought something."""
        if load.is_news:
            self._console.print(line(load), highlight=False, soft_wrap=True)

    def derived(self, mart: str, done: int, total: int) -> None:
        """Move the bar over the partitions of marts."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"deriving {mart}", completed=done, total=total)

    def summarise(self, report: Report) -> None:
        """Print what the whole run did."""
        self._console.print(summary(report), highlight=False, soft_wrap=True)


@contextmanager
def shown(console: Console | None = None) -> Iterator[Shown]:
    """A watcher that prints to `console`, with a bar where it is a terminal."""
    console = console or Console()
    if not console.is_terminal:
        yield Shown(console, None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Shown(console, progress)


def line(load: Load) -> str:
    """One load in one line: source, owner, day, how its inputs ended, and what they gave."""
    info = load.info
    day = info.day.isoformat() if info.day else "undated"
    counts = ", ".join(f"{load.count(status):,} {status}" for status in STATUSES if load.count(status))
    parts = sum(reject.part != "" for reject in load.rejects)
    left_out = f"; {count(parts, 'part')} left out" if parts else ""
    rows = count(load.rows, "row")
    return f"{info.source:<8} {info.owner:<12} {day:<10}  {load.found:,} found: {counts}; {rows}{left_out}"


def summary(report: Report) -> str:
    """A run in one paragraph."""
    found = sum(load.found for load in report.loads)
    parts = [f"{sum(load.count(s) for load in report.loads):,} {s}" for s in ("loaded", "unchanged", "rejected")]
    superseded = sum(load.count("superseded") for load in report.loads)
    if superseded:
        parts.append(f"{superseded:,} superseded")
    rows = sum(load.rows for load in report.loads)
    size = sum(f.size_bytes for load in report.loads for f in load.files)
    where = f"snapshot {report.snapshots[-1]}" if report.snapshots else "nothing new, no snapshot needed"
    brought = f"{count(rows, 'row')}, {bytes_text(size)} in {report.seconds:.1f} s"
    text = f"{count(found, 'input')}: {', '.join(parts)}. {brought}; {where}."
    if report.derived.partitions:
        made = report.derived
        text += f"\n{made.partitions:,} partitions of marts derived, {made.rows:,} rows in {made.seconds:.1f} s."
    is_any_left_out = report.rejected or any(load.rejects for load in report.loads)
    return text + ("\n`iolake rejects` says what was left out, and why." if is_any_left_out else "")
