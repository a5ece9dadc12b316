"""The same lake on an object store: an S3 server on this machine's loopback."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from iolake.extractors.base import Span
from iolake.pipelines.ingest import ingest, prepare, whole_loads
from iolake.pipelines.stage import stage_bundle
from iolake.schemas.site import Site
from iolake.warehouse import conditional_put, garbage, layout
from iolake.warehouse.compact import compact
from iolake.warehouse.errors import NoConditionalPut
from iolake.warehouse.lake import Lake
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.store import Store
from iolake.warehouse.warehouse import Warehouse
from tests.warehouse.faulty_s3 import FaultyS3
from tests.warehouse.test_two_writers import hear, say, start
from tests.warehouse.toy import Centre, Toy, df, expected, rows

pytest.importorskip("moto.server")
pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The server's address."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket; the environment says where it is, as it would at a centre."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    name = f"bucket-{secrets.token_hex(4)}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


@pytest.fixture
def site(centre: Centre, bucket: str) -> Site:
    return centre.site.model_copy(update={"lake": centre.site.lake.model_copy(update={"uri": f"{bucket}/lake"})})


def test_one_of_many_puts_of_a_name_wins(bucket: str) -> None:
    """P7: only one conditional put succeeds, and the winner may send it twice."""
    store = Store(f"{bucket}/lake")
    contents = [bytes([n]) * 1000 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = [*pool.map(lambda content: store.put_if_absent(content, "catalog/00000000.duckdb"), contents)]
    assert sum(won) == 1
    winner = contents[won.index(True)]
    assert store.read("catalog/00000000.duckdb") == winner
    assert store.put_if_absent(winner, "catalog/00000000.duckdb")
    assert not store.put_if_absent(b"late", "catalog/00000000.duckdb")
    assert store.read("catalog/00000000.duckdb") == winner


def test_a_lake_lives_on_an_object_store(centre: Centre, site: Site) -> None:
    """P1, P2: load, replace, compact, collect and rebuild as in a folder; DuckDB and polars read it."""
    uri = site.lake_uri
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 1, 1), df("b", 25, 2)]})
    centre.write("2017-03-20b.json", {"lustre_df": [df("c", 1, None)]})
    assert ingest(site, workers=0).snapshots == [0]
    reader = Lake(uri)
    first = expected("lustre_df", df("a", 1, 1), df("b", 25, 2), df("c", 1, None))
    assert rows(reader) == first
    centre.write("2017-03-20a.json", {"lustre_df": [df("a", 1, 5)]})
    centre.write("2017-03-20d.json", {"lustre_df": [df("d", 2, 6)]})
    ingest(site, workers=0)
    assert ingest(site, workers=0).snapshots == []
    assert rows(reader) == first
    expect = expected("lustre_df", df("a", 1, 5), df("c", 1, None), df("d", 2, 6))
    warehouse = Warehouse(uri)
    assert compact(warehouse).files_after == 1
    garbage.collect(warehouse, 0, 0)
    assert rebuild(warehouse) == 3
    now = Lake(uri)
    assert rows(now) == expect
    assert sorted(now.scan("lustre_df").collect().rows()) == sorted(now.sql("FROM lustre_df").fetchall())
    (file,) = now.files()
    there = {f.path for f in warehouse.store.list()}
    assert there == {file.path, layout.NEWEST, layout.snapshot_path(2), layout.snapshot_path(3)}
    assert warehouse.store.read(layout.NEWEST) == warehouse.store.read(layout.snapshot_path(3))


@pytest.mark.parametrize(
    ("fault", "problem"), [({"ignores": True}, "ignores If-None-Match"), ({"refuses": True}, "has no conditional PUT")]
)
def test_a_store_that_does_not_settle_two_writers_is_refused_before_reading(
    centre: Centre, site: Site, server: str, monkeypatch: pytest.MonkeyPatch, fault: dict[str, bool], problem: str
) -> None:
    """P7: the error is one line with the store's name; nothing is read, and no file is left."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    monkeypatch.setattr(Toy, "read", None)
    with FaultyS3(server, **fault) as faulty:
        use(faulty.url, monkeypatch)
        with pytest.raises(NoConditionalPut, match=problem) as refused:
            ingest(site, workers=0)
        assert "\n" not in str(refused.value)
        assert site.lake_uri in str(refused.value)
    use(server, monkeypatch)
    assert list(Store(site.lake_uri).list()) == []


def test_a_list_that_lags_hides_no_snapshot_and_no_load(
    centre: Centre, site: Site, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1, P3, P7: with listings an hour old, each load follows the last one, and gc removes no file in use."""
    centre.write("2017-03-20.json", {"lustre_df": [df("a", 1, 1)]})
    ingest(site, workers=0)
    expect = [df("a", 1, 1)]
    with FaultyS3(server, lag_s=3600) as faulty:
        use(faulty.url, monkeypatch)
        warehouse = Warehouse(site.lake_uri)
        assert warehouse.snapshots() == [0]
        for day in range(1, 4):
            centre.write(f"2017-03-2{day}.json", {"lustre_df": [df("b", 24 * day, day)]})
            expect.append(df("b", 24 * day, day))
            plans = prepare(site, (), Span())
            staged = stage_bundle([unit for plan in plans for unit in plan.units], site)
            garbage.collect(warehouse, 1, 0)
            assert warehouse.commit(list(whole_loads(plans, staged))).snapshot == day
            garbage.collect(warehouse, 1, 0)
            assert rows(Lake(site.lake_uri)) == expected("lustre_df", *expect)
        assert warehouse.store.read(layout.NEWEST) == warehouse.store.read(layout.snapshot_path(3))


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the next stores use another server, as other processes would."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr(conditional_put, "_settles", set())
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_writers_that_commit_at_once_lose_nothing(centre: Centre, bucket: str) -> None:
    """P7: two processes, one bucket."""
    names = ["writer0", "writer1"]
    for name in ("shared", *names):
        centre.write("2017-03-20.json", {"lustre_df": [df(name, 1, 1)]}, name)
    writers = [start(centre.root, name, f"{bucket}/lake") for name in names]
    try:
        assert [hear(w) for w in writers] == ["ready", "ready"]
        for writer in writers:
            say(writer)
        assert sorted(hear(w) for w in writers) == ["0", "1"]
    finally:
        for writer in writers:
            writer.communicate(timeout=60)
    assert rows(Lake(f"{bucket}/lake")) == expected("lustre_df", *(df(name, 1, 1) for name in ("shared", *names)))
