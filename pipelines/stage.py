"""Staging one unit of work: its inputs read, gated and written below the lake, unseen until the commit."""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, Outcome, Reject, as_text
from iolake.pipelines import registry
from iolake.schemas.errors import shortage
from iolake.schemas.gate import GateError
from iolake.schemas.inputs import FoundInput, InputRecord, RejectRecord, Status
from iolake.schemas.site import Site
from iolake.schemas.table import INPUT_ID
from iolake.warehouse.records import LoadInfo, StagedUnit
from iolake.warehouse.staging import Stager
from iolake.warehouse.store import Store
from iolake.warehouse.times import NO_TIMES

log = logging.getLogger("iolake")

_PANIC: Final = "PanicException"
"""The class, not an Exception, that polars raises where it cannot continue, mostly because it gets no threads."""
_ROWS: Final = re.compile(r"lines?\b|rows?\b|records?\b|jobs?\b|entr(y|ies)\b", re.IGNORECASE)
"""Names of parts that are rows, of sources that don't count what they refuse."""
_VALUE: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d.,:-]*")
"""The values in a reason: reasons that differ in nothing else are of one kind."""


_LONGEST: Final = 500
"""Characters of a reason in the ledger."""
_UNKNOWN_BYTES: Final = 4 << 20
"""The weight of an input without a size, such as a day of a database or of a command."""
_PARTS: Final = 16
"""Inputs that fail together, for what one of them holds, are read again in so many parts."""
_Item = TypeVar("_Item")


def weight_of(input: Input) -> int:
    """The weight of an input in bytes, by which inputs are shared out."""
    return _UNKNOWN_BYTES if input.size_bytes is None else input.size_bytes


MOST_TRIES: Final = 3
"""Runs that read an input on which the machine ran out of memory or time. After them it waits for a change."""


@dataclass(frozen=True)
class Unit:
    """Some inputs of one load, which one worker reads together."""

    load: LoadInfo
    inputs: tuple[Input, ...]

    @property
    def size_bytes(self) -> int:
        """The size of the inputs, as far as it is known."""
        return sum(i.size_bytes or 0 for i in self.inputs)

    @property
    def weight_bytes(self) -> int:
        """The same with a guess for each input without a size."""
        return sum(weight_of(i) for i in self.inputs)


def stage_bundle(bundle: Sequence[Unit], site: Site) -> list[StagedUnit]:
    """Read the inputs of some units and write their rows. Runs in any process that sees the inputs and the lake.

    An input that cannot be read, for whatever reason, is rejected and leaves the others alone (P5): a unit that has
    one may come back as several. Units of one source and owner are read together, even those of different loads,
    because each call of an extractor takes a fixed time. A source that gives the rows of equal contents to one input
    reads each load alone, because each load decides which input has them.
    """
    extractors = registry.extractors()
    alike: dict[tuple[str, str, frozenset[str], str], list[Unit]] = defaultdict(list)
    for unit in bundle:
        load = unit.load
        alone = load.load_id if extractors[load.source].content_addressed else ""
        alike[load.source, load.owner, unit.inputs[0].superseded, alone].append(unit)
    return [staged for (source, *_), units in alike.items() for staged in _stage(extractors[source], units, site)]


def _stage(extractor: Extractor, units: Sequence[Unit], site: Site) -> list[StagedUnit]:
    """Stage units together. If one of their inputs fails, stage them in parts, down to each input alone."""
    stagers = [Stager(Store(site.lake_uri), unit.load) for unit in units]
    inputs = [input for unit in units for input in unit.inputs]
    places = {input.input_id: place for place, unit in enumerate(units) for input in unit.inputs}
    outcomes: list[Outcome] = []
    rejects: list[Reject] = []
    failed: set[str] = set()
    try:
        for result in _read(extractor, inputs, site):
            if isinstance(result, Outcome):
                outcomes.append(result)
            elif isinstance(result, Reject):
                rejects.append(result)
            elif result.table.name not in inputs[0].superseded:
                for place, data in _dealt(result.data, places):
                    stagers[place].add(result.table, data, result.in_order)
        rows = {input_id: stagers[place].rows.get(input_id, 0) for input_id, place in places.items()}
        _reject_refused(outcomes, rejects, rows)
        failed = {o.input.input_id for o in outcomes if o.status == "rejected" and rows[o.input.input_id]}
        if not failed:
            return _by_unit(units, stagers, places, outcomes, rejects)
    except (ExtractorFailed, GateError) as error:
        if len(inputs) == 1:
            is_machines = isinstance(error, ExtractorFailed) and error.is_machines
            outcomes = [Outcome(inputs[0], "rejected")]
            rejects = [lacking(inputs[0], str(error)) if is_machines else Reject(inputs[0], str(error))]
            log.error("%s: %s", inputs[0].uri, error, exc_info=log.isEnabledFor(logging.DEBUG))
    for stager in stagers:
        stager.discard()
    if len(inputs) == 1:
        return [_finished(units[0].load, Stager(Store(site.lake_uri), units[0].load), outcomes, rejects)]
    return [staged for part in _parts(units, failed) for staged in _stage(extractor, part, site)]


