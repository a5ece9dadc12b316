"""Garbage beside a centre's good files: every good file is loaded, and each bad one is rejected with its reason."""

import gzip
import sqlite3
from pathlib import Path

import pytest

from iolake import schemas
from iolake.demo.centre import simulate
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake

SACCT = """\
JobIDRaw|User|State|Submit|Start|End|AllocNodes
900001|amy|COMPLETED|2025-10-29T01:00:00|2025-10-29T01:00:10|2025-10-29T01:01:00|1
900002|amy|COMPLETED|2025-10-29T01:00:00
900003|bob|FAILED|2025-10-29T01:00:00|2025-10-29T01:00:20|2025-10-29T01:02:00|2
"""
GHOST = """
[file_systems.ghost]
timezone = "UTC"
lmt = { uri = "sqlite:///ghost.sqlite3" }
"""


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated centre whose logs are all whole."""
    root = tmp_path_factory.mktemp("centre") / "centre"
    truth = simulate(root, days=1, jobs=10, osts=4, files=2, step_s=60)
    for path in truth.rejects:
        (root / path).unlink()
    return root


@pytest.fixture(scope="module")
def clean(centre: Path) -> Lake:
    """The lake of the centre without garbage, which garbage must not change."""
    return loaded(centre, "clean")


@pytest.fixture(scope="module")
def soiled(centre: Path, clean: Lake) -> Lake:
    """The lake of the same centre with garbage among its files."""
    logs = centre / "darshan" / "osprey" / "2025" / "10" / "25"
    whole = max(logs.glob("*.darshan"), key=lambda path: path.stat().st_size)
    (logs / "empty.darshan").touch()
    (logs / "cut.darshan").write_bytes(whole.read_bytes()[:-100])
    (logs / "text.darshan").write_text("core dumped\n" * 1000)
    (centre / "slurm" / "osprey" / "2025-10-29.txt").write_text(SACCT)
    (centre / "slurm" / "osprey" / "2025-10-30.txt").write_text("sacct: error: Problem talking to the database\n")
    day = centre / "tts" / "2025-10-29"
    day.mkdir()
    (day / "lag01.hdf5").write_text("this is no HDF5\n" * 1000)
    day = centre / "lfs" / "2025-10-29"
    day.mkdir()
    (day / "df.txt.gz").write_text("neither compressed nor a table\n")
    (day / "targets.txt.gz").write_bytes(gzip.compress(b"BEGIN 1761750000\nlctl: command not found\n"))
    with sqlite3.connect(centre / "ghost.sqlite3") as con:
        con.execute("CREATE TABLE unrelated (x)")
    (centre / "site.toml").write_text((centre / "site.toml").read_text() + GHOST)
    return loaded(centre, "soiled")


def loaded(centre: Path, name: str) -> Lake:
    site = Site.read(centre / "site.toml")
    uri = str(centre / name)
    ingest(site.model_copy(update={"lake": site.lake.model_copy(update={"uri": uri})}), workers=0)
    return Lake(uri)


def counts(lake: Lake) -> dict[str, int]:
    tables = schemas.tables()
    return {name: lake.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in tables}


def test_the_centre_without_garbage_has_no_rejects(clean: Lake) -> None:
    assert clean.sql("FROM rejects").fetchall() == []
    assert sum(counts(clean).values()) > 1000


def test_everything_else_is_loaded(clean: Lake, soiled: Lake) -> None:
    """P5: a rejected input never stops the others. The sacct file with a short line still has two good rows."""
    more = {name: counts(clean)[name] + 2 for name in ("slurm_jobs", "job_summary", "job_verdict")}
    assert counts(soiled) == counts(clean) | more
    assert soiled.sql(
        "SELECT job_id, nnodes FROM slurm_jobs WHERE job_id BETWEEN 900001 AND 900003 ORDER BY 1"
    ).fetchall() == [
        (900001, 1),
        (900003, 2),
    ]


@pytest.mark.parametrize(
    ("source", "name", "part", "reason"),
    [
        ("darshan", "empty.darshan", "", "empty"),
        ("darshan", "cut.darshan", "", "cut off"),
        ("darshan", "text.darshan", "", "is not a Darshan log"),
        ("slurm", "2025-10-29.txt", "line 3", "has 4 values where the header has 7"),
        ("slurm", "2025-10-30.txt", "", "begins with a message"),
        ("hdf5", "lag01.hdf5", "", "is not an HDF5 file"),
        ("df", "df.txt.gz", "", "has no row of `lfs df`"),
        ("targets", "targets.txt.gz", "", "has no row of `lctl dl -t`"),
        ("lmt", "ghost.sqlite3", "", "has no table TIMESTAMP_INFO"),
    ],
)
def test_each_reject_says_what_is_wrong(soiled: Lake, source: str, name: str, part: str, reason: str) -> None:
    """P5: a rejected input is a row with its reason."""
    found = soiled.sql(
        "SELECT reason FROM rejects WHERE source = $1 AND ends_with(uri, $2) AND part = $3 "
        "AND regexp_matches(reason, $4)",
        [source, name, part, reason],
    ).fetchall()
    rejects = soiled.sql("SELECT source, uri, part, reason FROM rejects ORDER BY ALL").fetchall()
    assert found, "\n".join(map(str, rejects))


def test_nothing_but_the_garbage_is_rejected_and_all_of_it_is_counted(soiled: Lake) -> None:
    """P5: found = loaded + unchanged + rejected + superseded, garbage or not."""
    names = soiled.sql("SELECT DISTINCT parse_filename(uri) FROM rejects ORDER BY 1").fetchall()
    assert [name for (name,) in names] == [
        "2025-10-29.txt",
        "2025-10-30.txt",
        "cut.darshan",
        "df.txt.gz",
        "empty.darshan",
        "ghost.sqlite3",
        "lag01.hdf5",
        "targets.txt.gz",
        "text.darshan",
    ]
    ((whole, parts),) = soiled.sql("SELECT sum(rejected), sum(parts_rejected) FROM coverage").fetchall()
    # both file systems have df and targets
    assert (whole, parts) == (10, 1)
