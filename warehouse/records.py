"""A load on its way from the workers that stage it to the commit that publishes it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import blake2b

from iolake.schemas.inputs import STATUSES, InputRecord, RejectRecord, Status


def new_id() -> str:
    """A unique id that sorts by time, to the microsecond."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def now() -> datetime:
    """The present, in UTC without a zone, as every TIMESTAMP of the lake."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file: a row of the ledger's `files`, with its columns in place of their hash."""

    path: str
    table_name: str
    owner: str
    date: date
    rows: int
    size_bytes: int
    load_id: str
    load_ids: Sequence[str]
    columns: Sequence[str]
    first_ts: datetime | None = None
    last_ts: datetime | None = None
    first_job_id: int | None = None
    last_job_id: int | None = None
    content_hash: str | None = None

    @property
    def generation(self) -> str:
        """The hash of the file's table and columns."""
        return generation_of(self.table_name, self.columns)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A published snapshot: its row of the ledger's `snapshots`, and whether it is kept for good."""

    number: int
    committed_at: datetime
    operation: str
    loads: int
    rows: int
    size_bytes: int
    pinned: bool


def generation_of(table_name: str, columns: Sequence[str]) -> str:
    """The name of a set of columns."""
    return blake2b("\0".join((table_name, *columns)).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class LoadInfo:
    """The identity of a load, known before its first row."""

    load_id: str
    run_id: str
    source: str
    owner: str
    day: date | None
    extractor_version: int
    content_addressed: bool = False
    base_snapshot: int = -1
    """The newest snapshot when the load was planned, -1 without one: loads are ordered by it, and by no clock."""
    started_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class _Staged:
    """Data files, and the result for each input that they were read from.

    `touched` are inputs with a new uri, time or size and the content that the lake has.
    """

    info: LoadInfo
    files: tuple[DataFile, ...] = ()
    inputs: tuple[InputRecord, ...] = ()
    touched: tuple[InputRecord, ...] = ()
    rejects: tuple[RejectRecord, ...] = ()
    once: tuple[RejectRecord, ...] = ()
    """Rejects that the ledger keeps once: one for each source, owner and part."""
    unchanged: int = 0
    """How many inputs are as the ledger has them."""


@dataclass(frozen=True)
class StagedUnit(_Staged):
    """What one worker staged of a load."""

    @property
    def ended(self) -> int:
        """The number of inputs that it has a result for (P5)."""
        return len(self.inputs) + len(self.touched) + self.unchanged


@dataclass(frozen=True)
class Load(_Staged):
    """A whole load, ready to publish; some inputs are still rejected or superseded, as the ledger has them."""

    still_rejected: int = 0
    still_superseded: int = 0

    def with_units(self, units: Sequence[StagedUnit]) -> Load:
        """The load with all that workers staged of it."""
        return replace(
            self,
            files=self.files + tuple(file for unit in units for file in unit.files),
            inputs=self.inputs + tuple(record for unit in units for record in unit.inputs),
            touched=self.touched + tuple(record for unit in units for record in unit.touched),
            rejects=self.rejects + tuple(reject for unit in units for reject in unit.rejects),
            once=self.once + tuple(reject for unit in units for reject in unit.once),
            unchanged=self.unchanged + sum(unit.unchanged for unit in units),
        )

    @property
    def is_news(self) -> bool:
        """Whether publishing it changes the ledger."""
        return bool(self.inputs or self.touched)

    def count(self, status: Status) -> int:
        """How many of its inputs have that status, including those that it did not touch."""
        untouched = {
            "unchanged": self.unchanged + len(self.touched),
            "rejected": self.still_rejected,
            "superseded": self.still_superseded,
        }.get(status, 0)
        return untouched + sum(record.status == status for record in self.inputs)

    @property
    def found(self) -> int:
        """Every input that was found for it (P5)."""
        return sum(self.count(status) for status in STATUSES)

    @property
    def rows(self) -> int:
        """Rows of its inputs in all tables."""
        return sum(record.rows for record in self.inputs)


@dataclass
class Changes:
    """What was done to a catalog since it was opened: the loads it was given, and data files by their paths."""

    loads: int = 0
    added: dict[str, DataFile] = field(default_factory=dict)
    removed: dict[str, DataFile] = field(default_factory=dict)
    written: list[DataFile] = field(default_factory=list)
    """Files that were written for this edit; remove them if it is not published."""
    months: set[str] = field(default_factory=set)
    """The tables that gained or lost month files."""
    thresholds: bool = False
    """Whether thresholds of finding_rules changed."""

    marts: set[str] = field(default_factory=set)
    """The marts with partitions that became fresh or stale."""

    @property
    def tables(self) -> set[str]:
        """The tables whose files, or what is computed beside these, changed."""
        return {f.table_name for f in (*self.added.values(), *self.removed.values())} | self.months | self.marts
