"""Logs of transfers, as GridFTP, HPSS and Elasticsearch write them."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors import jsonhits
from iolake.extractors.base import Extractor, InputError, Span
from iolake.extractors.transfers.globus import Globus
from iolake.extractors.transfers.gridftp import GridFtp
from iolake.extractors.transfers.hpss import HpssFtp, Hsi
from iolake.extractors.transfers.report import HpssReport
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything

HEAD = "DATE=20190731073044.992375 HOST=dtn11 PROG=globus-gridftp-server NL.EVNT=FTP_INFO START=20190731073030.432241"
TAIL = "BUFFER=87040 BLOCK=262144 NBYTES=1456 VOLUME=/ STREAMS=4 STRIPES=1 DEST=[192.101.102.150] TYPE=STOR CODE=226"
FTP = """\
Mon Dec 31 00:06:46 2018 dtn01 /home/o/op/.check.25651 b POPN_Cmd r r ftp operator fd 0
Mon Dec 31 00:06:46 2018 0.010 dtn01 33 /home/o/opera... b o PRTR_Cmd r ftp operator fd 0
Fri Jul 12 15:32:43 2019 2.080 gert01 2147483647 /home/n/a file b i STOR_Cmd r ftp nickb fd 0
"""
HSI = """\
Sat Aug 10 00:05:26 2019 dtn01 hsi 57074 31117\tLH\t0\t0.02\t543608\t12356.7\t4\t/project/a b\t/home/hpss/a b\tacct
Sat Aug 10 00:05:27 2019 dtn01 hsi 57074 31118\tLH\t-1\t0.03\t0\t0.0\t0\tgone\t/home/hpss/gone\tacct
Sat Aug 10 00:05:28 2019 cori02 htar 58888 14301\tcreate\tLH\t0\t58178668032\t397.20\t146472.0\t/hpss/x.tar\t\t5\t58888
Sat Aug 10 00:05:29 2019 dtn01 hsi 60004 12059\tHL\t0\t0.00\t1000\t0.0\t0\t<stdout>\t/home/hpss/c\t60004
Sun Aug 11 00:05:14 2019 dtn03 hsi 72820 2204\tFU\t0\t0.00\t215328\t0.0\t0\t/home/hpss/old\t
Sun Aug 11 23:10:14 2019 cori09 hsi 48764 39841\tFR\t0\t0.00\t0\t0.0\t0\t/home/hpss/a\t/home/hpss/b
"""
HIT = {
    "_id": "Z7K", "_index": "dtn-2019.01", "_source": {
        "@timestamp": "2019-01-29T08:04:53.472Z", "BLOCK": 4194304, "BUFFER": 235104, "CODE": "226",
        "DEST": "192.168.63.47", "FILE": "/home/f/x y", "HOST": "dtn09", "NBYTES": 2597, "STREAMS": 4, "STRIPES": "1",
        "TASKID": "98b5877c", "TYPE": "RETR", "USER": "fusera", "VOLUME": "/", "duration": 0.149,
        "end_date": "2019-01-29T08:04:53.142Z", "start_date": "2019-01-29T08:04:52.993Z",
    },
}  # fmt: skip
REPORT = """\
HPSS Report for Date 2018-08-09

Archive : IO Totals by Client Host
Host             Users      IO_GB       Ops   Write_GB     W_Ops    Read_GB     R_Ops    Copy_GB     C_Ops
===============  =====  =========  ========  =========  ========  =========  ========  =========  ========
Nersc Lan           25    74318.5     11237    65835.7      7583     8482.8      3654        0.0         0
Total               25    74318.5     11237    65835.7      7583     8482.8      3654        0.0         0
HPSS ACCOUNTING:          18155.1

Hpss    : Largest Users
User              App      IO_GB       Ops   Write_GB     W_Ops    Read_GB     R_Ops    Copy_GB     C_Ops
===============  ====  =========  ========  =========  ========  =========  ========  =========  ========
netback           ftp     1502.5      1142     1502.5      1142        0.0         0        0.0         0
netback           hsi      347.9         x      347.9         1        0.0         0        0.0         0

Archive: Migration Purge Report
Storage Class              SC  MigFiles   Mig (GB)         MigTime  PurFiles  Purge(GB)       PurgeTime
=========================  ==  ========  =========  ==============  ========  =========  ==============
Small Disk                  4     52681     7040.0      0-05:20:07         0        0.0      1-00:00:00
TOTAL                             57860   104707.9      0-22:53:59     16963   207227.7      0-00:08:01

