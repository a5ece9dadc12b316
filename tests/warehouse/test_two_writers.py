"""P7: processes that commit at once lose nothing."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from iolake.warehouse import layout
from iolake.warehouse.lake import Lake
from tests.warehouse.toy import Centre, df, expected, rows

CHECKOUT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
from iolake import schemas
from iolake.pipelines import registry
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from tests.warehouse.toy import TABLES, TOYS
from iolake.warehouse import views
vars(registry)["extractors"] = lambda: TOYS
vars(schemas)["tables"] = lambda: TABLES
vars(views)["sql_files"] = dict
site = Site.model_validate({
    "root": sys.argv[1], "lake": {"uri": sys.argv[3]},
    "file_systems": {"scratch": {"toy": {"files": [sys.argv[2] + "/%Y-%m-%d*.json", "shared/%Y-%m-%d*.json"]}}},
})
print("ready", flush=True)
for line in sys.stdin:
    print(*ingest(site, workers=0).snapshots, flush=True)
"""


def start(root: Path, name: str, lake: str) -> subprocess.Popen[str]:
    """A process that ingests a source of its own and a shared one, once for each line on its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), name, lake],
        cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip


def say(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin
    writer.stdin.write("go\n")


def hear(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout
    return writer.stdout.readline().strip()


@pytest.mark.parametrize("count", [2, 5])
def test_writers_that_commit_at_once_lose_nothing(centre: Centre, count: int) -> None:
    """P7: every load is in the end, also of an input that all of them load, and that has old rows to replace."""
    names = [f"writer{n}" for n in range(count)]
    centre.write("2017-03-20.json", {"lustre_df": [df("shared", 1, 1)]}, "shared")
    for name in names:
        centre.write("2017-03-20.json", {"lustre_df": [df(name, 1, 1)]}, name)
    writers = [start(centre.root, name, centre.site.lake_uri) for name in names]
    try:
        assert [hear(w) for w in writers] == ["ready"] * count
        published: list[int] = []
        for night in range(2):
            for writer in writers:
                say(writer)
            published += [int(n) for w in writers for n in hear(w).split()]
            expect = [df("shared", 1, night + 1), *(df(name, 1, night + 1) for name in names)]
            assert rows(centre.lake) == expected("lustre_df", *expect)
            for name in ("shared", *names):
                centre.write("2017-03-20.json", {"lustre_df": [df(name, 1, night + 2)]}, name)
    finally:
        for writer in writers:
            writer.communicate(timeout=60)
    assert [w.returncode for w in writers] == [0] * count
    assert sorted(published) == centre.warehouse.snapshots() == list(range(2 * count))
    root = centre.root / "lake"
    newest = max(published)
    assert (root / layout.NEWEST).read_bytes() == (root / layout.snapshot_path(newest)).read_bytes()
    ended = centre.lake.sql("SELECT status, count(*) FROM inputs GROUP BY ALL").fetchall()
    assert ended == [("loaded", count + 1)]
    loads = centre.lake.sql("SELECT load_id FROM loads").fetchall()
    assert max(Counter(loads).values()) == 1
    named = {f.path for n in published for f in Lake(root, snapshot=n).files()}
    assert {f.path for f in centre.warehouse.store.list() if layout.load_of(f.path)} == named
    assert list(centre.warehouse.store.list("staging")) == []
