"""Repairing: damaged files leave the snapshot, and the inputs of their rows are marked to be read again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from iolake import schemas
from iolake.schemas.inputs import FoundInput
from iolake.schemas.mart import Mart
from iolake.schemas.table import INPUT_ID
from iolake.warehouse import freshness, layout, months
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.records import DataFile
from iolake.warehouse.rewrite import Rewriter, of_inputs
from iolake.warehouse.store import Store
from iolake.warehouse.verify import Verified, rows_by_input
from iolake.warehouse.warehouse import Warehouse

LOST = "some of its rows were damaged; it is to be read again"
"""The reason in `inputs` of an input whose rows are not all there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteInput(FoundInput):
    """An input that lacks rows in the lake, and how many of them."""

    input_id: str
    content_hash: str | None
    lost_rows: int


@dataclass(frozen=True)
class Repaired:
    """What was taken out of the lake: the new snapshot, files, partitions of marts, and the inputs to read again."""

    snapshot: int | None
    files: int
    partitions: int
    inputs: tuple[IncompleteInput, ...]


def take_out_damage(warehouse: Warehouse, found: Verified) -> Repaired:
    """Publish a snapshot without the damage that `verify` found. The rows that are whole stay. CommitContested.

    Inputs that lack rows are marked, so that the next ingest reads them again; partitions of marts are stale, so that
    the next derivation computes them.
    """
    done: list[Repaired] = []

    def edit(catalog: Catalog, number: int) -> bool:
        damaged = {file.path for file in found.damaged_files}
        files = [file for file in catalog.files() if file.path in damaged]
        copies = [month for month in months.of(catalog) if month.path in damaged]
        months.remove(catalog, copies)
        partitions = {(f.table_name, f.owner, f.date) for f in files if _is_mart(f)}
        partitions |= {flaw.partition for flaw in found.flaws if flaw.partition}
        incomplete = (
            [] if not files and not found.incomplete else _incomplete(warehouse.store, catalog, files, found.incomplete)
        )
        catalog.remove_files(files)
        freshness.make_stale(catalog, sorted(partitions))
        _mark(catalog, incomplete)
        done[:] = [
            Repaired(number, len(files) + len(copies), len(partitions), tuple(input_ for input_, _ in incomplete))
        ]
        return bool(files or copies or partitions or incomplete)

    published = warehouse.publish(edit, "repair")
    return done[0] if published is not None else Repaired(None, 0, 0, ())


def _is_mart(file: DataFile) -> bool:
    return isinstance(schemas.tables().get(file.table_name), Mart)


def _incomplete(
    store: Store, catalog: Catalog, damaged: Sequence[DataFile], known: set[str]
) -> list[tuple[IncompleteInput, int]]:
    """The inputs that lack rows once the damaged files are gone, each with the number of rows that it still has.

    The rows of a damaged file are of inputs of its loads. Where the table holds one row a key, other inputs of the
    source lost their place to those rows, and are read again as well.
    """
    loads = {load_id for file in damaged if not _is_mart(file) for load_id in file.load_ids}
    unique = {
        load_id
        for file in damaged
        for table in [schemas.tables().get(file.table_name)]
        if table is not None and table.unique
        for load_id in file.load_ids
    }
    candidates = catalog.rows(
        "SELECT source, owner, uri, day, input_id, content_hash, rows, load_id FROM inputs WHERE rows > 0 AND "
        "(load_id IN (SELECT unnest($1)) OR input_id IN (SELECT unnest($2)) OR (source, owner) IN "
        "(SELECT (source, owner) FROM loads WHERE load_id IN (SELECT unnest($3))))",
        [sorted(loads), sorted(known), sorted(unique)],
    )
    gone = {file.path for file in damaged}
    there: defaultdict[str, int] = defaultdict(int)
    for file in catalog.files("list_has_any(load_ids, ?)", [sorted({row[-1] for row in candidates})]):
        if file.path not in gone and not _is_mart(file):
            for input_id, rows in rows_by_input(store, file).items():
                there[input_id] += rows
    return [
        (
            IncompleteInput(source, owner, uri, day, input_id=id_, content_hash=hash_, lost_rows=rows - there[id_]),
            there[id_],
        )
        for source, owner, uri, day, id_, hash_, rows, _ in candidates
        if there[id_] < rows
    ]


def _mark(catalog: Catalog, incomplete: Sequence[tuple[IncompleteInput, int]]) -> None:
    """Mark inputs to be read again, with their remaining rows. Copies of their contents become inputs again."""
    ids = [input_.input_id for input_, _ in incomplete]
    catalog.con.execute(
        "DELETE FROM inputs WHERE status = 'unchanged' AND (source, owner, content_hash) IN "
        "(SELECT (source, owner, content_hash) FROM inputs WHERE input_id IN (SELECT unnest(?)) AND rows > 0)",
        [ids],
    )
    for input_, there in incomplete:
        catalog.con.execute(
            "UPDATE inputs SET mtime = NULL, content_hash = NULL, rows = ?, reason = ? WHERE input_id = ?",
            [there, LOST, input_.input_id],
        )


def settle(warehouse: Warehouse, inputs: Sequence[IncompleteInput]) -> list[IncompleteInput]:
    """The inputs that were not read since, without those whose copy was read: the copy has the same rows."""
    with Catalog.reading(warehouse.store, layout.snapshot_path(warehouse.require())) as catalog:
        waiting = _waiting(catalog, inputs)
        copied = _copied(catalog, waiting)
    if copied:
        with warehouse.at_work() as load_id:

            def edit(catalog: Catalog, _number: int) -> bool:
                ids = {input_.input_id for input_ in _copied(catalog, _waiting(catalog, inputs))}
                rewriter = Rewriter(warehouse.store, catalog, load_id)
                loads = catalog.rows("SELECT load_id FROM inputs WHERE input_id IN (SELECT unnest(?))", [[*ids]])
                for file in catalog.files("list_has_any(load_ids, ?)", [[row[0] for row in loads]]):
                    if not _is_mart(file):
                        rewriter.take_out(file, [INPUT_ID.name], of_inputs(ids))
                catalog.con.execute("DELETE FROM inputs WHERE input_id IN (SELECT unnest(?))", [[*ids]])
                return bool(ids)

            warehouse.publish(edit, "repair")
    return [input_ for input_ in waiting if input_ not in copied]


def _waiting(catalog: Catalog, inputs: Sequence[IncompleteInput]) -> list[IncompleteInput]:
    found = catalog.rows(
        "SELECT input_id FROM inputs WHERE input_id IN (SELECT unnest(?)) AND (reason = ? OR status = 'rejected')",
        [[input_.input_id for input_ in inputs], LOST],
    )
    return [input_ for input_ in inputs if (input_.input_id,) in found]


def _copied(catalog: Catalog, inputs: Sequence[IncompleteInput]) -> list[IncompleteInput]:
    """The inputs whose content the lake has from another one of the same source and owner."""
    there = set(catalog.rows("SELECT source, owner, content_hash FROM inputs WHERE status = 'loaded'"))
    return [i for i in inputs if i.content_hash is not None and (i.source, i.owner, i.content_hash) in there]