Hpss: Tape Drive Report
DriveTyp  Count  Cleans  Locks   Mounts       AvailTime        Locktime Lock%       MountTime  Mnt%
========  =====  ======  =====  =======  ==============  ============== =====  ============== =====
 IBM3592     19       0      1      702     19-00:00:00      1-00:00:00   5.3     10-09:34:44  54.7
"""


def site(root: Path, source: str, zone: str = "UTC") -> Site:
    mounts = {"home": {"mounts": ["/home"]}, "project": {"mounts": ["/project"]}}
    owner = {"timezone": zone, source: {"files": "*"}}
    return Site.model_validate({"root": str(root), "file_systems": mounts, "endpoints": {"dtn": owner}})


def read(root: Path, extractor: Extractor, content: str | bytes, zone: str = "UTC") -> Any:
    (root / "a").write_bytes(content.encode() if isinstance(content, str) else content)
    rows, rejects, _ = everything(extractor, site(root, extractor.source, zone))
    return rows.get("transfers", rows), rejects


def test_a_gridftp_line_is_a_transfer(tmp_path: Path) -> None:
    """P8: times are those of the server's clock."""
    ((row,), rejects) = read(tmp_path, GridFtp(), f"{HEAD} USER=glock FILE=/home/x {TAIL}\n", "America/Los_Angeles")
    assert (row["start_time"], row["end_time"]) == (
        datetime(2019, 7, 31, 14, 30, 30, 432241),
        datetime(2019, 7, 31, 14, 30, 44, 992375),
    )
    assert (row["bytes"], row["duration_s"]) == (1456, pytest.approx(14.560134))
    assert row["bytes_per_s"] == pytest.approx(1456 / 14.560134)
    names = ("tool", "operation", "direction", "succeeded", "return_code", "path", "file_system", "node", "peer")
    assert [row[name] for name in names] == [
        *("gridftp", "STOR", "in", True, 226, "/home/x", "home", "dtn11", "192.101.102.150")
    ]
    assert (row["streams"], row["stripes"], row["block_bytes"], row["volume"]) == (4, 1, 262144, "/")
    assert rejects == {}


@pytest.mark.parametrize(
    "name",
    [
        "/home/a b",
        "/home/wrf1hr=d03_2015 05-03_00:00:00",
        "/home/x NBYTES=7 TYPE=RETR",
        "/home/x BUFFER=1 BLOCK=2 NBYTES=3 VOLUME=/ y",
        "/home/FILE=z",
        "/home/ended by a space ",
        "/home/ünïcode",
    ],
)
def test_a_files_name_may_hold_anything(tmp_path: Path, name: str) -> None:
    ((row,), _) = read(tmp_path, GridFtp(), f"{HEAD} USER=glock FILE={name} {TAIL}\n")
    assert (row["path"], row["bytes"], row["operation"]) == (name, 1456, "STOR")


def test_pairs_in_another_order_are_found(tmp_path: Path) -> None:
    line = f"TYPE=RETR CODE=500 NBYTES=5 {HEAD} FILE=/home/a b USER=u"
    ((row,), _) = read(tmp_path, GridFtp(), line)
    assert (row["path"], row["user_name"], row["bytes"], row["direction"]) == ("/home/a b", "u", 5, "out")
    assert (row["succeeded"], row["streams"]) == (False, None)


def test_a_value_that_a_gridftp_line_leaves_empty_is_null(tmp_path: Path) -> None:
    """P6: in the server's own order of pairs and in another one."""
    for line in (f"{HEAD} USER= FILE=/home/x {TAIL}", f"USER= {HEAD} FILE=/home/x {TAIL}"):
        ((row,), _) = read(tmp_path, GridFtp(), line.replace("VOLUME=/", "VOLUME="))
        assert (row["user_name"], row["volume"], row["path"], row["bytes"]) == (None, None, "/home/x", 1456)


def test_equal_lines_are_two_transfers_and_a_log_read_twice_has_the_same_ids(tmp_path: Path) -> None:
    """P2."""
    line = f"{HEAD} USER=glock FILE=/home/x {TAIL}\n"
    first, _ = read(tmp_path, GridFtp(), line + line)
    second, _ = read(tmp_path, GridFtp(), line + line)
    assert len({row["transfer_id"] for row in first}) == 2
    assert [row["transfer_id"] for row in first] == [row["transfer_id"] for row in second]


