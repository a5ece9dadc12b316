"""Staging one unit of work: its inputs read, gated and written below the lake, unseen until the commit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import pyarrow as pa

from extractors.base import Batch, Extractor, Input, Outcome, Reject
from pipelines import registry
from pipelines.plan import Unit, record
from schemas.gate import GateError
from schemas.site import Site
from warehouse.records import InputRecord, Load, LoadInfo, RejectRecord
from warehouse.staging import Stager
from warehouse.store import Store

log = logging.getLogger("iolake")


def stage(unit: Unit, site: Site) -> Load:
    """Read a unit's inputs and write their rows; what comes back is a piece of the load, ready to publish.

    Runs in any process on any machine that sees the inputs and the lake. An input that can't be read, whatever
    the reason, ends as a reject; the others are not touched by it (P5).
    """
    return _stage(registry.extractors()[unit.load.source], unit.load, unit.inputs, site)


def _stage(extractor: Extractor, load: LoadInfo, inputs: Sequence[Input], site: Site) -> Load:
    stager = Stager(Store(site.lake_uri), load)
    outcomes: list[Outcome] = []
    rejects: list[Reject] = []
    try:
        for result in extractor.read_many(inputs, site):
            if isinstance(result, Outcome):
                outcomes.append(result)
            elif isinstance(result, Reject):
                rejects.append(result)
            elif result.table.name not in inputs[0].superseded:
                _add(stager, result)
        _check_outcomes(inputs, outcomes)
        left_rows = {o.input.input_id for o in outcomes if o.status == "rejected" and stager.rows[o.input.input_id]}
        if not left_rows:
            return _load(load, stager, outcomes, rejects)
    except Exception as error:
        if len(inputs) == 1:
            stager.discard()
            return _failed(extractor, load, inputs[0], error)
    # Some input spoils what is staged with it, so each is staged alone.
    stager.discard()
    if len(inputs) == 1:
        return _load(load, Stager(Store(site.lake_uri), load), outcomes, rejects)
    pieces = (_stage(extractor, load, [input], site) for input in inputs)
    return reduce(Load.joined, pieces, Load(load))


def _failed(extractor: Extractor, load: LoadInfo, input: Input, error: Exception) -> Load:
    """The piece of a load for an input whose extractor or rows are not as they should be."""
    if not isinstance(error, GateError):
        log.error("%s: the %s extractor failed", input.uri, extractor.source, exc_info=error)
    told = record(input, "rejected", reason=f"{type(error).__name__}: {error}")
    reject = RejectRecord(input.input_id, input.uri, input.day, "", told.reason or "")
    return Load(load, inputs=(told,), rejects=(reject,))


def _add(stager: Stager, batch: Batch) -> None:
    data = pa.table(batch.data) if isinstance(batch.data, pa.RecordBatch) else batch.data
    stager.add(batch.table, data, batch.in_order)


def _check_outcomes(inputs: Sequence[Input], outcomes: Sequence[Outcome]) -> None:
    """Every input has ended, and once: nothing vanishes (P5)."""
    ended = sorted(o.input.input_id for o in outcomes)
    if ended != sorted(i.input_id for i in inputs):
        raise RuntimeError(f"{len(inputs)} inputs were given, {len(outcomes)} outcomes came back")


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
        if outcome.status == "rejected":
            told = replace(told, rows=0, reason=why.reason if why else "no reason given")
            if why and why.transient:
                told = replace(told, mtime=None)
        inputs.append(told)
    return Load(
        info,
        files=stager.finish(inputs),
        inputs=tuple(inputs),
        touched=tuple(touched),
        unchanged=untouched,
        rejects=tuple(RejectRecord(r.input.input_id, r.input.uri, r.input.day, r.part, r.reason) for r in rejects),
    )
