"""collectd's documents, saved and live."""

from __future__ import annotations

import gzip
import json
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors import jsonhits
from iolake.extractors.base import Batch, InputError, Reject, Span
from iolake.extractors.collectd import Collectd
from iolake.extractors.collectd.live import SearchError
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything
from tests.extractors.search_server import SearchServer, serving

AT = datetime(2026, 3, 1, 10, 0, 7, 250000)


def document(plugin: str, kind: str, at: datetime = AT, node: str = "bb1", **more: Any) -> dict[str, Any]:
    text = at.isoformat(timespec="milliseconds") + "Z"
    return {"plugin": plugin, "collectd_type": kind, "@timestamp": text, "hostname": node} | more


def disk(kind: str, read: Any, write: Any, at: datetime = AT, device: str = "nvme0n1") -> dict[str, Any]:
    return document("disk", kind, at, plugin_instance=device, read=read, write=write)


EACH = [
    disk("disk_octets", 1108376.25, 0.0),
    disk("disk_ops", 2.5, 0.0),
    disk("disk_octets", 1.0, 2.0, device="nvme1n1"),
    document("cpu", "percent", plugin_instance="5", type_instance="idle", value=80.0),
    document("cpu", "percent", plugin_instance="5", type_instance="user", value=15.0),
    document("memory", "memory", type_instance="used", value=1024.0),
    document("memory", "memory", type_instance="slab_unrecl", value=7.0),
]


def hits(documents: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [[{"_id": str(i), "_source": d} for i, d in enumerate(documents)], []]


def site(root: Path, **where: Any) -> Site:
    return Site.model_validate({"root": str(root), "clusters": {"cori": {"collectd": where or {"files": "*"}}}})


def read(root: Path, content: Any, **options: Any) -> Any:
    (root / "a").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    rows, rejects, _ = everything(Collectd(), site(root, files="*", options=options))
    return rows, rejects


def known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def test_a_rate_is_stored_as_the_amount_of_the_interval_that_ends_at_the_document(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, gzip.compress(json.dumps(hits(EACH)).encode()))
    begin = {"node": "bb1", "ts": AT - timedelta(seconds=10), "interval_s": 10.0}
    assert [known(row) for row in rows["node_disk"]] == [
        begin | {"device": "nvme0n1", "read_bytes": 11083762, "write_bytes": 0, "read_ops": 25.0, "write_ops": 0.0},
        begin | {"device": "nvme1n1", "read_bytes": 10, "write_bytes": 20},
    ]
    assert [known(row) for row in rows["node_cpu"]] == [
        begin | {"core": "5", "cpu_pct": 20.0, "cpu_idle_pct": 80.0, "cpu_user_pct": 15.0}
    ]
    assert [known(row) for row in rows["node_memory"]] == [
        begin | {"mem_used_bytes": 1024, "mem_slab_unreclaimable_bytes": 7}
    ]
    assert rejects == {}


def test_documents_without_hits_around_them_are_read_too(tmp_path: Path) -> None:
    """One document a line, as an index is exported."""
    lines = "\n".join(json.dumps(d) for d in EACH).encode()
    assert read(tmp_path, lines) == read(tmp_path, hits(EACH))


@pytest.mark.parametrize("plugin", ["disk", "other"])
def test_a_lone_surrogate_in_a_document_stops_no_other(tmp_path: Path, plugin: str) -> None:
    """P5: no column can hold it, whether its plugin is read or not."""
    rows, _ = read(tmp_path, hits([*EACH, document(plugin, "\ud800", read=1.0, write=1.0)]))
    (tmp_path / "alone").mkdir()
    assert rows == read(tmp_path / "alone", hits(EACH))[0]


def test_a_document_that_comes_twice_counts_once(tmp_path: Path) -> None:
    """P2: pages of a search may overlap."""
    assert read(tmp_path, hits(EACH + EACH)) == read(tmp_path, hits(EACH))


def test_an_interval_that_differs_from_the_documents_is_rejected(tmp_path: Path) -> None:
    """A wrong interval would scale every amount by the same factor."""
    minutes = [disk("disk_octets", 6.0, 0.0, AT + timedelta(minutes=i)) for i in range(200)]
    (tmp_path / "a").write_text(json.dumps(hits(minutes)))
    where = site(tmp_path)
    with pytest.raises(InputError, match=r"documents are 60 s apart, not 10; set options.interval_s = 60"):
        list(Collectd().read(next(Collectd().find(where, Span())), where))
    rows, _ = read(tmp_path, hits(minutes), interval_s=60)
    assert {row["read_bytes"] for row in rows["node_disk"]} == {360}


def test_what_no_table_takes_is_counted(tmp_path: Path) -> None:
    """P5 and P6: a value that is no number is left out, and is not zero."""
    odd = [
        document("load", "load", value=1.0),
        document("cpu", "percent", plugin_instance="5", type_instance="steal", value=1.0),
        disk("disk_octets", "x", None, AT + timedelta(seconds=10)),
        disk("disk_octets", float("nan"), -5, AT + timedelta(seconds=20)),
        disk("disk_octets", 1, 1) | {"@timestamp": "yesterday"},
        {"message": "hello"},
    ]
    rows, rejects = read(tmp_path, hits(EACH + odd))
    assert len(rows["node_disk"]) == 2
    assert rejects == {
        "load load": "1 documents that no table takes",
        "cpu percent steal": "1 documents that no table takes",
        "disk without a time, name or number": "3 documents that no table takes",
        "no document of collectd": "1 documents that no table takes",
    }


@pytest.mark.parametrize("end", [30, -4])
def test_a_file_that_gzip_cannot_expand_whole_is_rejected(tmp_path: Path, end: int) -> None:
    """P5: cut off inside and before the end of the compressed text; it stops no other file."""
    (tmp_path / "a").write_bytes(gzip.compress(json.dumps(hits(EACH)).encode())[:end])
    with pytest.raises(InputError, match="is cut off or damaged"):
        list(Collectd().read(next(Collectd().find(site(tmp_path), Span())), site(tmp_path)))


NAME = st.sampled_from([None, "", "bb1", "bb2", 7])
MADE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"plugin": st.sampled_from(["disk", "cpu", "memory", "load", "", None])},
    optional={
        "collectd_type": st.sampled_from(["disk_octets", "disk_ops", "percent", "memory", "", None, []]),
        "type": st.sampled_from(["disk_octets", "percent", "memory", None]),
        "type_instance": st.sampled_from(["idle", "user", "used", "free", "", None]),
        "hostname": NAME,
        "host": NAME,
        "plugin_instance": NAME,
        "@timestamp": st.sampled_from(
            ["2026-03-01T10:00:07.250Z", "2026-03-01T10:00:07Z", "2026-03-01T10:00:07.5Z", "2026-02-30T00:00:00Z", None]
        ),
        "read": st.sampled_from([0, 2.5, -1, 1e16, None, "2"]),
        "write": st.sampled_from([0.0, 3, None]),
        "value": st.sampled_from([1.5, -0.5, None, {}]),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MADE, max_size=6))