def test_hpss_ftp_counts_into_and_out_of_the_archive(tmp_path: Path) -> None:
    """A line that opens a transfer belongs to the log; a counter that is full gives a lower bound."""
    rows, rejects = read(tmp_path, HpssFtp(), FTP, "America/Los_Angeles")
    names = ("tool", "operation", "direction", "bytes", "saturated", "duration_s", "path", "user_name", "peer")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("pftp", "PRTR", "out", 33, False, 0.01, "/home/o/opera...", "operator", "dtn01"),
        ("ftp", "STOR", "in", 2147483647, True, 2.08, "/home/n/a file", "nickb", "gert01"),
    ]
    assert rows[0]["end_time"] == datetime(2018, 12, 31, 8, 6, 46)
    assert {row["file_system"] for row in rows} == {None}, "a path of the archive is not one of a mounted file system"
    assert rejects == {}


def test_hsi_and_htar_have_one_unit_of_rate(tmp_path: Path) -> None:
    """Both print kB/s of 1000 bytes; pytokio left HTAR's as it was."""
    rows, rejects = read(tmp_path, Hsi(), HSI)
    hsi, failed, htar, out, removed, renamed = rows
    assert (hsi["bytes_per_s"], hsi["duration_s"]) == (pytest.approx(12356700.0), pytest.approx(543608 / 12356700))
    assert (hsi["path"], hsi["other_path"], hsi["file_system"]) == ("/home/hpss/a b", "/project/a b", "project")
    assert (failed["succeeded"], failed["return_code"], failed["bytes"]) == (False, -1, 0)
    assert (htar["bytes_per_s"], htar["duration_s"]) == (pytest.approx(58178668032 / 397.2), 397.2)
    assert (htar["path"], htar["account"], htar["class_of_service"], htar["tool"]) == (
        "/hpss/x.tar",
        "58888",
        5,
        "htar",
    )
    assert (out["direction"], out["path"], out["other_path"]) == ("out", "/home/hpss/c", "<stdout>")
    assert (out["duration_s"], out["bytes_per_s"]) == (None, None)
    assert (removed["direction"], removed["bytes"], removed["file_bytes"]) == (None, 0, 215328)
    assert (renamed["path"], renamed["other_path"], renamed["file_system"]) == ("/home/hpss/a", "/home/hpss/b", None)
    assert rejects == {}


def test_a_day_of_the_week_that_is_wrong_does_not_matter(tmp_path: Path) -> None:
    """NERSC's sample has a Sat Aug  9 2019, which was a Friday."""
    rows, rejects = read(tmp_path, Hsi(), HSI.replace("Sat Aug 10", "Sat Aug  9"))
    assert (rows[0]["end_time"], rejects) == (datetime(2019, 8, 9, 0, 5, 26), {})


def test_the_hour_that_autumn_repeats_is_read_by_the_order_of_lines(tmp_path: Path) -> None:
    """P8: transfers each ten minutes through the night of 3 November 2019."""
    zone = ZoneInfo("America/Los_Angeles")
    ends = [datetime(2019, 11, 3, 7, tzinfo=UTC) + timedelta(minutes=10 * i) for i in range(30)]
    lines = [
        HSI.splitlines()[0].replace("Sat Aug 10 00:05:26 2019", f"{e.astimezone(zone):%a %b %e %T %Y}") for e in ends
    ]
    rows, _ = read(tmp_path, Hsi(), "\n".join(lines), "America/Los_Angeles")
    assert [row["end_time"] for row in rows] == [end.replace(tzinfo=None) for end in ends]


def test_globus_records_are_utc_and_known_by_their_id(tmp_path: Path) -> None:
    pages = [[HIT, {**HIT, "_id": "Z8"}], [HIT, {"_id": "x", "_source": {"plugin": "cpu"}}], []]
    rows, rejects = read(tmp_path, Globus(), gzip.compress(json.dumps(pages).encode()), "America/Los_Angeles")
    assert {row["transfer_id"] for row in rows} == {"Z7K", "Z8"}
    row = rows[0]
    assert (row["end_time"], row["start_time"]) == (
        datetime(2019, 1, 29, 8, 4, 53, 142000),
        datetime(2019, 1, 29, 8, 4, 52, 993000),
    )
    assert (row["direction"], row["bytes"], row["stripes"], row["file_system"]) == ("out", 2597, 1, "home")
    assert row["bytes_per_s"] == pytest.approx(2597 / 0.149)
    assert rejects == {"records": "1 records are not transfers of Globus"}


