"""What every extractor is: it finds inputs, and reads them into typed batches.

An extractor is pure. `find` never opens a file, and `read` never looks at the lake: all that the lake knows
of an input is `Input.known_hash`, the hash of the content that is in it already.
"""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar, Literal

import fsspec
import pyarrow as pa
import xxhash

from iolake.schemas.errors import PermanentError
from iolake.schemas.site import OwnerKind, Site
from iolake.schemas.table import Table


@dataclass(frozen=True, slots=True)
class Span:
    """Days [since, until), each in the source's own time zone; None is open."""

    since: date | None = None
    until: date | None = None

    def __contains__(self, day: date | None) -> bool:
        if day is None:
            return True
        return (self.since is None or day >= self.since) and (self.until is None or day < self.until)


@dataclass(frozen=True)
class Input:
    """One thing to read: a file, or a day of a database or of a command's answers.

    `day` is the day that the name speaks of, in the source's zone. `size_bytes` and `mtime` are None for what
    has none; such an input is read again whenever it is found. `rank` is its pattern's place in the site's
    order. `superseded` names the tables that a better source of the same (owner, day) fills instead.
    `settled` says that its content will not change any more, so that it is read once. `unreadable` is why it can't
    be read, where that is known when it is found.
    """

    source: str
    owner: str
    uri: str
    day: date | None = None
    size_bytes: int | None = None
    mtime: datetime | None = None
    known_hash: str | None = None
    rank: int = 0
    superseded: frozenset[str] = frozenset()
    settled: bool = False
    unreadable: str | None = None

    @cached_property
    def input_id(self) -> str:
        """Sixteen hex digits that name the input, the same whenever it is found."""
        return content_hash("\0".join((self.source, self.owner, self.uri)).encode())[:16]


class InputError(PermanentError):
    """An input that can't be read as what it should be. It becomes one line and a row in `rejects`."""

    def __init__(self, uri: str, reason: str, remedy: str = "") -> None:
        self.uri, self.reason, self.remedy = uri, reason, remedy
        super().__init__(f"{uri}: {reason}" + (f"; {remedy}" if remedy else ""))


@dataclass(frozen=True)
class Batch:
    """Rows of one table, in `table.batch_schema`'s columns.

    From `read`, the rows belong to the input being read. From `read_many`, the data has an `input_id` column
    as well. `in_order` promises that the rows of this and the input's further batches follow `table.sort_by`.
    """

    table: Table
    data: pa.Table | pa.RecordBatch
    in_order: bool = False


@dataclass(frozen=True)
class Reject:
    """A part of an input that was left out, or with `part` empty the whole input, and why.

    `transient` is worth another try although the input is the same: no permission, a server that is down.
    `rows` counts the rows that were left out: 0 where only a column or a value was, None where the part's name says it.
    """

    input: Input
    reason: str
    part: str = ""
    transient: bool = False
    rows: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How one input ended: the last thing that `read_many` says of it.

    `unchanged` means that its content is what the lake has, and none of its rows were in any batch; those of a rejected
    input may have been.
    """

    input: Input
    status: Literal["loaded", "unchanged", "rejected"]
    content_hash: str | None = None


class Extractor(ABC):
    """A source. `version` is raised when the same input would give other rows; inputs are then read again."""

    source: ClassVar[str]
    """The key in site.toml, and the name that `iolake ingest` takes."""
    version: ClassVar[int]
    owner: ClassVar[OwnerKind]
    tables: ClassVar[Sequence[Table]]
    batch_inputs: ClassVar[int] = 1
    """How many inputs a worker gets at once, at most."""
    content_addressed: ClassVar[bool] = False
    """True where one content is one thing wherever it lies, so that a copy is not loaded twice."""
    contested: ClassVar[frozenset[str]] = frozenset()
    """Tables that other sources fill for the same owner and day: the site's order says which source does."""

    @abstractmethod
    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """What the site has in `span`: names, sizes and times only; nothing is opened."""

    @abstractmethod
    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """One input's batches, and rejects of parts of it; InputError rejects it whole."""

    def hash(self, input: Input, site: Site) -> str | None:
        """Hash of the content, before it is read; None where only the rows read can tell."""
        with fsspec.open(input.uri, "rb") as file:
            return hashlib.file_digest(file, _blake2b).hexdigest()

    def read_many(self, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
        """Read `inputs`; every one of them ends in exactly one Outcome.

        This default reads one after the other and hands rows on as they come, so that they can be written meanwhile;
        those of an input that is rejected in the end are the caller's to drop. A source with a faster way for many
        inputs overrides it.
        """
        for input in inputs:
            try:
                yield from self._read_one(input, site)
            except (InputError, OSError) as error:
                yield rejection(input, error)
                yield Outcome(input, "rejected")

    def _read_one(self, input: Input, site: Site) -> Iterator[Batch | Reject | Outcome]:
        digest = self.hash(input, site)
        if digest is not None and digest == input.known_hash:
            yield Outcome(input, "unchanged", digest)
            return
        results: Iterable[Batch | Reject] = self.read(input, site)
        rows = _RowsHash()
        if digest is None:
            results = rows.passing(results)
            if input.known_hash is not None:
                results = list(results)  # only all of them tell whether they are what the lake has
                if rows.hexdigest() == input.known_hash:
                    yield Outcome(input, "unchanged", input.known_hash)
                    return
        for result in results:
            yield with_input_id(result, input) if isinstance(result, Batch) else result
        yield Outcome(input, "loaded", digest or rows.hexdigest())


def as_text(name: str) -> str:
    """A file's name as it can be stored: what is not UTF-8 in it is written out (\\xff)."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def rejection(input: Input, error: InputError | OSError) -> Reject:
    """The reject of a whole input for an error in reading it."""
    if isinstance(error, InputError):
        return Reject(input, error.reason + (f"; {error.remedy}" if error.remedy else ""))
    return Reject(input, f"cannot be read: {error.strerror or error}", transient=True)


def with_input_id(batch: Batch, input: Input) -> Batch:
    """The batch with an `input_id` column that names `input` in each row: one name, and a number a row."""
    data = pa.table(batch.data) if isinstance(batch.data, pa.RecordBatch) else batch.data
    codes = pa.repeat(pa.scalar(0, pa.int32()), data.num_rows)
    names = pa.DictionaryArray.from_arrays(codes, [input.input_id], safe=False)
    return replace(batch, data=data.append_column("input_id", names))


class _RowsHash(io.RawIOBase):
    """Hash of what is read of an input that has no content of its own, such as a database's day.

    It only has to tell a change, so it is one of the fast ones.
    """

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_128()
        self.hexdigest = self._hash.hexdigest

    def passing(self, results: Iterable[Batch | Reject]) -> Iterator[Batch | Reject]:
        """The same results, each hashed as it goes by."""
        for result in results:
            if isinstance(result, Reject):
                self.write(f"{result.part}\0{result.reason}".encode())
            else:
                self.write(result.table.name.encode())
                names = result.data.schema.names
                told = result.data.select([n for n in names if result.data[n].null_count < len(result.data)])
                with pa.ipc.new_stream(pa.PythonFile(self, "w"), told.schema) as writer:
                    writer.write(told)
            yield result

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._hash.update(content)
        return len(content)


def content_hash(content: bytes | memoryview) -> str:
    """The lake's hash of a content: 32 hex digits of BLAKE2b."""
    return _blake2b(content).hexdigest()


def _blake2b(content: bytes | memoryview = b"") -> hashlib.blake2b:
    return hashlib.blake2b(content, digest_size=16)
