"""`iolake sql` reads the lake and nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from iolake import Lake
from iolake.warehouse import sandbox
from iolake.warehouse.sandbox import NotAllowed, Sandbox, TookTooLong
from tests.warehouse.toy import Centre, df


@pytest.fixture
def lake(centre: Centre) -> Lake:
    centre.write("2026-03-01.json", {"lustre_df": [df("OST0000", 1)]})
    centre.ingest()
    return centre.lake


def ask(box: Sandbox, text: str) -> list[Any]:
    """The rows of the text's last statement."""
    return [box.lake.sql(statement).fetchall() for statement in box.statements(text)][-1]


@pytest.mark.parametrize(
    "query",
    [
        "FROM lustre_df",
        "FROM inputs",
        "DESCRIBE inputs",
        "SHOW TABLES",
        "PIVOT lustre_df ON target USING count(*)",
        "EXPLAIN FROM inputs",
        "explain analyze FROM inputs",
        "EXPLAIN ANALYZE -- how long?\n FROM inputs",
        "EXPLAIN ANALYZE (SELECT 1) UNION ALL (SELECT 2)",
        "EXPLAIN(FORMAT json) SELECT 'é'",
        "SELECT used_bytes AS copy, 'a query' AS query FROM lustre_df",
        "FROM query_table('lustre_df')",
    ],
)
def test_what_the_lake_has_can_be_asked(lake: Lake, query: str) -> None:
    assert ask(Sandbox.of(lake), query)


@pytest.mark.parametrize("kind", ["COPY", "EXPORT", "ATTACH", "LOAD", "SET", "PRAGMA", "CREATE", "PREPARE", "CALL"])
def test_a_statement_that_does_more_than_read_is_refused_by_its_kind(lake: Lake, kind: str) -> None:
    """P1: nothing a query says may change a snapshot."""
    inside = f"{lake.root}/catalog/00000001.duckdb"
    query = {
        "COPY": f"COPY (SELECT 1) TO '{inside}'",
        "EXPORT": f"EXPORT DATABASE '{lake.root}/out'",
        "ATTACH": f"ATTACH '{inside}'",
        "LOAD": "INSTALL spatial",
        "SET": "SET enable_external_access = true",
        "PRAGMA": "PRAGMA enable_profiling",
        "CREATE": "CREATE TEMP TABLE t AS SELECT 1",
        "PREPARE": f"PREPARE p AS COPY (SELECT 1) TO '{inside}'",
        "CALL": "CALL pragma_version()",
    }[kind]
    with pytest.raises(NotAllowed, match=f"{kind} does more than read the lake"):
        ask(Sandbox.of(lake), query)


@pytest.mark.parametrize(
    "query",
    [
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'",
        "EXPLAIN /* ( */ (ANALYZE) COPY (SELECT 1) TO 'x'",
        "EXPLAIN (ANALYZE 'x) SELECT 1 --') COPY (SELECT 1) TO 'x'",
        "EXPLAIN (FORMAT json, \"analyze\") COPY (SELECT 1) TO 'x'",
        "EXPLAIN ANALYZE /* /* */ SELECT 1 -- */ COPY (SELECT 1) TO 'x'",
        "SELECT 'é'; /* é */ EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'",
        "SELECT 1; COPY (SELECT 1) TO 'x'",
        "WITH x AS (COPY (SELECT 1) TO 'x' (FORMAT csv)) FROM x",
        "COPY (PIVOT lustre_df ON target USING count(*)) TO 'x'",
        "EXPLAIN ANALYZE COPY (PIVOT lustre_df ON target USING count(*)) TO 'x'",
        "FROM json_execute_serialized_sql(json_serialize_sql('WITH x AS (CO'||'PY t T'||'O ''x'') FROM x'))",
        "FROM query('FROM json_exec' || 'ute_serialized_sql(''{}'')')",
        "FROM \"query\" /* ( */ ('SELECT 1')",
    ],
)
def test_a_writing_statement_is_found_behind_another(lake: Lake, query: str) -> None:
    with pytest.raises(NotAllowed):
        ask(Sandbox.of(lake), query)


@pytest.mark.parametrize("reader", ["read_text", "read_blob", "read_csv", "glob"])
def test_other_files_cannot_be_read(lake: Lake, tmp_path: Path, reader: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2\n")
    box = Sandbox.of(lake)
    for path in (str(secret), f"{lake.root}/../secret.txt"):
        with pytest.raises(duckdb.Error):
            ask(box, f"SELECT * FROM {reader}('{path}')")


def test_a_query_ends_at_the_bound_of_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SAFE_SECONDS", 0.2)
    box = Sandbox.of(lake, safe=True)
    with pytest.raises(TookTooLong), box.bounded():
        ask(box, "SELECT count(*) FROM range(10000000) a, range(10000000) b")


def test_the_bound_of_time_holds_after_an_answer_that_its_reader_was_slow_to_take(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound passes while no query runs, and the next one is ended all the same."""
    monkeypatch.setattr(sandbox, "SAFE_SECONDS", 0.1)
    box = Sandbox.of(lake, safe=True)
    with pytest.raises(TookTooLong), box.bounded():
        time.sleep(0.3)
        ask(box, "SELECT count(*) FROM range(10000000) a, range(10000000) b")
