"""The interface of a source: an extractor finds inputs and reads them into typed batches.

Extractors are pure. `find` opens no file and `read` never looks at the lake. All that an extractor learns about the
lake is `Input.known_hash`, the hash of the content that the lake has already.
"""

from __future__ import annotations

import hashlib
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, ClassVar, Literal

import fsspec
import pyarrow as pa
import xxhash

from iolake.schemas.errors import PermanentError
from iolake.schemas.inputs import FoundInput
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
class Input(FoundInput):
    """A unit of data to read: a file, or one day of a database or of a command's output.

    `day` is the day that the name gives, in the source's time zone. An input without `size_bytes` and `mtime` is
    read at every run. `rank` is the position of its pattern in site.toml. `superseded`
    names the tables that a better source of the same owner and day fills. `settled` inputs never change again and
    are read once. `unreadable` gives the reason where `find` knows that the input cannot be read. `place` is the
    location that identifies the input: its path relative to site.toml's folder, else empty, which means the uri.
    `tries` is the number of runs that the machine could not read it in. `known_id` is the id that the ledger has for
    the input, where an older iolake gave it one by another rule.
    """

    known_hash: str | None = None
    rank: int = 0
    settled: bool = False
    unreadable: str | None = None
    place: str = ""
    known_id: str = ""

    @cached_property
    def input_id(self) -> str:
        """Sixteen hex digits, the same at every run: the hash of source, owner, and place or uri."""
        return self.known_id or input_id(self.source, self.owner, self.place or self.uri)

    @cached_property
    def id_by_uri(self) -> str:
        """The id that iolake 0.1.0 gave the input, and that an input outside site.toml's folder has."""
        return input_id(self.source, self.owner, self.uri)


def input_id(source: str, owner: str, location: str) -> str:
    """The id of an input: the first 16 hex digits of the BLAKE2b-128 of source, owner and location."""
    return content_hash("\0".join((source, owner, location)).encode())[:16]


class InputError(PermanentError):
    """An input that cannot be read. It becomes one line of output and one row of `rejects`."""

    def __init__(self, uri: str, reason: str, remedy: str = "") -> None:
        self.uri, self.reason, self.remedy = _one_line(uri), _one_line(reason), _one_line(remedy)
        super().__init__(f"{self.uri}: {self.reason}" + (f"; {self.remedy}" if remedy else ""))


class OptionError(InputError):
    """An input that can be read once site.toml sets an option of its source to `value`."""

    def __init__(self, uri: str, reason: str, option: str, value: str | float) -> None:
        self.option, self.value = option, value
        super().__init__(uri, reason, f"set options.{option} = {value}")


@dataclass(frozen=True)
class Batch:
    """Rows of one table, with the columns of `table.batch_schema`.

    Rows that `read` yields belong to the input that it reads. Rows that `read_many` yields have an `input_id` column
    as well. `in_order` promises that all batches of the input follow `table.sort_by`.
    """

    table: Table
    data: pa.Table | pa.RecordBatch
    in_order: bool = False


@dataclass(frozen=True)
class Reject:
    """A part of an input that was left out, and the reason; an empty `part` means the whole input.

    A `transient` reject is tried again although the input is unchanged: permission denied, a server that is down.
    A `lacking` one took more memory or time than the machine had, and is tried again in a few runs.
    `rows` is the number of rows left out: 0 where only a column or a value was, None where it is one or unknown.
    A `once` reject is for what comes again in each input, such as a parameter without a table: the ledger names its
    `part` once for each source and owner.
    """

    input: Input
    reason: str
    part: str = ""
    transient: bool = False
    rows: int | None = None
    lacking: bool = False
    once: bool = False

    def __post_init__(self) -> None:
        """A name or value that it quotes may have line breaks; a reject is one line."""
        object.__setattr__(self, "reason", _one_line(self.reason))
        object.__setattr__(self, "part", _one_line(self.part))


@dataclass(frozen=True)
class Outcome:
    """The result for one input, which `read_many` yields after everything else about that input.

    `unchanged` means that the lake has the content already and no batch holds its rows. Batches may hold rows of a
    rejected input; the caller drops them.
    """

    input: Input
    status: Literal["loaded", "unchanged", "rejected"]
    content_hash: str | None = None


