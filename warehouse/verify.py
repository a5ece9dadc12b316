"""Verifying: whether a snapshot's files, its ledger and its marts are what was written."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pyarrow as pa

from iolake import schemas
from iolake.schemas.mart import Mart
from iolake.schemas.table import INPUT_ID
from iolake.warehouse import layout, months, parquet
from iolake.warehouse.catalog import Catalog
from iolake.warehouse.errors import DamagedFile
from iolake.warehouse.records import DataFile
from iolake.warehouse.store import Store
from iolake.warehouse.warehouse import Warehouse

Progress = Callable[[str, int, int], None]
"""Called with what is being checked, how many of it are done, and how many there are."""
Kind = Literal["missing", "damaged", "ledger", "mart"]

_LEDGER_RULES = (
    (
        "load ' || load_id || '",
        "found ' || found || ' inputs, but ' || (loaded + unchanged + rejected + superseded) || ' ended",
        "FROM loads WHERE found <> loaded + unchanged + rejected + superseded",
    ),
    (
        "input ' || coalesce(nullif(uri, ''), input_id) || '",
        "its load is not in loads",
        "FROM inputs i ANTI JOIN loads USING (load_id) WHERE i.rows > 0",
    ),
    (
        "input ' || coalesce(nullif(uri, ''), input_id) || '",
        "it is rejected without a reason in rejects",
        "FROM inputs i ANTI JOIN rejects r USING (input_id) WHERE i.status = 'rejected'",
    ),
    (
        "snapshot ' || number || '",
        "it counts ' || s.rows || ' rows in ' || s.size_bytes || ' B, but its files have ' || f.rows || ' in ' "
        "|| f.size_bytes || ' B",
        "FROM (FROM snapshots ORDER BY number DESC LIMIT 1) s, (SELECT coalesce(sum(rows), 0)::BIGINT AS rows, "
        "coalesce(sum(size_bytes), 0)::BIGINT AS size_bytes FROM files) f "
        "WHERE s.rows <> f.rows OR s.size_bytes <> f.size_bytes",
    ),
)
"""(what, problem, rows that break the rule) of each rule of the ledger, in SQL."""


@dataclass(frozen=True)
class Flaw:
    """A difference from what was written: its kind, its name, what is wrong, and the file or key of its rows."""

    kind: Kind
    name: str
    problem: str
    file: DataFile | None = None
    partition: tuple[str, str, date] | None = None
    """(mart, owner, day) of a partition."""


@dataclass
class Verified:
    """What was checked of a snapshot, and every flaw that was found."""

    snapshot: int
    files: int = 0
    size_bytes: int = 0
    rows: int = 0
    hashed: int = 0
    """Files whose content has the recorded hash."""
    without_hash: int = 0
    """Files without a recorded hash; their pages were read instead."""
    marts: int = 0
    """Partitions of marts that were computed again."""
    flaws: list[Flaw] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)
    """The input_id of inputs that lack rows though no file is damaged."""

    @property
    def damaged_files(self) -> list[DataFile]:
        """The files that are missing or damaged."""
        return [f.file for f in self.flaws if f.file is not None]


def verify(warehouse: Warehouse, *, deep: bool = False, progress: Progress | None = None) -> Verified:
    """Check the newest snapshot: every file's size and footer, and the ledger's sums. NoLake.

    With `deep` also the content of each file by its hash, each input's rows, and each partition of a mart by its model.
    A file written before iolake recorded hashes is read instead: page checksums, where it has them, still show damage.
    """
    number = warehouse.require()
    with Catalog.reading(warehouse.store, layout.snapshot_path(number)) as catalog:
        files = catalog.files()
        found = Verified(number, len(files), sum(f.size_bytes for f in files), sum(f.rows for f in files))
        copies = months.of(catalog)
        found.flaws += check_files(warehouse.store, [*files, *copies], deep=deep, progress=progress)
        found.flaws += _month_flaws(files, copies)
        found.flaws += _ledger_flaws(catalog)
        if deep:
            bad = {file.path for file in found.damaged_files}
            whole = [file for file in files if file.path not in bad]
            found.hashed = sum(file.content_hash is not None for file in whole)
            found.without_hash = len(whole) - found.hashed
            if not bad:
                incomplete = incomplete_inputs(warehouse.store, catalog, whole)
                found.incomplete = set(incomplete)
                found.flaws += [
                    Flaw("ledger", f"input {uri or input_id}", f"it has {there:,} of the {rows:,} rows that were read")
                    for input_id, (uri, rows, there) in incomplete.items()
                ]
    if deep and not found.damaged_files:  # those that rest on damaged files are derived again with them
        from iolake.warehouse.mart_check import differing

        found.marts, other = differing(warehouse, number, progress)
        found.flaws += [
            Flaw(
                "mart",
                f"{mart.name} of {p.owner} on {p.day}",
                "its rows are not what its model gives",
                None,
                (mart.name, p.owner, p.day),
            )
            for mart, p in other
        ]
    return found


def check_files(
    store: Store, files: Sequence[DataFile], *, deep: bool, progress: Progress | None = None
) -> Iterator[Flaw]:
    """The flaws of data files, in the files' order: by size and footer, with `deep` by content."""
    there = {stored.path: stored.size_bytes for stored in store.list()}
    with ThreadPoolExecutor(max(4, os.cpu_count() or 1)) as pool:
        checked = pool.map(lambda file: _file_flaw(store, file, there.get(file.path), deep), files)
        for done, flaw in enumerate(checked, start=1):
            if progress:
                progress("files", done, len(files))
            if flaw:
                yield flaw