def _parts(units: Sequence[Unit], failed: Collection[str]) -> list[Sequence[Unit]]:
    """Units apart, or the inputs of a single one, after they failed together.

    Those that failed are alone beside all others; where it is unknown which did, there are _PARTS equal parts. Each
    part writes files of its own, so good inputs stay in as few as can be.
    """
    if len(units) > 1:
        return _apart(units, [any(input.input_id in failed for input in unit.inputs) for unit in units])
    (unit,) = units
    parts = _apart(unit.inputs, [input.input_id in failed for input in unit.inputs])
    return [[replace(unit, inputs=tuple(part))] for part in parts]


def _apart(items: Sequence[_Item], are_bad: Sequence[bool]) -> list[Sequence[_Item]]:
    alone: list[Sequence[_Item]] = []
    others: list[_Item] = []
    for item, is_bad in zip(items, are_bad, strict=True):
        if is_bad:
            alone.append([item])
        else:
            others.append(item)
    if not alone:
        return _equal_parts(items)
    return [*alone, others] if others else alone


def _equal_parts(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    size = -(-len(items) // _PARTS)
    return [items[start : start + size] for start in range(0, len(items), size)]


def rejected(unit: Unit, reason: str, site: Site) -> StagedUnit:
    """The result of a unit whose one input the machine could not read."""
    (input,) = unit.inputs
    stager = Stager(Store(site.lake_uri), unit.load)
    return _finished(unit.load, stager, [Outcome(input, "rejected")], [lacking(input, reason)])


def lacking(input: Input, reason: str) -> Reject:
    """The reject of an input that took more than the machine had, or has; MOST_TRIES runs try it."""
    again = "the next run tries it again" if input.tries + 1 < MOST_TRIES else "no run tries it again until it changes"
    return Reject(input, f"{reason}; check what it holds; {again}", lacking=True)


def _dealt(data: pa.Table | pa.RecordBatch, places: Mapping[str, int]) -> Iterator[tuple[int, pa.Table]]:
    """(place, its rows in their order) for each unit that has rows in a batch; `places` of units are by input_id."""
    data = pa.table(data) if isinstance(data, pa.RecordBatch) else data
    if not data.num_rows:
        return
    ids = data[INPUT_ID.name].combine_chunks().dictionary_encode()
    of_id = np.array([places[input_id] for input_id in ids.dictionary.to_pylist()])
    if (of_id == of_id[0]).all():
        yield int(of_id[0]), data
        return
    of_row = of_id[ids.indices.to_numpy()]
    if not (of_row[1:] >= of_row[:-1]).all():
        order = np.argsort(of_row, kind="stable")
        data, of_row = data.take(pa.array(order)), of_row[order]
    starts = [0, *(np.flatnonzero(np.diff(of_row)) + 1).tolist(), len(of_row)]
    for start, stop in pairwise(starts):
        yield int(of_row[start]), data.slice(start, stop - start)


def _reject_refused(outcomes: list[Outcome], rejects: list[Reject], rows: Mapping[str, int]) -> None:
    """Reject inputs that were read and gave no row because every one was refused, with the commonest reason (P5)."""
    for place, outcome in enumerate(outcomes):
        if outcome.status != "loaded" or rows[outcome.input.input_id]:
            continue
        refused = [r for r in rejects if r.input.input_id == outcome.input.input_id and r.part and _refused_rows(r)]
        if refused:
            outcomes[place] = replace(outcome, status="rejected")
            rejects.append(Reject(outcome.input, _commonest(refused)))


def _refused_rows(reject: Reject) -> int:
    """The number of rows of a reject; one where it gives no count and its part names a row, such as `line 7`."""
    return int(_ROWS.match(reject.part) is not None) if reject.rows is None else reject.rows


def _commonest(refused: list[Reject]) -> str:
    """The reason that most of the refused rows have, as one of them says it."""
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    last = ""
    for reject in refused:
        kind = last if reject.part == "and others" else _VALUE.sub("…", reject.reason)
        counts[kind] += _refused_rows(reject)
        shown.setdefault(kind, reject.reason)
        last = kind
    kind, count = counts.most_common(1)[0]
    total = counts.total()
    how_many = f"{count:,}" if count == total else f"{count:,} of {total:,}"
    return f"every row was refused; reason of {how_many}: {shown[kind]}"


class ExtractorFailed(Exception):
    """An extractor raised what no input should make it raise: its own fault, an input like none before, or the machine.

    `is_machines` means that the machine lacked memory, threads, files or disk.
    """

    def __init__(self, source: str, error: BaseException) -> None:
        self.source, self.error = source, error
        lacked = isinstance(error, OSError) or shortage(error) is not None
        self.is_machines = lacked or type(error).__name__ == _PANIC
        problem = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if self.is_machines:
            reason = f"the machine lacked what reading it takes: {problem}"
        else:
            reason = _beyond_measure(error) or f"the {source} extractor failed: {problem}; please report it"
        super().__init__(reason)


def _beyond_measure(error: BaseException) -> str | None:
    """What is wrong with an input that no program reads: numbers or depths beyond Python's own limits."""
    if isinstance(error, RecursionError):
        return "holds lists or objects too deep in each other; check what it holds"
    if isinstance(error, OverflowError) or (
        isinstance(error, ValueError) and "integer string conversion" in str(error)
    ):
        return "holds a number larger than any column does; check what it holds"
    return None


def _read(extractor: Extractor, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
    """Yield the extractor's results. Raises ExtractorFailed for any error of it, and where an input has no Outcome.

    Errors of the lake's own storage are no input's fault; they pass.
    """
    for input in inputs:
        if input.unreadable:
            yield Reject(input, input.unreadable)
            yield Outcome(input, "rejected")
    inputs = [input for input in inputs if not input.unreadable]
    ended: list[str] = []
    results = extractor.read_many(inputs, site)
    while True:
        try:
            result = next(results, None)
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
                raise
            raise ExtractorFailed(extractor.source, error) from error
        if result is None:
            break
        if isinstance(result, Outcome):
            ended.append(result.input.input_id)
        yield result
    if sorted(ended) != sorted(i.input_id for i in inputs):
        unended = RuntimeError(f"{len(inputs)} inputs were given, {len(ended)} ended")
        raise ExtractorFailed(extractor.source, unended)


def _by_unit(
    units: Sequence[Unit],
    stagers: Sequence[Stager],
    places: Mapping[str, int],
    outcomes: Iterable[Outcome],
    rejects: Iterable[Reject],
) -> list[StagedUnit]:
    """Each staged unit, with the outcomes and rejects of its own inputs."""
    ended: list[list[Outcome]] = [[] for _ in units]
    refused: list[list[Reject]] = [[] for _ in units]
    for outcome in outcomes:
        ended[places[outcome.input.input_id]].append(outcome)
    for reject in rejects:
        refused[places[reject.input.input_id]].append(reject)
    return [
        _finished(unit.load, stager, ended[place], refused[place])
        for place, (unit, stager) in enumerate(zip(units, stagers, strict=True))
    ]


def _finished(info: LoadInfo, stager: Stager, outcomes: list[Outcome], rejects: list[Reject]) -> StagedUnit:
    """Write the rest of a unit's rows, and return it with a record of each input."""
    reasons = {r.input.input_id: r for r in rejects if not r.part}
    inputs: list[InputRecord] = []
    touched: list[InputRecord] = []
    untouched = 0
    for outcome in outcomes:
        input = outcome.input
        if outcome.status == "unchanged":
            if input.mtime is None:
                untouched += 1
            else:
                touched.append(record(input, "loaded", outcome.content_hash))
            continue
        why = reasons.get(input.input_id)
        ended = record(input, outcome.status, outcome.content_hash, stager.rows.get(input.input_id, 0))
        first_ts, last_ts = stager.times.get(input.input_id, NO_TIMES)
        ended = replace(ended, first_ts=first_ts, last_ts=last_ts)
        if outcome.status == "rejected":
            ended = replace(ended, rows=0, first_ts=None, last_ts=None)
            ended = replace(ended, reason=_shown(why.reason) if why else "no reason given")
            if why and why.transient:
                ended = replace(ended, mtime=None)
            if why and why.lacking:
                ended = replace(ended, tries=input.tries + 1)
        inputs.append(ended)
    named: dict[bool, list[RejectRecord]] = {False: [], True: []}
    for r in rejects:
        named[r.once].append(RejectRecord(r.input.input_id, r.input.day, r.input.uri, _shown(r.part), _shown(r.reason)))
    return StagedUnit(
        info,
        files=stager.finish(inputs),
        inputs=tuple(inputs),
        touched=tuple(touched),
        unchanged=untouched,
        rejects=tuple(named[False]),
        once=tuple(named[True]),
    )


def _shown(text: str) -> str:
    """A reason or part as the ledger keeps it: a value that it quotes may be of any length."""
    text = as_text(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def record(
    input: Input, status: Status, content_hash: str | None = None, rows: int = 0, reason: str | None = None
) -> InputRecord:
    """An input as the ledger will know it."""
    found: dict[str, Any] = {f.name: getattr(input, f.name) for f in fields(FoundInput)}
    return InputRecord(
        **found | {"mtime": utc(input.mtime), "tries": 0},
        input_id=input.input_id,
        content_hash=content_hash,
        status=status,
        rows=rows,
        reason=reason,
    )


def utc(moment: datetime | None) -> datetime | None:
    """A moment as UTC without a zone."""
    return moment if moment is None or moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
