"""Adds a load to a catalog: its new files, without the rows that it replaces and the inputs that are there already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from iolake import schemas
from iolake.schemas.inputs import InputRecord
from iolake.schemas.table import INPUT_ID
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.file_keys import FileKeys
from iolake.warehouse.records import DataFile, Load
from iolake.warehouse.rewrite import Rewriter, of_inputs
from iolake.warehouse.store import Store


class CatalogUpdate:
    """The update of one catalog by one load. `known` are the load's inputs that the catalog has something of."""

    def __init__(self, store: Store, catalog: Catalog, load: Load, keys: FileKeys, known: Collection[str]) -> None:
        self._catalog, self._load, self._known = catalog, load, known
        self._rewriter = Rewriter(store, catalog, load.info.load_id, keys)
        self._taken_out: list[tuple[DataFile, pl.DataFrame]] = []
        """Files of tables with one row a key, each with the keys of the rows that this update removed."""

    def run(self, snapshot: int) -> Load:
        """Add the load to the catalog, and return it as the catalog has it."""
        self._omit_known_inputs()
        self._name_once()
        self._drop_replaced_rows()
        self._catalog.add_files(self._load.files)
        self._rewriter.leave_one_row_a_key(self._load.files)
        self._requeue_deduplicated_inputs()
        self._catalog.put_load(self._load, snapshot, all_new=not self._known)
        return self._load

    def _omit_known_inputs(self) -> None:
        """Omit inputs that the lake has, and, for sources known by content, copies of an input that it has."""
        loaded = [r for r in self._load.inputs if r.status == "loaded"]
        info = self._load.info
        known = {
            row[0]: row[1:]
            for row in self._of_known(
                "SELECT input_id, content_hash, extractor_version, coalesce(superseded, []) FROM inputs "
                "WHERE status = 'loaded' AND input_id IN (SELECT unnest(?))",
                [r.input_id for r in loaded],
            )
        }
        # Another run may have loaded the same inputs meanwhile.
        twins = {
            record.input_id
            for record in loaded
            if known.get(record.input_id) == (record.content_hash, info.extractor_version, sorted(record.superseded))
        }
        copies = self._copies([r for r in loaded if r.input_id not in twins]) if info.content_addressed else {}
        here = twins | copies.keys()
        if not here:
            return
        kept = [self._rewriter.without(f, [INPUT_ID.name], of_inputs(here)) for f in self._load.files]
        self._load = replace(
            self._load,
            files=tuple(f for f in kept if f is not None),
            inputs=tuple(copies.get(r.input_id, r) for r in self._load.inputs if r.input_id not in twins),
            rejects=tuple(r for r in self._load.rejects if r.input_id not in here),
            once=tuple(r for r in self._load.once if r.input_id not in here),
            unchanged=self._load.unchanged + len(twins),
        )

    def _name_once(self) -> None:
        """Add the rejects of parts that the ledger does not name yet, one a part. Rows of the load's inputs will go."""
        first = {reject.part: reject for reject in reversed(self._load.once)}
        if not first:
            return
        info = self._load.info
        named = self._catalog.rows(
            "SELECT DISTINCT part FROM rejects WHERE source = ? AND owner = ? AND part IN (SELECT unnest(?)) "
            "AND input_id NOT IN (SELECT unnest(?))",
            [info.source, info.owner, [*first], [record.input_id for record in self._load.inputs]],
        )
        new = [reject for part, reject in first.items() if (part,) not in named]
        self._load = replace(self._load, rejects=self._load.rejects + tuple(reversed(new)), once=())

    def _of_known(self, query: str, input_ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """The answer about some of the load's inputs. A load of new inputs asks nothing: that takes a few ms each."""
        return self._catalog.rows(query, [input_ids]) if self._known else []

    def _copies(self, loaded: Sequence[InputRecord]) -> dict[str, InputRecord]:
        """Inputs of equal content, except the one that the lake has, or else the first by name."""
        info = self._load.info
        own = {r.input_id for r in loaded}
        first = {
            content: uri
            for content, uri, input_id in self._catalog.rows(
                "SELECT content_hash, uri, input_id FROM inputs "
                "WHERE source = ? AND owner = ? AND (status = 'loaded' OR rows > 0) "
                "AND content_hash IN (SELECT unnest(?))",
                [info.source, info.owner, [r.content_hash for r in loaded]],
            )
            if input_id not in own
        }
        copies: dict[str, InputRecord] = {}
        for record in sorted(loaded, key=lambda r: r.uri):
            assert record.content_hash is not None
            if (uri := first.setdefault(record.content_hash, record.uri)) != record.uri:
                copies[record.input_id] = replace(record, status="unchanged", rows=0, reason=f"same content as {uri}")
        return copies

    def _drop_replaced_rows(self) -> None:
        """Remove rows of an earlier content of the load's inputs, and rows of inputs that are now superseded."""
        ids = [r.input_id for r in self._load.inputs if r.status in {"loaded", "superseded", "unchanged"}]
        old = self._of_known(
            "SELECT input_id, load_id, content_hash FROM inputs WHERE rows > 0 AND input_id IN (SELECT unnest(?))", ids
        )
        if not old:
            return
        replaced, loads = {row[0] for row in old}, {row[1] for row in old}
        files = self._catalog.files("list_has_any(load_ids, ?)", [sorted(loads)])
        with_others = self._loads_of_others(replaced, {load_id for file in files for load_id in file.load_ids})
        for file in files:
            table = schemas.tables().get(file.table_name)
            if table is not None and table.unique:
                self._taken_out.append((file, self._rewriter.keys(file, of_inputs(replaced))))
            if with_others.isdisjoint(file.load_ids):
                self._catalog.remove_files([file])
            elif table is not None:  # no view shows a table whose declaration was removed
                self._rewriter.take_out(file, [INPUT_ID.name], of_inputs(replaced))
        # Where a content is gone, its copies are inputs of their own again.
        there = {r.content_hash for r in self._load.inputs if r.status == "loaded"}
        self._catalog.con.execute(
            "DELETE FROM inputs WHERE status = 'unchanged' AND source = ? AND owner = ? "
            "AND content_hash IN (SELECT unnest(?))",
            [self._load.info.source, self._load.info.owner, [row[2] for row in old if row[2] not in there]],
        )

    def _loads_of_others(self, replaced: set[str], loads: set[str]) -> set[str]:
        """The loads that also brought rows of other inputs, where those rows are still in the catalog."""
        found = self._catalog.rows(
            "SELECT DISTINCT load_id FROM inputs "
            "WHERE rows > 0 AND load_id IN (SELECT unnest(?)) AND input_id NOT IN (SELECT unnest(?))",
            [sorted(loads), sorted(replaced)],
        )
        return {row[0] for row in found}

    def _requeue_deduplicated_inputs(self) -> None:
        """Re-queue inputs whose deduplicated row this load removed.

        Where several inputs have a row of one key, the lake keeps one of them. If the input of the kept row no longer
        has it, the others are read again: those with fewer rows in the lake than the extractor read.
        """
        if all(self._rewriter.has_keys(file, keys) for file, keys in self._taken_out):
            return
        info = self._load.info
        read = dict(
            self._catalog.rows(
                "SELECT input_id, rows FROM inputs WHERE status = 'loaded' AND rows > 0 AND source = ? AND owner = ?",
                [info.source, info.owner],
            )
        )
        there = self._rewriter.rows_by_input(info.source, info.owner)
        short = [input_id for input_id, rows in read.items() if there.get(input_id, 0) < rows]
        self._catalog.con.execute(
            "UPDATE inputs SET mtime = NULL, content_hash = NULL WHERE input_id IN (SELECT unnest(?))", [short]
        )
