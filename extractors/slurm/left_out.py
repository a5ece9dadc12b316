"""What was left out of each input: lines, clusters, fields and values, and the rejects that report them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from iolake.extractors.base import Input, Reject

_SHOWN: Final = 20
"""Rejects of one kind that get a row each; the others share one."""


@dataclass
class _Lines:
    """Lines that were left out for one kind of reason: the first ones, and how many there are."""

    first: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0


class LeftOut:
    """Collects what was left out of some inputs, each known by its place among them."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = inputs
        self.repeats: Counter[int] = Counter()
        """Rows of each input that repeat the key of an earlier one."""
        self.other_starts: Counter[int] = Counter()
        """Those of them that are jobs with another start, so requeues that nothing tells apart."""
        self.clusters: dict[int, set[str]] = defaultdict(set)
        self.unknown: dict[int, set[str]] = defaultdict(set)
        """Fields of each input that are not known and hold values."""
        self._lines: dict[tuple[int, str, bool], _Lines] = defaultdict(_Lines)
        self._values: dict[tuple[int, str], tuple[int, str]] = {}
        self._disordered: dict[int, tuple[int, int]] = {}

    def lines(self, kind: str, problems: Iterable[tuple[int, str, str]], kept: bool = False) -> None:
        """Note (input, part, reason) of lines; `kept` says that their rows are in the tables all the same."""
        for place, part, reason in problems:
            lines = self._lines[place, kind, kept]
            lines.count += 1
            if len(lines.first) < _SHOWN:
                lines.first.append((part, reason))

    def rows(self, kind: str, frame: pl.DataFrame, texts: pl.Series, reason: str) -> None:
        """Note each row of `frame` with the text that is wrong in it."""
        lost = zip(frame["#input"], frame["line"], texts, strict=True)
        self.lines(kind, ((place, f"line {line}", f"{text!r} {reason}") for place, line, text in lost))

    def values(self, name: str, inputs: pl.Series, texts: pl.Series) -> None:
        """Note the texts of a field that were not understood, with the input of each."""
        for place in inputs.unique():
            mine = texts.filter(inputs == place)
            count, example = self._values.get((place, name), (0, str(mine[0])))
            self._values[place, name] = (count + len(mine), example)

    def disordered(self, inputs: pl.Series, job_ids: pl.Series) -> None:
        """Note jobs that end before they start."""
        for place, job_id in zip(inputs, job_ids, strict=True):
            count, example = self._disordered.get(place, (0, job_id))
            self._disordered[place] = (count + 1, example)

    def rejects(self, with_repeats: bool = True) -> Iterator[Reject]:
        """The rejects of every input."""
        for place, input in enumerate(self.inputs):
            yield from self._rejects(place, input, with_repeats)

    def _rejects(self, place: int, input: Input, with_repeats: bool) -> Iterator[Reject]:
        for (owner, _, kept), lines in self._lines.items():
            if owner == place:
                yield from (Reject(input, reason, part, rows=int(not kept)) for part, reason in lines.first)
                if more := lines.count - len(lines.first):
                    yield Reject(input, f"{more} more like the last one", "and others", rows=0 if kept else more)
        for name in sorted(self.clusters[place]):
            yield Reject(input, "is not the input's own; left out", f"cluster {name}", rows=0)
        for name in sorted(self.unknown[place]):
            yield Reject(input, "is not a field that is known; left out", f"unknown field {name}", rows=0, once=True)
        for (owner, name), (count, example) in sorted(self._values.items()):
            if owner == place:
                reason = f"{count} values not understood, such as {example!r}; null"
                yield Reject(input, reason, f"field {name}", rows=0)
        if found := self._disordered.get(place):
            reason = (
                f"{found[0]} jobs end before they start, such as {found[1]}; their times are as the source has them"
            )
            yield Reject(input, reason, "order", rows=0)
        lost = self.other_starts[place]
        if lost or (with_repeats and self.repeats[place]):
            reason = f"{self.repeats[place]} rows repeat an earlier row's key; the first is kept"
            if lost:
                reason += f"; {lost} of them have another start: add Restarts to --format, which tells requeues apart"
            yield Reject(input, reason, "repeats", rows=lost)
