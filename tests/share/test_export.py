"""An export for publication identifies nobody, and its tables give the same answers as the lake's."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from iolake import schemas
from iolake.demo.truth import Truth
from iolake.pipelines.cli import cli
from iolake.schemas.identity import Identity
from iolake.schemas.ledger import INPUTS, LOADS, REJECTS
from iolake.schemas.table import TEXT, Column
from iolake.warehouse import Lake
from iolake.warehouse.pseudonyms import Pseudonyms

KEY = "a key that no other export has"
DAYS = 400
JOINS = (
    "darshan_posix JOIN darshan_logs USING (cluster, log_id)",
    "darshan_posix p JOIN darshan_lustre l USING (cluster, log_id, record_id, rank)",
    "job_summary JOIN slurm_jobs USING (cluster, run_id)",
    "job_neighbours n JOIN job_summary s ON s.cluster = n.neighbour_cluster AND s.run_id = n.neighbour_run_id",
    "job_summary s JOIN lustre_fs f ON f.file_system = s.file_system AND f.ts BETWEEN s.start_time AND s.end_time",
    "slurm_jobs JOIN (SELECT DISTINCT cluster, job_id, user_name FROM darshan_logs) USING (cluster, job_id, user_name)",
    "darshan_logs JOIN inputs USING (input_id) JOIN loads ON loads.load_id = darshan_logs.load_id",
    "lustre_jobstats j JOIN slurm_jobs s USING (job_id)",
    "(SELECT DISTINCT split_part(path, '/', 2), split_part(path, '/', 3) FROM darshan_posix)",
    "darshan_posix WHERE starts_with(path, mount_point || '/')",
    "darshan_logs WHERE split_part(split_part(exe, ' ', 1), '/', -1) = exe_name",
    "(SELECT unnest(nodes) AS n FROM slurm_jobs) JOIN (SELECT DISTINCT hostname AS n FROM darshan_dxt) USING (n)",
)
"""Questions whose counts of rows are the same in the lake and in an export."""


def run(lake: Lake, folder: Path, *options: str, key: str | None = KEY) -> Result:
    """The command as a user gives it."""
    environment = {"IOLAKE_EXPORT_KEY": key}
    return CliRunner().invoke(cli, ["export", str(folder), "--lake", lake.uri, *options], env=environment)


@pytest.fixture(scope="module")
def centre(small_centre: tuple[Truth, Lake]) -> tuple[Truth, Lake]:
    return small_centre


@pytest.fixture
def lake(centre: tuple[Truth, Lake]) -> Lake:
    return centre[1]


@pytest.fixture(scope="module")
def public(centre: tuple[Truth, Lake], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole lake, anonymised and shifted."""
    folder = tmp_path_factory.mktemp("export") / "public"
    done = run(centre[1], folder, "--anonymise", "--shift", str(DAYS))
    assert done.exit_code == 0, done.output
    return folder


