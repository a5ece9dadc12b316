"""A centre whose inputs and lake lie on S3, by the command line, against a server on this machine's loopback."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner

from iolake.demo.truth import Truth
from iolake.extractors.base import Span
from iolake.extractors.files import match
from iolake.pipelines.cli import cli
from iolake.schemas.locations import MissingExtra
from iolake.warehouse import Lake

SITE = """
[lake]
uri = "{bucket}/lake"

[clusters.osprey]
timezone = "America/Los_Angeles"
darshan = {{ files = "{bucket}/centre/darshan/osprey/%Y/%-m/%-d/*.darshan" }}
slurm = {{ files = "{bucket}/centre/slurm/osprey/%Y-%m-%d.txt" }}

[file_systems.lagoon]
mounts = ["/lagoon"]
backend = "lag01"
timezone = "America/Los_Angeles"
df = {{ files = "{bucket}/centre/lfs/%Y-%m-%d/df.txt.gz" }}
hdf5 = {{ files = "{bucket}/centre/tts/%Y-%m-%d/lag01.hdf5" }}
"""
CLIENT = """
import glob, json, os, sys, duckdb, duckdb_extension_httpfs
(extension,) = glob.glob(duckdb_extension_httpfs.__path__[0] + "/extensions/*/httpfs.duckdb_extension")
con = duckdb.connect()
con.execute(f"LOAD '{extension}'")
con.execute(
    "CREATE SECRET (TYPE s3, KEY_ID 'nobody', SECRET 'nothing', REGION 'us-east-1', URL_STYLE 'path', USE_SSL false, "
    f"ENDPOINT '{os.environ['AWS_ENDPOINT_URL'].removeprefix('http://')}')"
)
con.execute(f"ATTACH '{sys.argv[1]}/lake.duckdb' AS lake (READ_ONLY)")
con.execute("USE lake")
print(json.dumps({table: con.sql(query).fetchall()[0][0] for table, query in json.load(sys.stdin).items()}))
"""
TABLES = ("slurm_jobs", "darshan_posix", "lustre_df", "lustre_ost")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new bucket of a server; the environment says where it is, as it would at a centre."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    name = f"bucket-{secrets.token_hex(4)}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    running.stop()


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


def by_httpfs(python: Path, lake: Lake) -> None:
    """A DuckDB without iolake reads the same rows through httpfs, of tables, a mart, a view and the ledger."""
    names = (*TABLES, "job_summary", "jobs", "loads")
    queries = {table: f"SELECT count(*) FROM {table}" for table in names} | {
        f"rows of {table}": f"SELECT md5(string_agg(t::VARCHAR, '|' ORDER BY t::VARCHAR)) FROM {table} AS t"
        for table in ("lustre_df", "slurm_jobs")
    }
    done = subprocess.run(
        [str(python), "-c", CLIENT, lake.uri], input=json.dumps(queries), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: lake.sql(query).fetchall()[0][0] for name, query in queries.items()}


def test_a_centre_on_s3_is_as_one_in_folders(
    small_centre: tuple[Truth, Lake], bucket: str, tmp_path: Path, extended_python: Path
) -> None:
    """P1, P2: ingest, sql, job, compact, gc and files; rows are those of the same inputs in folders."""
    _, local = small_centre
    root = Path(local.uri).parent
    store = fsspec.filesystem("s3")
    for folder in ("darshan/osprey", "slurm/osprey", "lfs", "tts"):
        store.put(str(root / folder), f"{bucket}/centre/{folder}", recursive=True)
    site = tmp_path / "site.toml"
    site.write_text(SITE.format(bucket=bucket))
    run("ingest", "--workers", "1", "--site", str(site))
    lake = Lake(f"{bucket}/lake")
    run("ingest", "--workers", "1", "--site", str(site))
    assert Lake(f"{bucket}/lake").snapshot == lake.snapshot

    def same(reader: Lake) -> None:
        for table in TABLES:
            owner = "cluster = 'osprey'" if table in {"slurm_jobs", "darshan_posix"} else "file_system = 'lagoon'"
            query = f"SELECT * EXCLUDE (load_id, input_id) FROM {table} WHERE {owner}"
            assert sorted(map(repr, reader.sql(query).fetchall())) == sorted(map(repr, local.sql(query).fetchall()))
            assert reader.scan(table).collect().height == reader.sql(f"FROM {table}").to_arrow_table().num_rows > 0

    same(lake)
    ((job,),) = local.sql(
        "SELECT max(job_id) FROM job_summary WHERE cluster = 'osprey' AND file_system = 'lagoon'"
    ).fetchall()
    assert str(job) in run("job", str(job), "--site", str(site))
    run("compact", "--site", str(site))
    run("gc", "--retention-days", "0", "--site", str(site))
    same(Lake(f"{bucket}/lake"))
    by_httpfs(extended_python, Lake(f"{bucket}/lake"))
    answer = run("sql", "SELECT count(*) AS n FROM slurm_jobs", "--format", "json", "--site", str(site))
    assert json.loads(answer)["n"] > 0
    listed = run("files", "slurm_jobs", "--site", str(site)).splitlines()
    assert listed
    assert all(store.exists(location) for location in listed)


def test_without_the_extra_one_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a lake on S3, and for inputs there."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    known: Any = vars(sys.modules["fsspec.registry"])["_registry"]
    monkeypatch.delitem(known, "s3", raising=False)
    failed = CliRunner().invoke(cli, ["sql", "FROM jobs", "--lake", "s3://bucket/lake"]).exception
    assert str(failed) == "s3://bucket/lake needs a missing package; pip install 'iolake[s3]' brings it"
    with pytest.raises(MissingExtra, match=r"^s3://bucket/.* brings it$"):
        list(match("s3://bucket/%Y-%m-%d.txt", Span()))
    unknown = CliRunner().invoke(cli, ["tables", "--lake", "s4://bucket/lake"]).exception
    assert "the protocol before :// is unknown" in str(unknown)
