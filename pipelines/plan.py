"""Plans a run: compares the inputs that a site has with the ledger, and batches those to read."""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from iolake.extractors.base import Extractor, Input
from iolake.pipelines import registry
from iolake.pipelines.finding import LoadKey
from iolake.pipelines.known import Known, KnownInput, known_inputs
from iolake.pipelines.moved import ids_of_moved
from iolake.pipelines.stage import Unit, record, weight_of
from iolake.schemas.inputs import InputRecord
from iolake.schemas.site import Site
from iolake.warehouse import layout
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.records import Load, LoadInfo, new_id
from iolake.warehouse.warehouse import Warehouse

log = logging.getLogger("iolake")

_BATCHES_A_CORE = 4
BATCH_BYTES = 64 << 20
"""Bytes of the inputs of one batch, of whatever source; a larger input is a batch of its own."""
_LEAST_SHARE = 256
"""The fewest inputs of a batch, because each batch writes files of its own."""


@dataclass(frozen=True)
class Plan:
    """A planned load, of one source, owner and day: `load` as it is before any of `units` is read."""

    load: Load
    units: tuple[Unit, ...] = ()

    @property
    def inputs(self) -> int:
        """The number of inputs to read."""
        return sum(len(u.inputs) for u in self.units)


def plan(site: Site, found: Mapping[LoadKey, list[Input]]) -> list[Plan]:
    """The loads that bring the lake up to date with what was found: one for each source, owner and day, by day."""
    newest = Warehouse(site.lake_uri).newest()
    base = -1 if newest is None else newest
    extractors = registry.extractors()
    ledger, ids = _ledger(site, [i for inputs in found.values() for i in inputs], extractors)
    run_id = new_id()
    plans = []
    for (source, owner, day), inputs in found.items():
        extractor = extractors[source]
        info = LoadInfo(new_id(), run_id, source, owner, day, extractor.version, extractor.content_addressed, base)
        with_ids = [replace(i, known_id=ids.get(i.input_id, "")) for i in inputs]
        plans.append(_plan(extractor, with_ids, ledger, info))
    return sorted(plans, key=lambda p: (p.load.info.day or date.max, p.load.info.source, p.load.info.owner))


def _ledger(site: Site, inputs: list[Input], extractors: Mapping[str, Extractor]) -> tuple[Known, dict[str, str]]:
    """What the ledger has of the inputs, and the ids that a lake of an older iolake has for some of them."""
    warehouse = Warehouse(site.lake_uri)
    newest = warehouse.newest()
    if newest is None:
        return {}, {}
    with Catalog.reading(warehouse.store, layout.snapshot_path(newest)) as catalog:
        ledger = known_inputs(catalog, {id_ for i in inputs for id_ in (i.input_id, i.id_by_uri)})
        ids = {i.input_id: i.id_by_uri for i in inputs if i.input_id not in ledger and i.id_by_uri in ledger}
        moved = ids_of_moved(site, catalog, inputs, ledger.keys(), extractors)
        return {**ledger, **known_inputs(catalog, moved.values())}, ids | moved


def _plan(extractor: Extractor, found: list[Input], ledger: Known, info: LoadInfo) -> Plan:
    """Sort a load's inputs by what the ledger says about each, and batch those to read."""
    inputs = _Sorted()
    for input in found:
        inputs.add(input, ledger.get(input.input_id), extractor)
    return Plan(inputs.load(info), tuple(_units(extractor, info, inputs.to_read)))


@dataclass
class _Sorted:
    """The inputs of one load, sorted: to read, superseded, moved, or as the ledger has them."""

    to_read: list[Input] = field(default_factory=list)
    superseded: list[InputRecord] = field(default_factory=list)
    moved: list[InputRecord] = field(default_factory=list)
    untouched: Counter[str] = field(default_factory=Counter)
    """Inputs that are as the ledger has them, by status."""

    def add(self, input: Input, known: KnownInput | None, extractor: Extractor) -> None:
        """Sort an input by what the ledger has of it."""
        input = known.with_tries(input) if known else input
        if known is not None and known.is_current(input, extractor.version):
            self._add_current(input, known)
        elif {table.name for table in extractor.tables} <= input.superseded:
            self.superseded.append(record(input, "superseded", reason="a better source of the day is there"))
        elif known is not None and known.has_same_rows_by_content(input, extractor.version):
            self.to_read.append(replace(input, known_hash=known.content_hash))
        else:
            self.to_read.append(input)

    def _add_current(self, input: Input, known: KnownInput) -> None:
        if known.status == "loaded" and known.uri != input.uri and input.mtime is not None:
            self.moved.append(record(input, "loaded", known.content_hash))
        else:
            self.untouched[known.status] += 1

    def load(self, info: LoadInfo) -> Load:
        """The load as far as it is known before anything is read."""
        return Load(
            info,
            inputs=tuple(self.superseded),
            touched=tuple(self.moved),
            unchanged=self.untouched["loaded"] + self.untouched["unchanged"],
            still_rejected=self.untouched["rejected"],
            still_superseded=self.untouched["superseded"],
        )


def _units(extractor: Extractor, info: LoadInfo, inputs: list[Input]) -> Iterator[Unit]:
    """Batch inputs, several batches for each core, bounded by count and bytes. A batch has one set of lost tables."""
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