def test_a_globus_record_without_an_operation_is_counted_and_is_no_transfer(tmp_path: Path) -> None:
    """P5: a record with an empty operation names no transfer."""
    empty = {"_id": "Z9", "_source": HIT["_source"] | {"TYPE": ""}}  # type: ignore[operator]
    rows, rejects = read(tmp_path, Globus(), json.dumps([HIT, empty]))
    assert [row["transfer_id"] for row in rows] == ["Z7K"]
    assert rejects == {"records": "1 records are not transfers of Globus"}


@pytest.mark.parametrize("start", ["\ud800", "2019-01-29T08:04:60Z", "2019-01-29T08:04:60.5Z", "٢٠١٩-01-29T08:04:52Z"])
def test_a_start_that_is_no_time_is_null_and_stops_no_other_record(tmp_path: Path, start: str) -> None:
    """P5: a lone surrogate, a 60th second, and digits of another script are no times."""
    other = {"_id": "Z9", "_source": HIT["_source"] | {"start_date": start}}  # type: ignore[operator]
    rows, _ = read(tmp_path, Globus(), json.dumps([HIT, other]))
    assert [(row["transfer_id"], row["start_time"]) for row in rows] == [
        ("Z7K", datetime(2019, 1, 29, 8, 4, 52, 993000)),
        ("Z9", None),
    ]


@pytest.mark.parametrize(
    "text", [json.dumps({"took": 3, "hits": {"total": 1, "hits": [HIT]}}), json.dumps(HIT) + "\n" + json.dumps(HIT)]
)
def test_a_searchs_answer_and_one_record_a_line_are_read_too(tmp_path: Path, text: str) -> None:
    ((row,), rejects) = read(tmp_path, Globus(), text)
    assert (row["transfer_id"], rejects) == ("Z7K", {})


WHOLE = st.sampled_from([None, 0, 226, "226", "-1", -1, "x", (1 << 53) + 1, 1 << 63])
WORD = st.sampled_from([None, "", "a", "[::1]", "/home/x", "/homes"])
TIME = st.sampled_from(
    [None, "", "2019-01-29T08:04:53.142Z", "2019-01-29T08:04:52", "2019-01-29T09:04:52+01:00", "1970-01-01T00:00:00Z"]
)
RECORDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"TYPE": st.sampled_from(["STOR", "RETR", "MKD", "", None]), "NBYTES": WHOLE, "end_date": TIME},
    optional={
        **dict.fromkeys(("FILE", "HOST", "USER", "TASKID", "VOLUME", "DEST"), WORD),
        **dict.fromkeys(("CODE", "STREAMS", "STRIPES", "BLOCK", "BUFFER"), WHOLE),
        "start_date": TIME,
        "duration": st.sampled_from([None, 0, 0.149, -1.0, 1e9]),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), RECORDS), max_size=6))
def test_globus_records_are_read_alike_as_structs_and_as_dictionaries(
    tmp_path: Path, made: list[tuple[str, dict[str, Any]]]
) -> None:
    """P5 and P6: a piece that fits no struct gives the same rows and the same count of others."""
    sure = ("sure", {"TYPE": "RETR", "NBYTES": 1, "end_date": "2019-01-29T08:04:53.142Z"})
    text = json.dumps([[{"_id": id, "_source": record} for id, record in (*made, sure)]])
    found = read(tmp_path, Globus(), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonhits, "_typed", refused)
        assert read(tmp_path, Globus(), text) == found


def test_a_globus_record_of_more_bytes_than_a_float_counts_keeps_each_of_them(tmp_path: Path) -> None:
    """P5: a rate is a float, the number of bytes is not."""
    record = {"TYPE": "RETR", "NBYTES": 2**53 + 1, "duration": 2, "end_date": "2019-01-29T08:04:53.142Z"}
    rows, rejects = read(tmp_path, Globus(), json.dumps([[{"_id": "Z7K", "_source": record}]]))
    assert [(row["bytes"], row["bytes_per_s"]) for row in rows] == [(2**53 + 1, 2.0**52)]
    assert rejects == {}


def refused(*_: Any) -> None:
    raise msgspec.DecodeError