class Extractor(ABC):
    """A source. Raise `version` when the same input would give other rows: the lake then reads inputs again."""

    source: ClassVar[str]
    """The key in site.toml, the argument of `iolake ingest`, and the name of the entry point."""
    version: ClassVar[int]
    owner: ClassVar[OwnerKind]
    tables: ClassVar[Sequence[Table]]
    what: ClassVar[str] = ""
    """What its files are, for the site.toml that `iolake init` writes; its source's name where it is empty."""
    heads: ClassVar[Sequence[str]] = ()
    """Regular expressions, `^` begins any line: `iolake init` recognises texts whose beginning fits one of them."""
    inputs_name: ClassVar[str] = "inputs"
    """What a run calls several of its inputs."""
    batch_inputs: ClassVar[int] = 256
    """The most inputs of a day that one call of `read_many` gets; the pipeline also bounds their bytes."""
    content_addressed: ClassVar[bool] = False
    """Whether equal content at another path is a copy, and loaded once."""
    contested: ClassVar[frozenset[str]] = frozenset()
    """Tables that other sources fill too: on each owner's day, the source that comes first in site.toml fills them."""

    def __init_subclass__(cls) -> None:
        if isinstance(cls.heads, str):
            raise TypeError(f"{cls.__name__}.heads is one text, each letter a pattern; write a tuple of patterns")

    @classmethod
    def recognises(cls, head: str) -> bool:
        """Whether the beginning of a text is that of this source's files."""
        return any(re.search(pattern, head, re.MULTILINE) for pattern in cls.heads)

    @classmethod
    def systems(cls, head: str) -> Sequence[tuple[str, str | None]]:
        """The file systems that the beginning of a text names, each with its mount point where it says that."""
        return ()

    @abstractmethod
    def find(self, site: Site, span: Span) -> Iterator[Input]:
        """Yield the inputs of `span` that exist, with names, sizes and times. Opens nothing."""

    @abstractmethod
    def read(self, input: Input, site: Site) -> Iterator[Batch | Reject]:
        """Yield the input's batches, and rejects for parts of it. Raises InputError to reject the whole input."""

    def hash(self, input: Input, site: Site) -> str | None:
        """The hash of the content before it is read; None where only the rows can be hashed."""
        with fsspec.open(input.uri, "rb") as file:
            return hashlib.file_digest(file, _blake2b).hexdigest()

    def read_many(self, inputs: Sequence[Input], site: Site) -> Iterator[Batch | Reject | Outcome]:
        """Read `inputs`, and yield exactly one Outcome for each.

        The default reads one input after the other and yields batches as they come. Sources that read many inputs
        faster together override it.
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
                held: list[Batch | Reject] = []  # the hash needs all rows
                try:
                    held.extend(results)
                except (InputError, OSError):
                    yield from (result for result in held if isinstance(result, Reject))
                    raise
                results = held
                if rows.hexdigest() == input.known_hash:
                    yield Outcome(input, "unchanged", input.known_hash)
                    return
        for result in results:
            yield with_input_id(result, input) if isinstance(result, Batch) else result
        yield Outcome(input, "loaded", digest or rows.hexdigest())


def as_text(name: str) -> str:
    """A file's name as storable text: bytes that are not UTF-8 are escaped, as in \\xff."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _one_line(text: str) -> str:
    return "\\n".join(text.splitlines()) if len(text.splitlines()) > 1 else text.rstrip("\r\n")


def quoted(said: object) -> str:
    """A library's own text in brackets, to stand behind a reason of ours; empty where it gives none."""
    text = " ".join(str(said).split())
    return f" ({text[:200]})" if text else ""


def rejection(input: Input, error: InputError | OSError) -> Reject:
    """The reject of a whole input, for an error raised while reading it."""
    if isinstance(error, InputError):
        return Reject(input, error.reason + (f"; {error.remedy}" if error.remedy else ""))
    return Reject(input, f"cannot be read: {error.strerror or error}", transient=True)


def with_input_id(batch: Batch, input: Input) -> Batch:
    """The batch with an `input_id` column, dictionary-encoded."""
    data = pa.table(batch.data) if isinstance(batch.data, pa.RecordBatch) else batch.data
    codes = pa.repeat(pa.scalar(0, pa.int32()), data.num_rows)
    names = pa.DictionaryArray.from_arrays(codes, [input.input_id], safe=False)
    return replace(batch, data=data.append_column("input_id", names))


class _RowsHash(io.RawIOBase):
    """Hash of the rows of an input that has no file to hash, such as one day of a database.

    XXH3: it detects changes and need not resist attacks.
    """

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_128()
        self.hexdigest = self._hash.hexdigest

    def passing(self, results: Iterable[Batch | Reject]) -> Iterator[Batch | Reject]:
        """Yield `results` unchanged, and hash each."""
        for result in results:
            if isinstance(result, Reject):
                self.write(f"{result.part}\0{result.reason}".encode())
            else:
                self.write(result.table.name.encode())
                names = result.data.schema.names
                known = result.data.select([n for n in names if result.data[n].null_count < len(result.data)])
                with pa.ipc.new_stream(pa.PythonFile(self, "w"), known.schema) as writer:
                    writer.write(known)
            yield result

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._hash.update(content)
        return len(content)


def content_hash(content: bytes | memoryview) -> str:
    """The lake's content hash: 32 hex digits of BLAKE2b."""
    return _blake2b(content).hexdigest()


def _blake2b(content: bytes | memoryview = b"") -> hashlib.blake2b:
    return hashlib.blake2b(content, digest_size=16)