def test_documents_are_read_alike_as_structs_and_as_dictionaries(tmp_path: Path, made: list[dict[str, Any]]) -> None:
    """P5: hits, lines and a piece that fits no struct give the same rows and the same counts of others."""
    made = [*EACH, *made]
    found = read(tmp_path, hits(made))
    assert read(tmp_path, "\n".join(map(json.dumps, made)).encode()) == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonhits, "_typed", refused)
        assert read(tmp_path, hits(made)) == found


def refused(*_: Any) -> None:
    raise msgspec.DecodeError


@pytest.mark.parametrize("content", [b"", b"hello", b"[[]]", b'[{"a": 1}]', b'[{"a": ', b"\xff\xfe", b"[1]"])
def test_what_holds_no_documents_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError):
        list(Collectd().read(next(Collectd().find(site(tmp_path), Span())), site(tmp_path)))


def live(
    root: Path, server: SearchServer, day: date = date(2026, 3, 1), **options: Any
) -> tuple[list[Any], list[Reject]]:
    where = site(root, uri=f"{server.address}/cori-collectd-*", options=options)
    span = Span(date(2026, 3, 1), date(2026, 3, 2))
    (input,) = Collectd().find(where, span)
    found = list(Collectd().read(input, where))
    rows = [row for part in found if isinstance(part, Batch) for row in part.data.to_pylist()]
    return rows, [part for part in found if isinstance(part, Reject)]


def test_a_live_server_is_asked_for_a_day_page_by_page(tmp_path: Path) -> None:
    """P8: the bounds are the cluster's day in UTC; a server that is busy is asked again."""
    server = SearchServer(EACH, page=3, busy=2)
    with serving(server):
        rows, rejects = live(tmp_path, server, hosts="bb")
    assert (len(rows), rejects) == (4, [])
    ((path, body, _),) = server.asked
    assert path == "/cori-collectd-*/_search"
    assert body["query"]["bool"]["filter"] == [
        {"range": {"@timestamp": {"gte": "2026-03-01T00:00:00Z", "lt": "2026-03-02T00:00:00Z"}}},
        {"terms": {"plugin": ["cpu", "disk", "memory"]}},
        {"prefix": {"hostname": "bb"}},
    ]


def test_a_live_servers_password_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOLAKE_PASSWORD_CORI_COLLECTD", "secret")
    server = SearchServer(EACH)
    with serving(server):
        server_uri = server.address.replace("http://", "http://reader@")
        where = site(tmp_path, uri=f"{server_uri}/x")
        (input,) = Collectd().find(where, Span(date(2026, 3, 1), date(2026, 3, 2)))
        list(Collectd().read(input, where))
    assert server.asked[0][2] == "Basic cmVhZGVyOnNlY3JldA=="


def test_a_day_without_documents_is_no_error_and_a_server_that_is_down_is_transient(tmp_path: Path) -> None:
    server = SearchServer([])
    with serving(server):
        assert live(tmp_path, server) == ([], [])
    with pytest.raises(SearchError, match="ConnectionError"):
        live(tmp_path, server)


def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path) -> None:
    """300 random damages."""
    content = json.dumps(hits(EACH)).encode()
    count = int(os.environ.get("IOLAKE_FUZZ", "300"))
    assert survives(Collectd(), site(tmp_path), tmp_path / "a", content, count) > 0
