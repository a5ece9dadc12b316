"""A DuckDB client of version 1.2 opens a snapshot, without iolake."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from iolake import schemas
from iolake.warehouse.views import example, is_of_models, kind, required_parameters, sql_files
from tests.conftest import OLD_DUCKDB
from tests.warehouse.toy import Centre, df


def _call(name: str, text: str) -> str:
    """A call of a macro: the example in its file's head, or nulls."""
    nulls = ", ".join(["NULL"] * len(required_parameters(text)))
    return example(name, text).removeprefix("FROM ") or f"{name}({nulls})"


CALLS = tuple(
    _call(name, text) for name, text in sql_files().items() if kind(text) != "VIEW" and not is_of_models(name)
)
"""A call of each macro, except the models of marts."""
CLIENT = """
import json, sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
answers = [duckdb.__version__] + [con.sql(q).fetchall() for q in json.loads(sys.argv[2])]
print(json.dumps(answers, default=str))
"""


@pytest.mark.usefixtures("all_tables")
def test_a_client_of_1_2_reads_a_snapshot(centre: Centre, old_python: Path) -> None:
    """Its tables with their comments, a join of two, and every view and macro of sql/."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 7)], "lustre_target": [df("a", 1)]})
    centre.ingest()
    views = [name for name, text in sql_files().items() if "CREATE OR REPLACE VIEW" in text.upper()]
    queries = [
        "SELECT file_system, used_bytes, i.uri FROM lustre_df d JOIN lustre_target USING (file_system, target, ts) "
        "JOIN inputs i ON i.input_id = d.input_id",
        "SELECT comment FROM duckdb_views() WHERE view_name = 'lustre_df' AND schema_name = 'main'",
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'lustre_df' AND column_name = 'used_bytes' "
        "AND schema_name = 'main'",
        "SELECT function_name FROM duckdb_functions() WHERE NOT internal AND schema_name = 'main'",
        *(f"SELECT count(*) FROM (DESCRIBE FROM {table})" for table in schemas.tables()),
        *(f"SELECT count(*) FROM {view}" for view in (*views, *CALLS)),
    ]
    lake = centre.root / "lake" / "lake.duckdb"
    done = subprocess.run(
        [old_python, "-c", CLIENT, str(lake), json.dumps(queries)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    version, joined, table_comment, column_comment, macros, *answers = json.loads(done.stdout)
    columns, counts = answers[: len(schemas.tables())], answers[len(schemas.tables()) :]
    assert version == OLD_DUCKDB
    assert joined == [["scratch", 7, str(centre.root / "toy" / "2017-03-20.json")]]
    assert table_comment == [[dict(centre.lake.tables())["lustre_df"]]]
    assert column_comment == [["[B] used space (from Used)"]]
    assert {name for (name,) in macros} == {call.split("(")[0] for call in CALLS}
    assert columns == [[[len(table.all_columns)]] for table in schemas.tables().values()]
    assert len(counts) == len(views) + len(CALLS)


@pytest.mark.usefixtures("all_tables")
def test_every_declared_table_can_be_scanned_and_queried(centre: Centre) -> None:
    """polars and DuckDB agree on columns and types of every table of the lake."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 7)]})
    centre.ingest()
    import polars as pl

    lake = centre.lake
    for name in schemas.tables():
        assert lake.scan(name).collect_schema() == pl.Schema(lake.sql(f"FROM {name} LIMIT 0").pl().schema)
    missing = [name for name, comment in lake.tables().items() if not comment]
    assert missing == []
