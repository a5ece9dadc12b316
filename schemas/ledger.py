"""The ledger: what was loaded, from what, and what was not. These tables are in the catalog itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.inputs import DAY, OWNER, ROWS, SOURCE, InputRecord, RejectRecord, columns_of
from iolake.schemas.table import INPUT_ID, LOAD_ID, TEXT, TIMESTAMP, Column

_LIST: Final = pa.list_(TEXT)
_N: Final = pa.int64()


@dataclass(frozen=True)
class LedgerTable:
    """A table of the catalog: name, meaning, columns."""

    name: str
    doc: str
    columns: Sequence[Column]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of its rows."""
        return pa.schema([c.arrow_field for c in self.columns])


_VERSION = Column("extractor_version", pa.int32(), "version of the extractor that read it")

LOADS: Final = LedgerTable(
    "loads",
    "A load: what one run took of a source for an owner and a day. found = loaded + unchanged + rejected + superseded.",
    [
        LOAD_ID,
        SOURCE,
        OWNER,
        DAY,
        Column("run_id", TEXT, "the run that it belongs to", identifies=Identity.JOB),
        _VERSION,
        Column("started_at", TIMESTAMP, "when the run began it"),
        Column("committed_at", TIMESTAMP, "when its rows became visible"),
        Column("snapshot", _N, "the snapshot that brought it"),
        Column("found", _N, "inputs found"),
        Column("loaded", _N, "inputs whose rows the load brought"),
        Column("unchanged", _N, "inputs that the lake had already"),
        Column("rejected", _N, "inputs that could not be read"),
        Column("superseded", _N, "inputs left to a better source of the same day"),
        ROWS,
        Column("size_bytes", _N, "size of the data files written", unit="B"),
    ],
)
INPUTS: Final = LedgerTable(
    "inputs",
    "Every input that was ever found, as it was last seen.",
    [
        INPUT_ID,
        Column(
            "load_id",
            TEXT,
            "the load whose rows of it are in the lake; without rows, the one that saw it last",
            identifies=Identity.CODE,
        ),
        *(column for column in columns_of(InputRecord) if column is not INPUT_ID),
        _VERSION,
    ],
)
REJECTS: Final = LedgerTable(
    "rejects",
    "What could not be read, and why: whole inputs, and parts of inputs that were loaded.",
    [
        LOAD_ID,
        SOURCE,
        OWNER,
        *columns_of(RejectRecord),
        Column("rejected_at", TIMESTAMP, "when it was rejected"),
    ],
)
# Of a data file and of a month file alike.
_PATH: Final = Column("path", TEXT, "path below the lake's location", identifies=Identity.PATH)
_TABLE_OF_ROWS: Final = Column("table_name", TEXT, "the table whose rows it holds")
_ROWS_IN_FILE: Final = Column("rows", _N, "rows in the file")
_SIZE: Final = Column("size_bytes", _N, "size of the file", unit="B")
_GENERATION: Final = Column("generation", TEXT, "which columns it has: joins to generations")

