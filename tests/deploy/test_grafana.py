"""The Grafana dashboards: every query runs over lake.duckdb, opened read-only, and shows what the lake has."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
SINCE, UNTIL = datetime(2025, 10, 25, tzinfo=UTC), datetime(2025, 10, 27, 12, tzinfo=UTC)
EMPTY = {"Gaps"}
"""Panels that show nothing where nothing is wrong, as on the demo's lake."""
TIME_SERIES = 0
"""The data source's number of the format that Grafana draws against time; 1 is a table."""
UNITS = {"none", "short", "percent", "percentunit", "bytes", "Bps", "ops", "s", "d"}
"""Ids from Grafana's list of units (`getValueFormat`); an id that it does not know is drawn as a suffix."""
PANELS = [(name, panel) for name, board in DASHBOARDS.items() for panel in board["panels"]]
IDS = [f"{name}-{panel['title']}" for name, panel in PANELS]


def expanded(sql: str, values: dict[str, list[str]]) -> str:
    """The SQL that reaches DuckDB: Grafana replaces the variables, then the data source its one macro."""

    def rfc3339(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    numbers = {
        "__from": str(int(SINCE.timestamp() * 1000)),
        "__to": str(int(UNTIL.timestamp() * 1000)),
        "__interval_ms": "300000",
    }
    for name, number in numbers.items():
        sql = sql.replace(f"${{{name}}}", number)
    for name, texts in values.items():
        sql = sql.replace(f"${{{name}:sqlstring}}", ",".join("'" + text.replace("'", "''") + "'" for text in texts))
    sql = re.sub(r"\$__timeFilter\(([^()]+)\)", rf"\1 >= '{rfc3339(SINCE)}' AND \1 <= '{rfc3339(UNTIL)}'", sql)
    assert "$" not in sql, f"Grafana knows no such variable or macro: {sql}"
    return sql


@pytest.fixture(scope="module")
def con(demo_centre: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake as the data source opens it: any DuckDB, read-only, without iolake."""
    with duckdb.connect(str(demo_centre / "lake" / "lake.duckdb"), read_only=True) as opened:
        yield opened


def choices(con: duckdb.DuckDBPyConnection, board: dict[str, Any], file_system: str = "fjord") -> dict[str, list[str]]:
    """What the dashboard's variables offer: all of it where it takes several values, else the file system."""
    return {
        variable["name"]: [t for (t,) in con.sql(variable["query"]).fetchall() if variable["multi"] or t == file_system]
        for variable in board["templating"]["list"]
    }


def test_the_variables_offer_each_file_system_and_cluster(con: duckdb.DuckDBPyConnection) -> None:
    for board in DASHBOARDS.values():
        offered = {v["name"]: con.sql(v["query"]).fetchall() for v in board["templating"]["list"]}
        assert offered == {
            "file_system": [("estuary",), ("fjord",), ("lagoon",)],
            "cluster": [("avocet",), ("dunlin",), ("heron",), ("osprey",), ("plover",)],
        }


@pytest.mark.parametrize("file_system", ["fjord", "estuary"])
@pytest.mark.parametrize(("name", "panel"), PANELS, ids=IDS)
def test_each_panel_shows_what_the_lake_has(
    con: duckdb.DuckDBPyConnection, name: str, panel: dict[str, Any], file_system: str
) -> None:
    """A query that fails, returns no row or only nulls fails, and so does a type that the data source cannot show.

    The panels show a Storage Scale file system, estuary, as they show one of Lustre.
    """
    values = choices(con, DASHBOARDS[name], file_system)
    for target in panel["targets"]:
        answer = con.sql(expanded(target["rawSql"], values))
        rows = answer.fetchall()
        assert rows or panel["title"] in EMPTY
        for column, kind in zip(answer.columns, answer.types, strict=True):
            assert str(kind) not in {"HUGEINT", "UHUGEINT", "UBIGINT"}, f"{column}: Grafana knows no {kind}"
        if target["format"] == TIME_SERIES:
            times = [row[answer.columns.index("time")] for row in rows]
            assert times == sorted(times), "Grafana draws no time series whose rows are not in the order of time"
            labels = answer.columns.index("metric") if "metric" in answer.columns else None
            assert len({(row[0], row[labels] if labels is not None else None) for row in rows}) == len(rows)
        measured = [row[place] for row in rows for place, column in enumerate(answer.columns) if column != "time"]
        assert not rows or any(value is not None for value in measured)


def test_a_name_with_a_quote_is_text(con: duckdb.DuckDBPyConnection) -> None:
    """Names are data: a file system named `o'brien` finds nothing, and breaks no query."""
    for _, panel in PANELS:
        for target in panel["targets"]:
            con.sql(expanded(target["rawSql"], {"file_system": ["o'brien"], "cluster": ["'); --"]})).fetchall()


CLIENT = """
import json, sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
print(json.dumps([len(con.sql(sql).fetchall()) for sql in json.loads(sys.argv[2])]))
"""


def test_the_oldest_data_source_runs_each_query(
    con: duckdb.DuckDBPyConnection, demo_centre: Path, old_python: Path
) -> None:
    """Version 0.2 of the data source has DuckDB 1.2 inside."""
    sqls = [
        expanded(target["rawSql"], choices(con, DASHBOARDS[name]))
        for name, panel in PANELS
        for target in panel["targets"]
    ]
    lake = demo_centre / "lake" / "lake.duckdb"
    done = subprocess.run(
        [old_python, "-c", CLIENT, str(lake), json.dumps(sqls)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [len(con.sql(sql).fetchall()) for sql in sqls]


def test_what_was_not_seen_has_no_value(con: duckdb.DuckDBPyConnection) -> None:
    """P12: a day or an hour seen for less than 95 % has no bar and no cell."""
    (day,) = [p for _, p in PANELS if p["title"] == "Bytes moved a day"]
    sql = expanded(day["targets"][0]["rawSql"], {"file_system": ["lagoon"]})
    drawn = {time.date() for time, read, written in con.sql(sql).fetchall() if read is not None or written is not None}
    seen = con.sql("SELECT date FROM file_system_day WHERE file_system = 'lagoon' AND seen_pct >= 95").fetchall()
    assert drawn == {date for (date,) in seen}
    assert len(drawn) < len(con.sql(sql).fetchall())


def test_panels_have_room_ids_and_the_provisioned_data_source() -> None:
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "iolake.yaml").read_text())["datasources"]
    provided = [{"type": source["type"], "uid": source["uid"]} for source in sources]
    assert all(source["jsonData"]["readOnly"] is True for source in sources)
    for board in DASHBOARDS.values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken
            assert at["x"] + at["w"] <= 24
            taken |= cells
            assert all(part["datasource"] in provided for part in (panel, *panel["targets"]))
            assert panel["description"]
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        assert all(variable["datasource"] in provided for variable in board["templating"]["list"])
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS) == 3


def units(part: Any) -> Iterator[str]:
    """The units of a panel: of its defaults, of the overrides of single columns, and of a heatmap's cells and axes."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "unit" and isinstance(value, str):
                yield value
            elif key == "properties":
                yield from (each["value"] for each in value if each["id"] == "unit")
            else:
                yield from units(value)
    elif isinstance(part, list):
        for value in part:
            yield from units(value)


def test_each_dashboard_has_what_the_importer_needs() -> None:
    """Grafana migrates an older schema, gives a board without `id` a new one, and tells queries apart by `refId`."""
    for name, board in DASHBOARDS.items():
        assert board["schemaVersion"] >= 36, "older boards name a data source by its name alone"
        assert board.get("id") is None, f"{name}: an id of one server overwrites another board"
        assert board["title"]
        assert {"from", "to"} <= set(board["time"])
        assert len({variable["name"] for variable in board["templating"]["list"]}) == len(board["templating"]["list"])
        for panel in board["panels"]:
            letters = [target["refId"] for target in panel["targets"]]
            assert all(letters)
            assert len(set(letters)) == len(letters)
            assert not set(units(panel)) - UNITS, f"{name}, {panel['title']}: Grafana knows no such unit"
    assert {unit for _, panel in PANELS for unit in units(panel)} >= {"bytes", "Bps", "percent", "s"}


def test_the_provisioned_folder_is_where_the_dashboards_go() -> None:
    providers = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "iolake.yaml").read_text())["providers"]
    assert [p["options"]["path"] for p in providers] == ["/var/lib/grafana/dashboards/iolake"]
    assert all(place in (GRAFANA / "README.md").read_text() for place in ("/var/lib/grafana/dashboards", "readOnly"))
