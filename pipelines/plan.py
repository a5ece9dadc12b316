"""What is new: the inputs that a site has, held against the ledger of what the lake has."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa

from iolake.extractors.base import Extractor, Input, Span
from iolake.pipelines import registry
from iolake.pipelines.stage import MOST_TRIES, Unit, record, utc, weight_of
from iolake.schemas.site import Site, SiteError
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.records import InputRecord, Load, LoadInfo, new_id
from iolake.warehouse.warehouse import Warehouse

log = logging.getLogger("iolake")

Ledger = Mapping[str, Mapping[str, Any]]
_BATCHES_A_CORE = 4
BATCH_BYTES = 64 << 20
"""Bytes of the inputs of one batch, of whatever source; a larger input is a batch of its own."""
_LEAST_SHARE = 256
"""Fewer inputs are not worth a batch of their own: each is written to files of its own."""


@dataclass(frozen=True)
class Plan:
    """One load to be: a source of an owner on a day. `load` holds what is known of it before anything is read."""

    load: Load
    units: tuple[Unit, ...] = ()

    @property
    def inputs(self) -> int:
        """How many inputs are to be read."""
        return sum(len(u.inputs) for u in self.units)


def plan(site: Site, sources: tuple[str, ...], span: Span) -> list[Plan]:
    """The loads that would bring the lake up to date, one for each source, owner and day, in order of days."""
    found = find(site, sources, span)
    newest = Warehouse(site.lake_uri).newest()
    base = -1 if newest is None else newest
    ledger = _ledger(site.lake_uri, [i for inputs in found.values() for i in inputs])
    run_id = new_id()
    extractors = registry.extractors()
    plans = []
    for (source, owner, day), inputs in found.items():
        extractor = extractors[source]
        info = LoadInfo(new_id(), run_id, source, owner, day, extractor.version, extractor.content_addressed, base)
        plans.append(_plan(extractor, [_as_known(i, ledger) for i in inputs], ledger, info))
    return sorted(plans, key=lambda p: (p.load.info.day or date.max, p.load.info.source, p.load.info.owner))


def find(site: Site, sources: tuple[str, ...], span: Span) -> dict[tuple[str, str, date | None], list[Input]]:
    """The inputs of `sources` (all of the site's where empty) by (source, owner, day), each told who supersedes it.

    Of sources that fill the same tables of a file system, the one that stands first in site.toml wins a day,
    and of one source's patterns the first.
    """
    wanted = registry.chosen(site, sources)
    contested = frozenset[str]().union(*(e.contested for e in wanted.values()))
    rivals = {s: e for s, e in registry.chosen(site, ()).items() if s in wanted or e.contested & contested}
    everything = {source: list(_once(_found(extractor, site, span))) for source, extractor in rivals.items()}
    best: dict[tuple[str, date, str], tuple[int, int]] = {}
    for input, place in _placed(site, rivals, everything):
        for table in rivals[input.source].contested:
            key = (input.owner, input.day or date.max, table)
            best[key] = min(best.get(key, place), place)
    found: dict[tuple[str, str, date | None], list[Input]] = defaultdict(list)
    for input, place in _placed(site, rivals, everything):
        if input.source in wanted:
            tables = rivals[input.source].contested
            lost = frozenset(t for t in tables if best[input.owner, input.day or date.max, t] < place)
            found[input.source, input.owner, input.day].append(replace(input, superseded=lost) if lost else input)
    return found


def _found(extractor: Extractor, site: Site, span: Span) -> Iterator[Input]:
    """The inputs that an extractor finds. Where `find` fails, one unreadable input for each owner (P5)."""
    try:
        for input in extractor.find(site, span):
            yield replace(input, place=site.place(input.uri))
    except SiteError:
        raise
    except Exception as error:
        log.error("%s: %s", extractor.source, error, exc_info=log.isEnabledFor(logging.DEBUG))
        why = f"the extractor cannot list its inputs: {type(error).__name__}: {error}; please report it"
        for name, _where, _zone in site.sources(extractor.owner, extractor.source):
            yield Input(extractor.source, name, extractor.source, unreadable=why)


def _placed(
    site: Site, extractors: dict[str, Extractor], everything: dict[str, list[Input]]
) -> Iterator[tuple[Input, tuple[int, int]]]:
    """Each input with its place in the site's order: of its source, then of its pattern."""
    for source, inputs in everything.items():
        owners = site.owners(extractors[source].owner)
        for input in inputs:
            yield input, (list(owners[input.owner].sources).index(source), input.rank)


def _once(inputs: Iterable[Input]) -> Iterator[Input]:
    """Each input once, under the first pattern that names it."""
    seen: set[str] = set()
    for input in inputs:
        if input.input_id not in seen:
            seen.add(input.input_id)
            yield input


def _ledger(lake_uri: str, inputs: list[Input]) -> Ledger:
    """The lake's ledger rows of inputs, by input_id; an older lake has an input under the id of its whole uri."""
    warehouse = Warehouse(lake_uri)
    newest = warehouse.newest()
    if newest is None:
        return {}
    ids = list({id_ for i in inputs for id_ in (i.input_id, replace(i, place="").input_id)})
    with Catalog.reading(warehouse.store, layout.snapshot_path(newest)) as catalog:
        catalog.con.register("found", pa.table({"input_id": pa.array(ids, pa.string())}))
        rows = catalog.con.sql("SELECT i.* FROM inputs i SEMI JOIN found USING (input_id)").to_arrow_table().to_pylist()
    return {row["input_id"]: row for row in rows}


def _as_known(input: Input, ledger: Ledger) -> Input:
    """The input under the id that the ledger has: a lake from before ids were relative keeps its ids."""
    older = replace(input, place="")
    return older if input.input_id not in ledger and older.input_id in ledger else input


def _plan(extractor: Extractor, found: list[Input], ledger: Ledger, info: LoadInfo) -> Plan:
    todo: list[Input] = []
    records: list[InputRecord] = []
    moved: list[InputRecord] = []
    untouched = {"loaded": 0, "unchanged": 0, "rejected": 0, "superseded": 0}
    everything = {t.name for t in extractor.tables}
    for input in (_with_tries(i, ledger.get(i.input_id)) for i in found):
        known = ledger.get(input.input_id)
        if known is not None and _is_current(input, known, extractor.version):
            if known["status"] == "loaded" and known["uri"] != input.uri and input.mtime is not None:
                moved.append(record(input, "loaded", known["content_hash"]))
            else:
                untouched[known["status"]] += 1
        elif everything <= input.superseded:
            records.append(record(input, "superseded", reason="a better source of the day is there"))
        elif known is not None and _would_be_same(input, known, extractor.version):
            todo.append(replace(input, known_hash=known["content_hash"]))
        else:
            todo.append(input)
    load = Load(
        info,
        inputs=tuple(records),
        touched=tuple(moved),
        unchanged=untouched["loaded"] + untouched["unchanged"],
        still_rejected=untouched["rejected"],
        still_superseded=untouched["superseded"],
    )
    return Plan(load, tuple(_units(extractor, info, todo)))


def _units(extractor: Extractor, info: LoadInfo, inputs: list[Input]) -> Iterator[Unit]:
    """Batches of inputs, some for each core, bounded by count and by bytes; in each, all have the same superseded."""
    share = max(_LEAST_SHARE, len(inputs) // (_BATCHES_A_CORE * (os.cpu_count() or 1)))
    most = min(extractor.batch_inputs, share)
    alike: dict[frozenset[str], list[Input]] = defaultdict(list)
    for input in inputs:
        alike[input.superseded].append(input)
    for group in alike.values():
        batch: list[Input] = []
        size = 0
        for input in group:
            if batch and (len(batch) == most or size + weight_of(input) > BATCH_BYTES):
                yield Unit(info, tuple(batch))
                batch, size = [], 0
            batch.append(input)
            size += weight_of(input)
        yield Unit(info, tuple(batch))


def _is_current(input: Input, known: Mapping[str, Any], version: int) -> bool:
    """Whether what the ledger says of an input is still so, by its size, time and extractor alone."""
    if known["status"] == "superseded" or input.superseded:
        if set(known["superseded"] or ()) != input.superseded:
            return False
        if known["status"] == "superseded":
            return True
    if known["extractor_version"] != version:
        return False
    if known["status"] == "rejected" and 0 < input.tries < MOST_TRIES:
        return False
    if input.settled and known["status"] == "loaded" and known["content_hash"] is not None:
        return True
    return _has_same_file(input, known) and set(known["superseded"] or ()) == input.superseded


def _with_tries(input: Input, known: Mapping[str, Any] | None) -> Input:
    """The input with the runs that tried it in vain, as long as it is the same file."""
    if known is None or not known["tries"] or not _has_same_file(input, known):
        return input
    return replace(input, tries=known["tries"])


def _has_same_file(input: Input, known: Mapping[str, Any]) -> bool:
    """Whether size and time of an input are those that the ledger has."""
    return input.mtime is not None and (input.size_bytes, utc(input.mtime)) == (known["size_bytes"], known["mtime"])


def _would_be_same(input: Input, known: Mapping[str, Any], version: int) -> bool:
    """Whether the same content would give the rows that the lake has."""
    return (
        known["status"] == "loaded"
        and known["extractor_version"] == version
        and set(known["superseded"] or ()) == input.superseded
    )
