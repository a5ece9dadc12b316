"""Queries that may read the lake and nothing else: no other file, no write, no extension, no change of settings."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iolake.schemas import ddl
from iolake.schemas.errors import PermanentError
from iolake.warehouse.scratch import scratch

if TYPE_CHECKING:
    import duckdb

    from iolake.warehouse.lake import Lake

_READING: Final = frozenset({"SELECT", "EXPLAIN", "MULTI"})
"""Kinds of DuckDB statements that read. MULTI is what PIVOT becomes."""
_EXPLAIN_ANALYZE: Final = re.compile(r"\s*EXPLAIN\s+ANALYZE\s+", re.IGNORECASE | re.ASCII)
"""No comment or option may stand between the two, so that what follows is what DuckDB runs."""
_HIDDEN: Final = re.compile(r"\bCOPY\b.*\bTO\b|\bjson_execute_serialized_sql\b|\bquery\b\"?\s*(\(|--|/\*)", re.I | re.S)
"""What may write though DuckDB takes it for reading: COPY in a CTE or around PIVOT, and texts that two functions run.

Strings and comments count, too, so that none of them can hide it.
"""
SAFE_MEMORY: Final = "2GB"
SAFE_THREADS: Final = 2
SAFE_SECONDS: Final = 60.0


class NotAllowed(PermanentError):
    """A statement that does more than read the lake."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"{kind} does more than read the lake; iolake sql --unsafe allows it")


class TookTooLong(PermanentError):
    """A query that was ended at the bound of time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the query was ended after {seconds:.0f} s, the bound of --safe; ask for less")


@dataclass(frozen=True)
class Sandbox:
    """Answers people's queries of a lake; `safe` also bounds memory, threads and time, for a shared service.

    DuckDB itself refuses other files and settings. A statement that writes is refused here, since DuckDB may write
    where it may read.
    """

    lake: Lake
    scratch: tempfile.TemporaryDirectory[str]
    safe: bool = False

    @classmethod
    def of(cls, lake: Lake, *, safe: bool = False) -> Sandbox:
        """Restrict the lake's connection, for good, to the lake's own files and a folder for answers."""
        folder = scratch()
        allowed = ", ".join(ddl.literal(folder.rstrip("/") + "/") for folder in (lake.root, folder.name))
        settings = [
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            f"SET allowed_directories = [{allowed}]",
            "SET enable_external_access = false",
        ]
        if safe:
            settings += [f"SET memory_limit = {ddl.literal(SAFE_MEMORY)}", f"SET threads = {SAFE_THREADS}"]
        for setting in (*settings, "SET lock_configuration = true"):
            lake.sql(setting)
        return cls(lake, folder, safe)

    @property
    def folder(self) -> str | None:
        """Where an answer may be written on its way to the reader."""
        return self.scratch.name

    def statements(self, text: str) -> list[duckdb.Statement]:
        """The statements of a text, none of them run yet. NotAllowed where one does more than read."""
        found = self.lake.statements(text)
        for statement in found:
            self._refuse_more_than_reading(statement)
        return found

    def _refuse_more_than_reading(self, statement: duckdb.Statement) -> None:
        kind = str(statement.type).rpartition(".")[2]
        if kind not in _READING:
            raise NotAllowed(kind)
        if _HIDDEN.search(statement.query):
            raise NotAllowed("COPY ... TO, query() or json_execute_serialized_sql()")
        if kind == "EXPLAIN" and "analyze" in statement.query.casefold():  # it may run what it explains
            plain = _EXPLAIN_ANALYZE.match(statement.query)
            if plain is None:
                raise NotAllowed("EXPLAIN with ANALYZE elsewhere than behind it")
            for explained in self.lake.statements(statement.query[plain.end() :]):
                self._refuse_more_than_reading(explained)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """End what the connection does after `SAFE_SECONDS` where `safe`; TookTooLong."""
        if not self.safe:
            yield
            return
        done, ended = threading.Event(), threading.Event()

        def end() -> None:
            if done.wait(SAFE_SECONDS):
                return
            ended.set()
            while not done.wait(0.1):  # an answer may be on its way now, and another query begin after it
                self.lake.interrupt()

        watch = threading.Thread(target=end, daemon=True)
        watch.start()
        try:
            yield
        except Exception as error:
            if ended.is_set() and type(error).__name__ == "InterruptException":
                raise TookTooLong(SAFE_SECONDS) from None
            raise
        finally:
            done.set()
            watch.join()


@dataclass(frozen=True)
class Unbounded:
    """Answers queries of a lake that may do anything that DuckDB can."""

    lake: Lake
    folder: str | None = None

    def statements(self, text: str) -> list[duckdb.Statement]:
        """The statements of a text, none of them run yet."""
        return self.lake.statements(text)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """No bound."""
        yield
