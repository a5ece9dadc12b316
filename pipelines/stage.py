"""Staging one unit of work: its inputs read, gated and written below the lake, unseen until the commit."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final

import pyarrow as pa

from iolake.extractors.base import Batch, Extractor, Input, Outcome, Reject, as_text
from iolake.pipelines import registry
from iolake.schemas.gate import GateError
from iolake.schemas.site import Site
from iolake.warehouse.records import InputRecord, Load, LoadInfo, RejectRecord
from iolake.warehouse.staging import Stager
from iolake.warehouse.store import Store
from iolake.warehouse.times import NO_TIMES

log = logging.getLogger("iolake")

_ROWS: Final = re.compile(r"lines?\b|rows?\b|records?\b|jobs?\b|entr(y|ies)\b", re.IGNORECASE)
"""Names of parts that are rows, of sources that don't count what they refuse."""
_VALUE: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d.,:-]*")
"""What differs between two reasons of one kind."""


@dataclass(frozen=True)
class Unit:
    """What one worker reads at once: some inputs of one load."""

    load: LoadInfo
    inputs: tuple[Input, ...]

    @property
    def size_bytes(self) -> int:
        """What is to be read, as far as sizes are known."""
        return sum(i.size_bytes or 0 for i in self.inputs)


def stage(unit: Unit, site: Site) -> Load:
    """Read a unit's inputs and write their rows; what comes back is a piece of the load, ready to publish.

    Runs in any process on any machine that sees the inputs and the lake. An input that can't be read, whatever
    the reason, ends as a reject; the others are not touched by it (P5).
    """
    return _stage(registry.extractors()[unit.load.source], unit.load, unit.inputs, site)


def stage_bundle(bundle: Sequence[Unit], site: Site) -> list[Load]:
    """Each unit's piece of its load; in any process that sees the inputs and the lake."""
    return [stage(unit, site) for unit in bundle]


def _stage(extractor: Extractor, load: LoadInfo, inputs: Sequence[Input], site: Site) -> Load:
    stager = Stager(Store(site.lake_uri), load)
    outcomes: list[Outcome] = []
    rejects: list[Reject] = []
    try:
        for result in _read(extractor, inputs, site):
            if isinstance(result, Outcome):
                outcomes.append(result)
            elif isinstance(result, Reject):
                rejects.append(result)
            elif result.table.name not in inputs[0].superseded:
                data = pa.table(result.data) if isinstance(result.data, pa.RecordBatch) else result.data
                stager.add(result.table, data, result.in_order)
        _reject_refused(outcomes, rejects, stager)
        spoilt = any(o.status == "rejected" and stager.rows[o.input.input_id] for o in outcomes)
        if not spoilt:
            return _load(load, stager, outcomes, rejects)
    except (ExtractorFailed, GateError) as error:
        if len(inputs) == 1:
            outcomes, rejects = [Outcome(inputs[0], "rejected")], [Reject(inputs[0], str(error))]
            log.error("%s: %s", inputs[0].uri, error, exc_info=log.isEnabledFor(logging.DEBUG))
    stager.discard()
    if len(inputs) == 1:
        return _load(load, Stager(Store(site.lake_uri), load), outcomes, rejects)
    # Some input spoils what is staged with it, so each is staged alone.
    return reduce(Load.joined, (_stage(extractor, load, [input], site) for input in inputs), Load(load))


def _reject_refused(outcomes: list[Outcome], rejects: list[Reject], stager: Stager) -> None:
    """Reject inputs that were read and gave no row because every one was refused, with the commonest reason (P5)."""
    for place, outcome in enumerate(outcomes):
        if outcome.status != "loaded" or stager.rows.get(outcome.input.input_id):
            continue
        refused = [r for r in rejects if r.input.input_id == outcome.input.input_id and r.part and _refused_rows(r)]
        if refused:
            outcomes[place] = replace(outcome, status="rejected")
            rejects.append(Reject(outcome.input, _commonest(refused)))


def _refused_rows(reject: Reject) -> int:
    """How many rows a reject stands for; one where the part's name is that of rows and no count is given."""
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
    """An extractor raised what no input should make it raise: its own fault, or an input like none before."""

    def __init__(self, source: str, error: Exception) -> None:
        self.source, self.error = source, error
        super().__init__(f"the {source} extractor failed: {type(error).__name__}: {error}; please report it")


def _read(extractor: Extractor, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
    """What the extractor makes of the inputs; ExtractorFailed for whatever it raises, or where an input is not ended.

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
        except Exception as error:
            raise ExtractorFailed(extractor.source, error) from error
        if result is None:
            break
        if isinstance(result, Outcome):
            ended.append(result.input.input_id)
        yield result
    if sorted(ended) != sorted(i.input_id for i in inputs):
        unended = RuntimeError(f"{len(inputs)} inputs were given, {len(ended)} ended")
        raise ExtractorFailed(extractor.source, unended)


def _load(info: LoadInfo, stager: Stager, outcomes: list[Outcome], rejects: list[Reject]) -> Load:
    """The piece of the load that was staged."""
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
        told = record(input, outcome.status, outcome.content_hash, stager.rows.get(input.input_id, 0))
        first_ts, last_ts = stager.times.get(input.input_id, NO_TIMES)
        told = replace(told, first_ts=first_ts, last_ts=last_ts)
        if outcome.status == "rejected":
            told = replace(told, rows=0, first_ts=None, last_ts=None)
            told = replace(told, reason=as_text(why.reason) if why else "no reason given")
            if why and why.transient:
                told = replace(told, mtime=None)
        inputs.append(told)
    return Load(
        info,
        files=stager.finish(inputs),
        inputs=tuple(inputs),
        touched=tuple(touched),
        unchanged=untouched,
        rejects=tuple(
            RejectRecord(input.input_id, input.uri, input.day, as_text(part), as_text(reason))
            for input, reason, part in ((r.input, r.reason, r.part) for r in rejects)
        ),
    )


def record(
    input: Input, status: Any, content_hash: str | None = None, rows: int = 0, reason: str | None = None
) -> InputRecord:
    """An input as the ledger will know it."""
    return InputRecord(
        input.input_id,
        input.uri,
        input.day,
        input.size_bytes,
        utc(input.mtime),
        content_hash,
        status,
        tuple(sorted(input.superseded)),
        rows,
        reason,
    )


def utc(moment: datetime | None) -> datetime | None:
    """A moment as UTC without a zone."""
    return moment if moment is None or moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