def damage_of(store: Store, file: DataFile) -> DamagedFile | None:
    """The error for a data file that has another size than the ledger says, or in a folder another hash.

    An object store would send each file once more for its hash.
    """
    location = store.location(file.path)
    stored = store.stat(file.path)
    if stored is None:
        return DamagedFile(location, "missing")
    if stored.size_bytes != file.size_bytes:
        return DamagedFile(location, f"{stored.size_bytes:,} B instead of {file.size_bytes:,} B")
    try:
        if store.local and file.content_hash and parquet.hash_of(store, file.path) != file.content_hash:
            return DamagedFile(location, parquet.OTHER_CONTENT)
    except DamagedFile as error:
        return error
    return None


def _file_flaw(store: Store, file: DataFile, size: int | None, deep: bool) -> Flaw | None:
    # A list of an object store may lag behind; the file itself is what counts.
    if size is None and not store.exists(file.path):
        return Flaw("missing", file.path, "missing", file)
    if size is not None and size != file.size_bytes:
        return Flaw("damaged", file.path, f"{size:,} B instead of {file.size_bytes:,} B", file)
    try:
        _, rows, columns = parquet.inspect(store, file.path)
        if rows != file.rows or columns != tuple(file.columns):
            return Flaw("damaged", file.path, "its rows or columns are not those that the ledger has", file)
        if deep and file.content_hash is None:
            parquet.read_whole(store, file.path, None)
        elif deep and parquet.hash_of(store, file.path) != file.content_hash:
            return Flaw("damaged", file.path, parquet.OTHER_CONTENT, file)
    except DamagedFile as error:
        return Flaw("damaged", file.path, error.problem, file)
    return None


def _month_flaws(files: Sequence[DataFile], copies: Sequence[DataFile]) -> Iterator[Flaw]:
    """The month files from which a view would read other rows than the data files of the month hold."""
    rows: Counter[tuple[str, str, date]] = Counter()
    for file in files:
        rows[months.key(file)] += file.rows
    seen: set[tuple[str, str, date]] = set()
    for copy in copies:
        if months.key(copy) in seen:
            yield Flaw("ledger", copy.path, "its month has another month file: views read each row twice", copy)
        elif copy.rows != rows[months.key(copy)]:
            problem = f"it has {copy.rows:,} rows, but the data files of its month have {rows[months.key(copy)]:,}"
            yield Flaw("ledger", copy.path, problem, copy)
        seen.add(months.key(copy))


def _ledger_flaws(catalog: Catalog) -> Iterator[Flaw]:
    for name, problem, rows in _LEDGER_RULES:
        yield from (Flaw("ledger", *row) for row in catalog.rows(f"SELECT '{name}', '{problem}' {rows}"))


def incomplete_inputs(store: Store, catalog: Catalog, files: Sequence[DataFile]) -> dict[str, tuple[str, int, int]]:
    """(uri, rows read, rows there) of each input that has fewer rows in `files` than were read, by input_id.

    Inputs of loads with tables that hold one row a key are left out: fuller rows of other inputs may replace theirs.
    """
    there: Counter[str] = Counter()
    unique: set[str] = set()
    for file in files:
        table = schemas.tables().get(file.table_name)
        if table is None or isinstance(table, Mart):
            continue
        if table.unique:
            unique.update(file.load_ids)
        there += rows_by_input(store, file)
    found: dict[str, tuple[str, int, int]] = {}
    for input_id, uri, rows, load_id in catalog.rows("SELECT input_id, uri, rows, load_id FROM inputs WHERE rows > 0"):
        if load_id not in unique and there[input_id] < rows:
            found[input_id] = (uri, rows, there[input_id])
    return found


def rows_by_input(store: Store, file: DataFile) -> Counter[str]:
    """How many rows a file has of each input. DamagedFile."""
    ids = parquet.read(store, file.path, [INPUT_ID.name], [INPUT_ID.name])[INPUT_ID.name]
    counts: defaultdict[str, int] = defaultdict(int)
    for row in pa.chunked_array(ids).value_counts().to_pylist():
        counts[row["values"]] += row["counts"]
    return Counter(counts)