def test_the_daily_report_is_three_tables(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, HpssReport(), REPORT, "America/Los_Angeles")
    names = ("system", "grouping", "name", "application", "users", "io_gb", "ops")
    assert [tuple(row[name] for name in names) for row in rows["archive_day"]] == [
        ("archive", "client_host", "Nersc Lan", "", 25, 74318.5, 11237),
        ("archive", "client_host", "total", "", 25, 74318.5, 11237),
        ("hpss", "user", "netback", "ftp", None, 1502.5, 1142),
        ("hpss", "user", "netback", "hsi", None, 347.9, None),
    ]
    assert {row["ts"] for row in rows["archive_day"]} == {datetime(2018, 8, 9, 7)}
    assert [(r["storage_class"], r["migration_s"], r["purge_s"]) for r in rows["archive_migration"]] == [
        ("Small Disk", 19207.0, 86400.0),
        ("total", 82439.0, 481.0),
    ]
    ((drives,),) = [rows["archive_drives"]]
    assert (drives["drive_type"], drives["mounts"], drives["mounted_pct"]) == ("IBM3592", 702, 54.7)
    assert rejects == {"values": "1 values are neither numbers nor times, such as 'x'"}


def archive(*texts: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for number, text in enumerate(texts):
            info = tarfile.TarInfo(f"{number}.txt")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


LATER, DATELESS = REPORT.replace("08-09", "08-10").replace("74318.5", "1.5"), REPORT.partition("\n")[2]
DAYS = [(datetime(2018, 8, 9, 7), 74318.5), (datetime(2018, 8, 10, 7), 1.5)]


@pytest.mark.parametrize(
    ("content", "days", "faulty"),
    [
        (REPORT + LATER, DAYS, []),
        (REPORT + "\n" + LATER + REPORT, DAYS, []),
        (archive(LATER, REPORT), DAYS, []),
        (archive(REPORT, DATELESS, LATER), DAYS, ["1.txt, line 1"]),
        (archive(REPORT + LATER, "read me"), DAYS, ["1.txt, line 1"]),
        (DATELESS + LATER, DAYS[1:], ["line 1"]),
        (REPORT + LATER.replace("08-10", "13-10"), DAYS[:1], [f"line {REPORT.count(chr(10)) + 1}"]),
        (REPORT + LATER.replace("2018-08-10", "today"), DAYS[:1], [f"line {REPORT.count(chr(10)) + 1}"]),
        (REPORT + "HPSS Report for Date 2018-08-11\n", DAYS[:1], [f"line {REPORT.count(chr(10)) + 1}"]),
    ],
)
def test_each_report_of_a_file_has_its_own_day(
    tmp_path: Path, content: str | bytes, days: list[Any], faulty: list[str]
) -> None:
    """P1, P5: of a file with several reports, or an archive. One without a day is a reject, and its rows have none."""
    rows, rejects = read(tmp_path, HpssReport(), content, "America/Los_Angeles")
    lan = [(row["ts"], row["io_gb"]) for row in rows["archive_day"] if row["name"] == "Nersc Lan"]
    assert sorted(lan) == days
    assert {row["ts"] for name in rows for row in rows[name]} == {ts for ts, _ in days}
    assert [part for part in rejects if part != "values"] == faulty


def test_lines_that_are_no_transfers_are_counted_and_named(tmp_path: Path) -> None:
    """P5: the others are read."""
    rows, rejects = read(tmp_path, Hsi(), "hello\n" + HSI + "hello\n\n")
    assert (len(rows), rejects) == (6, {"lines": "2 lines are not transfers, such as line 1: 'hello'"})


EVERY: list[tuple[Extractor, str]] = [
    (GridFtp(), f"{HEAD} USER=glock FILE=/home/x {TAIL}\n" * 3), (HpssFtp(), FTP), (Hsi(), HSI),
    (Globus(), json.dumps([[HIT]])), (HpssReport(), REPORT),
]  # fmt: skip


@pytest.mark.parametrize(("extractor", "_content"), EVERY, ids=lambda e: getattr(e, "source", ""))
@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x00\x01", gzip.compress(b"hello" * 99, mtime=0)[:30], b"{", b"[[]]"]
)
def test_a_file_without_transfers_is_rejected(
    tmp_path: Path, extractor: Extractor, _content: str, content: bytes
) -> None:
    (tmp_path / "a").write_bytes(content)
    where = site(tmp_path, extractor.source)
    with pytest.raises(InputError):
        list(extractor.read(next(extractor.find(where, Span())), where))


@pytest.mark.parametrize(("extractor", "content"), EVERY, ids=lambda e: getattr(e, "source", ""))
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, extractor: Extractor, content: str) -> None:
    """300 random damages."""
    count = int(os.environ.get("IOLAKE_FUZZ", "300")) // 5
    where = site(tmp_path, extractor.source)
    assert survives(extractor, where, tmp_path / "a", content.encode(), count) > 0