FILES: Final = LedgerTable(
    "files",
    "The data files of this snapshot.",
    [
        _PATH,
        _TABLE_OF_ROWS,
        OWNER,
        Column("date", pa.date32(), "UTC day of its rows"),
        _ROWS_IN_FILE,
        _SIZE,
        Column("load_id", TEXT, "the load, compaction or replacement that wrote it", identifies=Identity.CODE),
        Column("load_ids", _LIST, "the loads whose rows it holds"),
        _GENERATION,
        Column("first_ts", TIMESTAMP, "UTC; when the first of its rows begins; null where rows have no time but date"),
        Column("last_ts", TIMESTAMP, "UTC; when the last of its rows ends"),
        Column("first_job_id", _N, "least job id of its rows; null where a row has none", identifies=Identity.JOB),
        Column("last_job_id", _N, "greatest job id of its rows; null where a row has none", identifies=Identity.JOB),
        Column("content_hash", TEXT, "XXH3-128 of the file; null where it was written before iolake recorded it"),
    ],
)
MONTHS: Final = LedgerTable(
    "months",
    "Month files: each holds the rows of all data files of a table, owner and month. Views read it instead of these.",
    [
        _PATH,
        _TABLE_OF_ROWS,
        OWNER,
        Column("month", pa.date32(), "first day of the month of its rows"),
        _ROWS_IN_FILE,
        _SIZE,
        Column("load_id", TEXT, "the compaction that wrote it", identifies=Identity.CODE),
        _GENERATION,
        Column("content_hash", TEXT, "XXH3-128 of the file"),
    ],
)
GENERATIONS: Final = LedgerTable(
    "generations",
    "The sets of columns that data files have: a table that gained a column has two.",
    [
        Column("generation", TEXT, "hash of the table's name and its columns"),
        Column("table_name", TEXT, "the table"),
        Column("column_names", _LIST, "the columns in the files"),
    ],
)
DERIVED: Final = LedgerTable(
    "derived",
    "The partitions of marts: which are fresh, so that their rows lie in data files, and which a query computes. A "
    "fresh one was made from the rows that this snapshot has of the tables that the mart reads, from first_day to "
    "last_day.",
    [
        Column("table_name", TEXT, "the mart"),
        OWNER,
        Column("date", pa.date32(), "UTC day of its rows"),
        Column("fresh", pa.bool_(), "whether its rows lie in data files; else a query computes them"),
        Column(
            "fingerprint", TEXT, "hash of the model and of the loads and rows that it was made from; null where stale"
        ),
        Column("first_day", pa.date32(), "the first day of any table that its rows rest on"),
        Column("last_day", pa.date32(), "the last such day"),
        Column(
            "as_of_days",
            pa.list_(pa.date32()),
            "days of the tables whose newest rows at the start of a run count, however old; see mart_reads",
        ),
        Column("rows", _N, "its rows; null where it is stale"),
        Column("load_id", TEXT, "the derivation that wrote it; null where it is stale", identifies=Identity.CODE),
    ],
)
SNAPSHOTS: Final = LedgerTable(
    "snapshots",
    "The history up to this snapshot, one row a commit.",
    [
        Column("number", _N, "the snapshot's number"),
        Column("committed_at", TIMESTAMP, "when it was published"),
        Column(
            "operation",
            TEXT,
            "ingest, derive, compact, forget, site, relocate, recover, repair, rebuild; thresholds in older releases",
            identifies=Identity.NOTHING,
        ),
        Column("loads", _N, "loads that it brought"),
        Column("files_added", _N, "data files added"),
        Column("files_removed", _N, "data files that it no longer names"),
        Column("rows", _N, "rows in all data files"),
        Column("size_bytes", _N, "size of all data files", unit="B"),
        Column("root", TEXT, "the lake's location, which the views name"),
        Column("iolake_version", TEXT, "version of iolake that published it; null for older ones"),
        Column("declarations", TEXT, "hash of the table and view declarations that the views follow"),
    ],
)
THRESHOLDS: Final = LedgerTable(
    "thresholds",
    "The thresholds of finding_rules that site.toml sets, as of this snapshot.",
    [
        Column("code", TEXT, "the rule, as finding_rules names it", identifies=Identity.NOTHING),
        Column("threshold", pa.float64(), "its threshold, in the rule's unit"),
    ],
)

OWNERS: Final = LedgerTable(
    "owners",
    "What site.toml says of each cluster, file system and endpoint, as of this snapshot. An owner's local time is "
    "`ts AT TIME ZONE 'UTC' AT TIME ZONE timezone`.",
    [
        OWNER,
        Column("kind", TEXT, "cluster, file_system or endpoint", identifies=Identity.NOTHING),
        Column("timezone", TEXT, "its IANA time zone", identifies=Identity.NOTHING),
        Column("mounts", _LIST, "mount points of a file system; empty for others", identifies=Identity.PATH),
        Column("backend", TEXT, "name of a file system in the servers' own tools", identifies=Identity.SITE),
    ],
)
MART_READS: Final = LedgerTable(
    "mart_reads",
    "Which of the lake's other tables the rows of each mart come from, also by way of other marts: with `derived` and "
    "`files`, the files that a row was made from, which the macro mart_files lists.",
    [
        Column("mart", TEXT, "the mart"),
        Column("table_name", TEXT, "a table that its model reads"),
        Column("same_owner", pa.bool_(), "whether a partition comes from its own owner's rows alone"),
        Column(
            "days_around",
            pa.int32(),
            "how many days on both sides of its own a partition reads; null where the times of its rows decide: then "
            "those that `derived` has, from first_day to last_day",
        ),
        Column("as_of", pa.bool_(), "whether it reads the days that `derived` has in as_of_days, and no others"),
    ],
)

LEDGER: Final = (LOADS, INPUTS, REJECTS, FILES, MONTHS, GENERATIONS, DERIVED, MART_READS, SNAPSHOTS, THRESHOLDS, OWNERS)
