"""Traffic of interfaces: ESnet's JSON and service, and CSV of counters."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors.base import Batch, InputError, Span
from iolake.extractors.network.counters import InterfaceCounters
from iolake.extractors.network.esnet import EsnetError, EsnetSnmp
from iolake.schemas.site import Site, SiteError
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything
from tests.extractors.search_server import serving

AT = 1549875600
TS = datetime(2019, 2, 11, 9)
CSV = f"""\
ts,router,interface,in_octets,out_octets,note
{AT},r1,if0,1000,5000,x
{AT + 30},r1,if0,1600,5000,
2019-02-11T09:01:30+00:00,r1,if0,1900,,
{AT + 120},r1,if0,40,7,
{AT},r1,if1,5,5,
"""


def rates(units: str | None = "bytes/sec", **more: Any) -> dict[str, Any]:
    ways: dict[str, Any] = {"in": {str(AT): 100.25, str(AT + 30): 2.0}, "out": {str(AT): 7}}
    return {"sunn-cr5": {"to_nersc": ways | ({"units": units} if units else {}) | more}}


def site(root: Path, source: str, files: str = "*", zone: str = "UTC", **options: Any) -> Site:
    owner = {"timezone": zone, source: {"files": files, "options": options}}
    return Site.model_validate({"root": str(root), "endpoints": {"nersc": owner}})


def read(root: Path, extractor: Any, content: Any, files: str = "*", **options: Any) -> Any:
    (root / "a").write_text(content if isinstance(content, str) else json.dumps(content))
    rows, rejects, _ = everything(extractor, site(root, extractor.source, files, **options))
    return rows["network_interface"], rejects


def amounts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("router", "interface", "ts", "interval_s", "net_in_bytes", "net_out_bytes", "reset")
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.parametrize(("units", "factor"), [("bytes/sec", 1.0), (None, 1.0), ("bits/sec", 1 / 8)])
def test_a_rate_holds_from_its_time_on(tmp_path: Path, units: str | None, factor: float) -> None:
    rows, rejects = read(tmp_path, EsnetSnmp(), rates(units))
    assert amounts(rows) == [
        ("sunn-cr5", "to_nersc", TS, 30.0, round(100.25 * 30 * factor), round(210 * factor), None),
        ("sunn-cr5", "to_nersc", TS.replace(second=30), 30.0, round(60 * factor), None, None),
    ]
    assert rejects == {}


def test_counters_become_amounts_by_the_projects_rules(tmp_path: Path) -> None:
    """A counter that fell was reset, and its new value is a lower bound; a reading that failed is not zero (P6)."""
    rows, rejects = read(tmp_path, InterfaceCounters(), CSV)
    assert amounts(rows) == [
        ("r1", "if0", TS, 30.0, 600, 0, False),
        ("r1", "if0", TS.replace(second=30), 60.0, 300, None, False),
        ("r1", "if0", TS.replace(minute=1, second=30), 30.0, 40, 7, True),
    ]
    assert rejects == {}
    same = {"r1": {"if0": {"units": "bytes", "in": {str(AT): 1000, str(AT + 30): 1600}, "out": {}}}}
    assert amounts(read(tmp_path, EsnetSnmp(), same)[0]) == [("r1", "if0", TS, 30.0, 600, None, False)]


def test_a_counter_that_readings_lack_is_unknown_up_to_its_first_value_and_spread_after(tmp_path: Path) -> None:
    """P6: all that a router had moved since its boot was counted in one interval."""
    values = [("", 100), (5_000_000, 300), ("", 400), (5_000_300, 500)]
    lines = [f"{AT + 60 * i},r1,if0,{into},{out}" for i, (into, out) in enumerate(values)]
    text = "\n".join(["ts,router,interface,in_octets,out_octets", *lines])
    rows, rejects = read(tmp_path, InterfaceCounters(), text)
    assert [(row["net_in_bytes"], row["net_out_bytes"]) for row in rows] == [(None, 200), (150, 100), (150, 100)]
    assert rejects == {}


def test_local_times_are_read_in_the_endpoints_zone(tmp_path: Path) -> None:
    """P8."""
    text = "ts,router,interface,in_octets,out_octets\n2019-02-11 01:00:00,r,i,1,1\n2019-02-11 01:01:00,r,i,2,2\n"
    (row,) = read(tmp_path, InterfaceCounters(), text, zone="America/Los_Angeles")[0]
    assert row["ts"] == TS


def test_a_days_last_row_ends_with_the_next_days_first_reading(tmp_path: Path) -> None:
    """P4."""
    head = "ts,router,interface,in_octets,out_octets\n"
    (tmp_path / "2019-02-11.csv").write_text(f"{head}{AT},r,i,1,1\n")
    (tmp_path / "2019-02-12.csv").write_text(f"{head}{AT + 86400},r,i,11,21\n{AT + 86460},r,i,12,22\n")
    rows, _, _ = everything(InterfaceCounters(), site(tmp_path, "interface_counters", "%Y-%m-%d.csv"))
    assert [(r["ts"].day, r["interval_s"], r["net_in_bytes"]) for r in rows["network_interface"]] == [
        (11, 86400.0, 10),
        (12, 60.0, 1),
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**15), min_size=2, max_size=12))
def test_amounts_add_up_to_the_counters_difference(tmp_path: Path, gains: list[int]) -> None:
    """A law: without resets nothing is lost and nothing made."""
    lines = [f"{AT + i},r,i,{sum(gains[: i + 1])},0" for i in range(len(gains))]
    rows, _ = read(tmp_path, InterfaceCounters(), "ts,router,interface,in_octets,out_octets\n" + "\n".join(lines))
    assert sum(row["net_in_bytes"] for row in rows) == sum(gains[1:])


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """P5."""
    odd = rates()
    odd["sunn-cr5"]["to_nersc"]["in"] |= {"noon": 1, str(AT + 60): -1, str(AT + 90): "x", "5": 1}
    rows, rejects = read(tmp_path, EsnetSnmp(), odd)
    assert (len(rows), rejects) == (2, {"values": "4 values are not amounts, or have no time"})
    rows, rejects = read(tmp_path, InterfaceCounters(), CSV + "x,r1,if0,1,1\n,,,,\n1549875900,r1,if0,-4,\n")
    assert (len(rows), rejects) == (3, {str(tmp_path / "a"): "3 lines are not readings"})


@pytest.mark.parametrize(
    "content", ["", "hello", "[]", "{}", '{"a": 1}', '{"r": {"i": {"units": "furlongs"}}}', "\x00"]
)
def test_a_file_without_traffic_is_rejected(tmp_path: Path, content: str) -> None:
    (tmp_path / "a").write_text(content)
    for extractor in (EsnetSnmp(), InterfaceCounters()):
        where = site(tmp_path, extractor.source)
        with pytest.raises(InputError):
            list(extractor.read(next(extractor.find(where, Span())), where))


_FAULTS = (404, 408, 425, 429, 502)


class _Service(BaseHTTPRequestHandler):
    """ESnet's service, with one value a minute and a first answer that fails."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = 503 if len(self.asked) == 1 else next((s for s in _FAULTS if f"/{s}/" in self.path), 200)
        text = json.dumps({"agg": "60", "data": [[AT, 10.0], [AT + 60, None], [AT + 120, 30.5]]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def asked(root: Path, server: ThreadingHTTPServer, **options: Any) -> list[dict[str, Any]]:
    uri = f"http://127.0.0.1:{server.server_address[1]}/snmp/west"
    owner = {"esnet_snmp": {"uri": uri, "options": options}}
    where = Site.model_validate({"root": str(root), "endpoints": {"nersc": owner}})
    (input,) = EsnetSnmp().find(where, Span(date(2019, 2, 11), date(2019, 2, 12)))
    found = list(EsnetSnmp().read(input, where))
    return [row for part in found if isinstance(part, Batch) for row in part.data.to_pylist()]


def test_the_service_is_asked_for_a_day_with_the_step(tmp_path: Path) -> None:
    """pytokio dropped the function and the step when it asked; a minute without a value has no row (P6)."""
    _Service.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    with serving(server):
        rows = asked(tmp_path, server, interfaces={"sunn-cr5": ["to_nersc_ip-d v4"]}, interval_s=60)
    begin = int(datetime(2019, 2, 11, tzinfo=UTC).timestamp())
    query = f"begin={begin}&end={begin + 86399}&calc_func=average&calc=60"
    path = "/snmp/west/sunn-cr5/interface/to_nersc_ip-d%20v4"
    assert _Service.asked == [f"{path}/{way}?{query}" for way in ("in", "in", "out")]
    assert amounts(rows) == [
        ("sunn-cr5", "to_nersc_ip-d v4", TS, 60.0, 600, 600, None),
        ("sunn-cr5", "to_nersc_ip-d v4", TS.replace(minute=2), 60.0, 1830, 1830, None),
    ]


def test_a_service_that_is_down_is_transient_and_an_unknown_interface_is_not(tmp_path: Path) -> None:
    _Service.asked[:] = ["before"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    with serving(server):
        with pytest.raises(InputError, match="HTTP status 404; correct the uri and the interfaces"):
            asked(tmp_path, server, interfaces={"r": ["404"]})
        for status in _FAULTS[1:]:
            with pytest.raises(EsnetError, match=f"HTTP status {status}"):
                asked(tmp_path, server, interfaces={"r": [str(status)]})
    with pytest.raises(EsnetError, match="ConnectError"):
        asked(tmp_path, server, interfaces={"r": ["i"]}, interval_s=60)
    with pytest.raises(SiteError, match="interfaces: write"):
        asked(tmp_path, server)


@pytest.mark.parametrize(
    ("extractor", "content"), [(EsnetSnmp(), json.dumps(rates())), (InterfaceCounters(), CSV)], ids=["esnet", "csv"]
)
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, extractor: Any, content: str) -> None:
    """300 random damages."""
    count = int(os.environ.get("IOLAKE_FUZZ", "300")) // 2
    where = site(tmp_path, extractor.source)
    assert survives(extractor, where, tmp_path / "a", content.encode(), count) > 0


def test_a_damaged_interface_stops_no_other(tmp_path: Path) -> None:
    """P5: one reject names the first such part and says how many there are."""
    content = rates() | {"r2": {"if0": {"in": [1, 2]}, "if1": {"in": {}, "units": "furlongs"}}, "r3": 7}
    rows, rejects = read(tmp_path, EsnetSnmp(), content)
    assert {row["router"] for row in rows} == {"sunn-cr5"}
    assert rejects == {"interfaces": "r2 if0: its values are not by direction and time (one of 3 such parts)"}