def texts(value: Any) -> Iterator[str]:
    """Every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts([*value.keys(), *value.values()])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def identifying(truth: Truth, lake: Lake) -> tuple[set[str], set[int]]:
    """Names and numbers that the simulated centre's own books say of people, jobs and places, and the lake's paths."""
    names: set[str] = {KEY, lake.uri}
    for job in truth.jobs:
        names |= {job["cluster"], job["user"], job["account"], job["name"], job["shown_id"], *job["nodes"]}
    for log in truth.logs:
        names |= {log["path"], log["exe"], Path(log["exe"]).name, Path(log["path"]).name}
    paths = lake.sql("SELECT DISTINCT path FROM darshan_posix WHERE path IS NOT NULL").fetchall()
    names |= {part for (path,) in paths for part in path.split("/") if not part.startswith("<STD")}
    for (uri,) in lake.sql("SELECT uri FROM inputs").fetchall():
        names |= {uri, uri.removeprefix(str(Path(lake.uri).parent)).lstrip("/")}
    names |= {name for (name,) in lake.sql("SELECT DISTINCT file_system FROM lustre_fs").fetchall()}
    names |= {
        name
        for row in lake.sql("SELECT DISTINCT server, server_address FROM lustre_target").fetchall()
        for name in row
        if name
    }
    numbers = {job["job_id"] for job in truth.jobs}
    numbers |= {
        n
        for (n,) in lake.sql("SELECT DISTINCT uid FROM slurm_jobs UNION SELECT record_id FROM darshan_posix").fetchall()
        if n
    }
    return {name for name in names if len(name) > 1 and not re.fullmatch(r"\d{1,4}", name)}, numbers


def test_no_identifying_string_of_the_centre_is_in_the_export(centre: tuple[Truth, Lake], public: Path) -> None:
    """No such text is in values, statistics, metadata, file names, or files beside the tables."""
    names, numbers = identifying(*centre)
    assert len(names) > 100
    declared: list[Any] = [*schemas.tables().values(), LOADS, INPUTS, REJECTS]
    comments = [text for t in declared for text in (t.doc, *(c.comment for c in t.columns))]
    spoken = set(re.findall(r"\w+", " ".join(comments)))
    advice = {text for row in centre[1].sql("SELECT advice, reference FROM finding_rules").fetchall() for text in row}
    directions = {"in", "out"}  # of a transfer; a folder has one of these names
    ordered = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(map(re.escape, ordered))})(?![A-Za-z0-9])")
    found: set[str] = set()
    for path in public.rglob("*"):
        found |= set(pattern.findall(str(path.relative_to(public))))
        if path.suffix in {".md", ".json"}:
            found |= set(pattern.findall(path.read_text())) - spoken
        if path.suffix != ".parquet":
            continue
        file = pq.ParquetFile(path)
        plain = pa.BufferOutputStream()
        data = file.read()
        pq.write_table(data, plain, compression="none", use_dictionary=False)
        for column in data.columns:
            values = column.unique() if not pa.types.is_nested(column.type) else column
            said = {text for value in values.to_pylist() for text in texts(value)} - advice - directions
            found |= {name for text in said for name in pattern.findall(text)}
            if pa.types.is_integer(column.type) and column.type.bit_width == 64:
                assert not numbers & {n for n in values.to_pylist() if n and abs(n) > 1000}, path
        footer = path.read_bytes()[-int.from_bytes(path.read_bytes()[-8:-4], "little") - 8 :]
        for raw in (plain.getvalue().to_pybytes(), footer):
            found |= {name for name in names - spoken if len(name) >= 6 and name.encode() in raw}
        assert set(file.metadata.metadata or {}) <= {b"ARROW:schema", b"doc", b"table"}
    assert found == set()


def test_tables_of_an_anonymised_export_join_as_in_the_lake(lake: Lake, public: Path) -> None:
    """Keys, prefixes of paths and names in LIST columns are hashed alike everywhere."""
    counts = {query: lake.sql(f"SELECT count(*) FROM {query}").fetchall() for query in JOINS}
    assert all(count > 0 for ((count,),) in counts.values()), counts
    assert {query: rows(public, f"SELECT count(*) FROM {query}") for query in JOINS} == counts


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """A query's answer by an export's files alone."""
    with duckdb.connect() as con:
        for table in (p.name for p in folder.iterdir() if p.is_dir()):
            con.execute(f"CREATE VIEW {table} AS FROM read_parquet('{folder}/{table}/*.parquet')")
        return con.sql(query).fetchall()


def test_what_identifies_nobody_is_as_it_was_and_times_are_shifted(lake: Lake, public: Path) -> None:
    """P6: sums, nulls and zeros stay; every time is moved by the same days, and so are the names of files."""
    same = (
        "SELECT count(*), count(exit_code), sum(elapsed_s), count(*) FILTER (exit_code = 0) FROM slurm_jobs",
        "SELECT sum(POSIX_BYTES_READ), count(DISTINCT path), count(DISTINCT record_id), count(path) FROM darshan_posix",
        "SELECT ost, sum(read_bytes), sum(map_extract(op_time_us, 'x')[1]) FROM lustre_ost GROUP BY ost ORDER BY ost",
        "SELECT alloc_tres, count(*) FROM slurm_jobs GROUP BY ALL ORDER BY ALL",
    )
    for query in same:
        assert rows(public, query) == lake.sql(query).fetchall()
    for column, table in (
        ("start_time", "slurm_jobs"),
        ("ts", "lustre_fs"),
        ("date", "darshan_logs"),
        ("mtime", "inputs"),
    ):
        query = f"SELECT min({column}), max({column}) FROM {table}"
        (before,), (after,) = lake.sql(query).fetchall(), rows(public, query)
        assert [b + timedelta(DAYS) for b in before] == [*after]
    days = lake.sql("SELECT DISTINCT date FROM lustre_fs").fetchall()
    assert {p.stem for p in (public / "lustre_fs").iterdir()} == {str(d + timedelta(DAYS)) for (d,) in days}


def test_a_plain_export_has_the_lakes_rows(lake: Lake, tmp_path: Path) -> None:
    """P1: has the tables and days asked for, with every column; a failed export leaves nothing."""
    done = run(lake, tmp_path / "plain", "--tables", "darshan_posix,slurm_jobs", "--tables", "inputs")
    assert done.exit_code == 0, done.output
    assert {p.name for p in (tmp_path / "plain").iterdir()} == {
        "darshan_posix",
        "slurm_jobs",
        "inputs",
        "dictionary.md",
        "croissant.json",
    }
    for table in ("darshan_posix", "slurm_jobs", "inputs"):
        (exported,) = [duckdb.read_parquet(f"{tmp_path}/plain/{table}/*.parquet")]
        known = lake.sql(f"FROM {table}")
        assert exported.columns == known.columns
        assert sorted(map(repr, exported.fetchall())) == sorted(map(repr, known.fetchall()))
    ((first, last),) = lake.sql("SELECT min(date), max(date) FROM lustre_ost").fetchall()
    assert (
        run(
            lake, tmp_path / "some", "--tables", "lustre_ost", "--since", str(last), "--until", str(last + timedelta(1))
        ).exit_code
        == 0
    )
    assert [p.stem for p in (tmp_path / "some" / "lustre_ost").iterdir()] == [str(last)]
    assert first < last
    for problem, options in {
        "exists and is not empty": ["plain"],
        "no table lustre_os; did you mean lustre_ost": ["no", "--tables", "lustre_os"],
        "no row of these tables and days": ["no", "--since", "1999-01-01", "--until", "1999-01-02"],
        "at least 16 characters": ["no", "--anonymise"],
    }.items():
        failed = run(lake, tmp_path / options[0], *options[1:], key="short")
        assert failed.exit_code == 1
        assert problem in str(failed.exception)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plain", "some"]


def test_the_key_is_made_once_and_lies_outside(lake: Lake, tmp_path: Path) -> None:
    """A key gives the same hashes in each export, another key others; only its owner can read the key's file."""
    key = tmp_path / "keys" / "export.key"
    options = ("--anonymise", "--tables", "slurm_jobs", "--shift", "secret")
    for name in ("one", "two"):
        assert run(lake, tmp_path / name, *options, "--key", str(key), key=None).exit_code == 0
    assert run(lake, tmp_path / "other", *options).exit_code == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (one,), (two,), (other,) = ([*(tmp_path / n / "slurm_jobs").iterdir()] for n in ("one", "two", "other"))
    assert (one.name, one.read_bytes()) == (two.name, two.read_bytes())
    column = {p: set(pq.read_table(p)["user_name"].to_pylist()) - {None} for p in (one, other)}
    assert column[one]
    assert not column[one] & column[other]
    inside = run(lake, tmp_path / "new", "--anonymise", "--key", str(tmp_path / "new" / "k"), key=None)
    assert "the key must not lie in the export" in str(inside.exception)
    assert run(lake, tmp_path / "new", "--shift", "3").exit_code == 2


def test_metadata_describes_every_file_and_column(public: Path) -> None:
    """Croissant 1.0: checksums are right and every field's column is there; mlcroissant accepts it where installed."""
    metadata = json.loads((public / "croissant.json").read_text())
    assert metadata["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    files = {d["contentUrl"]: d for d in metadata["distribution"] if d["@type"] == "cr:FileObject"}
    assert files.keys() == {str(p.relative_to(public)) for p in public.rglob("*.parquet")}
    for path, entry in files.items():
        assert entry["sha256"] == hashlib.sha256((public / path).read_bytes()).hexdigest()
    sets = {d["@id"]: d["includes"] for d in metadata["distribution"] if d["@type"] == "cr:FileSet"}
    dictionary = (public / "dictionary.md").read_text()
    for records in metadata["recordSet"]:
        (sources,) = {f["source"]["fileSet"]["@id"] for f in records["field"]}
        columns = {f["source"]["extract"]["column"] for f in records["field"]}
        for path in public.glob(sets[sources]):
            schema = pq.read_schema(path)
            nested = {f.name for f in schema if pa.types.is_map(f.type)} | ({"overloaded"} & set(schema.names))
            assert columns == set(schema.names) - nested
            assert all(f"| `{name}` |" in dictionary for name in schema.names)
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant brings pandas and rdflib: tried by hand")
    assert not mlcroissant.Dataset(jsonld=str(public / "croissant.json")).metadata.issues.errors


def decided(column: Column) -> bool:
    """Whether a column whose values may identify somebody says what they identify."""
    may = column.type in {pa.int64(), pa.uint64()} and re.search(r"(id|ID)\d*$|^(node|router|switch)$", column.name)
    return bool(column.identifies) or not (may or pa.types.is_nested(column.type) or column.type == TEXT)


def test_every_column_that_may_identify_says_what() -> None:
    """One declaration, beside the column, also for ids, LIST, MAP and STRUCT."""
    tables = [
        *((t.name, t.all_columns) for t in schemas.tables().values()),
        *((t.name, t.columns) for t in (LOADS, INPUTS, REJECTS)),
    ]
    assert [f"{name}.{c.name}" for name, columns in tables for c in columns if not decided(c)] == []
    kinds = {
        c.name: {d.identity for _, columns in tables for d in columns if d.name == c.name}
        for _, columns in tables
        for c in columns
    }
    several = {name: found for name, found in kinds.items() if len(found) > 1}
    unlike = {"device", "network", "interface", "name", "id", "value", "component", "switches"}
    assert several.keys() <= unlike, "columns of one name join, so they are hashed alike; these do not join"


def test_a_column_that_does_not_say_is_hashed() -> None:
    """A plug-in's texts and ids may say anything, also within LIST, MAP and STRUCT; its counts stay."""
    made = Pseudonyms(KEY.encode(), timedelta(days=1))
    values: dict[str, tuple[pa.DataType, list[Any]]] = {
        "words": (TEXT, ["alice", "", None, "alice"]),
        "rack_id": (pa.int64(), [7, 0, None, -1]),
        "many": (pa.list_(TEXT), [["alice", "bob"], [], None, [None]]),
        "pairs": (pa.map_(TEXT, TEXT), [[("alice", "bob")], [], None, [("alice", None)]]),
        "parts": (
            pa.struct({"who": TEXT, "n": pa.int64()}),
            [{"who": "alice", "n": 7}, None, None, {"who": None, "n": 1}],
        ),
        "bytes": (pa.int64(), [7, 0, None, -1]),
        "at": (pa.timestamp("us"), [datetime(2026, 1, 1), None, None, None]),
        "day": (pa.date32(), [date(2026, 1, 1), None, None, None]),
    }
    for name, (kind, given) in values.items():
        out = made.column(Column(name, kind, "of a plug-in"), pa.chunked_array([pa.array(given, kind)]))
        assert out.type == kind
        assert out.is_null().to_pylist() == [v is None for v in given]
        assert not {"alice", "bob"} & {text for value in out.to_pylist() for text in texts(value)}
        if name == "rack_id":
            first, zero, _, negative = out.to_pylist()
            assert (first not in {0, 7}, zero, negative) == (True, 0, -1)
        if name == "bytes":
            assert out.to_pylist() == given
    assert out.to_pylist()[0] == date(2026, 1, 2)


def test_paths_keep_their_shape_and_kinds_do_not_mix() -> None:
    """Prefixes of whole components stay prefixes; a user's hash is not that of a folder with the user's name."""
    made = Pseudonyms(KEY.encode())
    deep, folder = made.text(Identity.PATH, "/scratch/ada/run/out.h5"), made.text(Identity.PATH, "/scratch/ada")
    assert deep.startswith(folder + "/")
    assert [len(p) for p in deep.split("/")] == [0, 16, 16, 16, 16]
    assert made.text(Identity.COMMAND, "/bin/ada -i /scratch/ada").split()[2] == folder
    assert made.text(Identity.PATH, "<STDOUT>") == "<STDOUT>"
    assert made.text(Identity.TARGET, "OST00ad") == "OST00ad"
    assert made.text(Identity.TARGET, "oss-17") == made.text(Identity.HOST, "oss-17") != "oss-17"
    hashes = {
        made.text(kind, "ada") for kind in Identity if kind not in {Identity.NOTHING, Identity.COMMAND, Identity.TARGET}
    }
    assert len(hashes) == len(Identity) - 3
