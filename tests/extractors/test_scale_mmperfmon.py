"""`mmperfmon query` reports, as the command prints them."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iolake.extractors.base import InputError, Span
from iolake.extractors.scale import report
from iolake.extractors.scale.mmperfmon import Mmperfmon
from iolake.schemas.site import Site, SiteError
from tests.extractors.fuzz import survives
from tests.extractors.reading import Rows, everything

USAGE = """
Legend:
 1:\tio1|CPU|cpu_user
 2:\tio1|CPU|cpu_sys
 3:\tio1|Memory|mem_total
 4:\tio1|Memory|mem_free
 5:\tio1|Network|lo|net_r
 6:\tio1|Network|ib0|net_r
 7:\tio1|Network|ib1|net_r

Row           Timestamp cpu_user cpu_sys mem_total mem_free    net_r    net_r    net_r
  1 2019-01-11-10:01:00      0.2    0.56   64.0 GB 512.0 MB   1.7 kB   2.0 MB     10 B
  2 2019-01-11-10:02:00    634.0    null   64.0 GB     null  98.7 kB   null       0
"""
WIDE = """\
Legend:
 1: io1|GPFSNSDDisk|lun0|gpfs_nsdds_bytes_read
 2: io1|GPFSNSDDisk|lun1|gpfs_nsdds_bytes_read
 3: io1|GPFSNSDDisk|md0|gpfs_nsdds_bytes_read
 4: io1|GPFSNSDDisk|md0|gpfs_nsdds_tot_queue_wait_rd

Row           Timestamp gpfs_nsdds_bytes_read gpfs_nsdds_bytes_read
  1 2019-01-11-10:01:00                     1                   200
  2 2019-01-11-10:02:00                     3                  null

Row           Timestamp gpfs_nsdds_bytes_read gpfs_nsdds_tot_queue_wait_rd
  1 2019-01-11-10:01:00                  5000                          0.5
  2 2019-01-11-10:02:00                  null                         null
"""
WRITES = """\
Legend:
 1: io1|GPFSNSDDisk|lun0|gpfs_nsdds_bytes_written

Row           Timestamp gpfs_nsdds_bytes_written
  1 2019-01-11-10:01:00                       70
"""
OPERATIONS = """\
Legend:
 1: io1|GPFSFilesystem|c.example|project|gpfs_fs_read_ops
 2: io1|GPFSFilesystem|c.example|home|gpfs_fs_read_ops

Row           Timestamp gpfs_fs_read_ops gpfs_fs_read_ops
  1 2019-01-11-10:10:00                4               50
  2 2019-01-11-10:20:00                6                0
"""
ROLES: dict[str, Any] = {"luns": {"^lun": "datatarget", "^md": "metadata"}, "servers": {"^io2": "mdserver"}}


def site(root: Path, files: str = "*", zone: str = "UTC", backend: str | None = None, **options: Any) -> Site:
    system = {"timezone": zone, "backend": backend, "mmperfmon": {"files": files, "options": options}}
    return Site.model_validate({"root": str(root), "file_systems": {"scale": system}})


def read(root: Path, files: str = "*", zone: str = "UTC", **options: Any) -> tuple[Rows, dict[str, str]]:
    rows, rejects, _ = everything(Mmperfmon(), site(root, files, zone, **options))
    return rows, rejects


def known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def test_an_interval_is_labelled_by_its_end_and_stored_by_its_start(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(USAGE)
    rows, rejects = read(tmp_path, zone="America/Los_Angeles")
    assert [(r["ts"], r["interval_s"]) for r in rows["scale_server"]] == [
        (datetime(2019, 1, 11, 18, 0), 60.0),
        (datetime(2019, 1, 11, 18, 1), 60.0),
    ]
    assert rejects == {}


def test_sizes_are_bytes_and_shares_stay_per_cent(tmp_path: Path) -> None:
    """kB, MB and GB are powers of 1024; what mmperfmon calls null is unknown, not zero (P6)."""
    (tmp_path / "a").write_text(USAGE)
    first, second = read(tmp_path)[0]["scale_server"]
    assert known(first) == {
        "server": "io1",
        "ts": datetime(2019, 1, 11, 10, 0),
        "interval_s": 60.0,
        "role": "nsd",
        "cpu_pct": pytest.approx(0.76),
        "cpu_user_pct": 0.2,
        "cpu_sys_pct": 0.56,
        "mem_pct": 100 * (1 - 0.5 / 64),
        "mem_total_bytes": 64 << 30,
        "mem_free_bytes": 512 << 20,
        "mem_used_bytes": (64 << 30) - (512 << 20),
        "net_in_bytes": (2 << 20) + 10,
    }
    assert (second["cpu_user_pct"], second["cpu_pct"], second["mem_pct"]) == (634.0, None, None)
    assert second["net_in_bytes"] == 0, "the one interface that was seen moved nothing"


def test_each_interface_has_its_rows_and_the_loopback_does_not_count_for_the_server(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(USAGE)
    rows = read(tmp_path)[0]["scale_network"]
    assert [(r["interface"], r["ts"].minute, r["net_in_bytes"]) for r in rows] == [
        ("lo", 0, 1741),
        ("lo", 1, round(98.7 * 1024)),
        ("ib0", 0, 2 << 20),
        ("ib1", 0, 10),
        ("ib1", 1, 0),
    ]


def test_the_parts_of_a_wide_report_are_one_report(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(WIDE)
    rows = read(tmp_path, **ROLES)[0]["scale_nsd"]
    assert [(r["nsd"], r["role"], r["ts"].minute, r["read_bytes"], r["metrics"]) for r in rows] == [
        ("lun0", "data", 0, 1, None),
        ("lun0", "data", 1, 3, None),
        ("lun1", "data", 0, 200, None),
        ("md0", "metadata", 0, 5000, [("gpfs_nsdds_tot_queue_wait_rd", 0.5)]),
    ]


def test_the_nsds_that_hold_data_are_the_targets_of_the_whole_file_system(tmp_path: Path) -> None:
    """P12: an NSD without a value in an interval is missing there, not idle; metadata is no user's traffic."""
    (tmp_path / "a").write_text(WIDE)
    rows = read(tmp_path, **ROLES)[0]["lustre_fs"]
    names = ("interval_s", "osts", "osts_missing", "mdts", "read_bytes", "read_bytes_before", "opens")
    assert [(row["ts"].minute, *(row[name] for name in names)) for row in rows] == [
        (0, 60.0, 2, 0, 0, 201, 0, None),
        (1, 60.0, 2, 1, 0, 3, 201, None),
    ]
    (alone, _) = read(tmp_path)[0]["lustre_fs"]
    assert (alone["osts"], alone["read_bytes"]) == (3, 5201), "without roles every NSD counts"


def test_files_of_a_folder_and_members_of_an_archive_fill_the_same_rows(tmp_path: Path) -> None:
    """Reads and writes of an NSD are queried apart; a file of one row has the step of the others."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "read.out").write_text(WIDE)
    (tmp_path / "folder" / "write.out.gz").write_bytes(gzip.compress(WRITES.encode()))
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(tmp_path / "folder", "folder")
    rows, rejects = read(tmp_path, "folder/*")
    lun0 = next(r for r in rows["scale_nsd"] if r["nsd"] == "lun0")
    assert (lun0["read_bytes"], lun0["write_bytes"], lun0["interval_s"], rejects) == (1, 70, 60.0, {})
    assert read(tmp_path, "a.tgz") == (rows, rejects)
    assert read(tmp_path, "folder") == (rows, rejects)


def test_a_report_of_one_row_alone_needs_its_step(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(WRITES)
    with pytest.raises(InputError, match=r"single row, so its interval is unknown; set options.interval_s"):
        list(Mmperfmon().read(next(Mmperfmon().find(site(tmp_path), Span())), site(tmp_path)))
    (row,) = read(tmp_path, interval_s=300)[0]["scale_nsd"]
    assert (row["ts"], row["interval_s"]) == (datetime(2019, 1, 11, 9, 56), 300.0)


def test_the_file_system_is_the_one_that_its_servers_call_backend(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(OPERATIONS)
    rows, _ = read(tmp_path, backend="project")
    assert [(r["node"], r["disk_read_ops"], r["interval_s"]) for r in rows["scale_client"]] == [
        ("io1", 4, 600.0),
        ("io1", 6, 600.0),
    ]
    for backend, reason in [(None, r"holds several file systems \(home, project\)"), ("work", "holds home, project")]:
        where = site(tmp_path, backend=backend)
        with pytest.raises(InputError, match=reason):
            list(Mmperfmon().read(next(Mmperfmon().find(where, Span())), where))


@pytest.mark.parametrize("hours", [range(7, 13), range(8, 10), range(9, 12)])
def test_the_hour_that_autumn_repeats_is_read_by_the_order_of_rows(tmp_path: Path, hours: range) -> None:
    """P8: 01:30 comes twice on 3 November 2019 in California."""
    from datetime import UTC, timedelta
    from zoneinfo import ZoneInfo

    start = datetime(2019, 11, 3, hours.start, tzinfo=UTC)
    ends = [start + timedelta(minutes=m) for m in range(0, 60 * len(hours), 10)]
    local = [end.astimezone(ZoneInfo("America/Los_Angeles")).strftime("%Y-%m-%d-%H:%M:%S") for end in ends]
    head, _, _ = OPERATIONS.partition("  1 2019")
    (tmp_path / "a").write_text(head + "".join(f"  {i} {text} {i} {i}\n" for i, text in enumerate(local, 1)))
    rows, _ = read(tmp_path, zone="America/Los_Angeles", backend="home")
    assert [r["ts"] for r in rows["scale_client"]] == [
        (end - timedelta(minutes=10)).replace(tzinfo=None) for end in ends
    ]


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    """P5: a cut row, a value that is no number, an unknown sensor, a size without a unit, an amount below zero."""
    text = WIDE.replace("                     3                  null", "   3")
    (tmp_path / "a.txt").write_text(text.replace("200", "2oo").replace("5000", "-5"))
    (tmp_path / "b.txt").write_text(
        USAGE.replace("Network|ib0|net_r", "Infiniband|ib0|net_r").replace("512.0 MB", "512.0")
    )
    (tmp_path / "c.txt").write_text("hello\n")
    rows, rejects = read(tmp_path)
    assert rejects == {
        str(tmp_path / "a.txt"): "row 2 has 1 values below 2 columns (one of 2 such lines)",
        str(tmp_path / "c.txt"): "holds no mmperfmon report, one of 1 such files of the day; "
        "check what the pattern names",
        "mem_free": "1 sizes have no unit; query mmperfmon without -r",
        "sensor Infiniband": "no table takes this sensor, which the day's reports have in 1 columns",
        "values": "1 values are negative, infinite or beyond 2**53",
    }
    assert sorted((r["nsd"], r["ts"].minute, r["read_bytes"]) for r in rows["scale_nsd"]) == [
        ("lun0", 0, 1),
        ("md0", 0, None),
    ]


def test_a_damaged_file_of_an_archive_costs_itself(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in [("x.gz", gzip.compress(WIDE.encode(), mtime=0)[:80]), ("y", WIDE.encode())]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    rows, rejects = read(tmp_path)
    assert len(rows["scale_nsd"]) == 4
    assert [reason.partition(" (")[0] for reason in rejects.values()] == ["is cut off or damaged"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no mmperfmon report"),
        (b"hello\n", "holds no mmperfmon report"),
        (gzip.compress(WIDE.encode(), mtime=0)[:60], "is cut off or damaged"),
        (b"\x00\x01\x02", "is not text"),
        (b'{"a": 1}', "is JSON, but not pytokio's copy"),
    ],
)
def test_a_file_without_a_report_is_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a").write_bytes(content)
    where = site(tmp_path)
    with pytest.raises(InputError, match=reason):
        list(Mmperfmon().read(next(Mmperfmon().find(where, Span())), where))


def test_options_that_are_no_patterns_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(WIDE)
    for luns, reason in [("lun", "luns: is not a table of roles"), ({"(": "data"}, "is not a regular expression")]:
        where = site(tmp_path, luns=luns)
        with pytest.raises(SiteError, match=reason):
            list(Mmperfmon().read(next(Mmperfmon().find(where, Span())), where))


def test_a_day_is_one_input_and_changes_when_a_file_does(tmp_path: Path) -> None:
    """P2: hours of a day are one input, so that the rows of a late file join the day's."""
    for hour in ("09", "10"):
        (tmp_path / f"io1.2019-01-11-{hour}:00:00.out").write_text(WIDE)
        os.utime(tmp_path / f"io1.2019-01-11-{hour}:00:00.out", (1_600_000_000, 1_600_000_000 + int(hour)))
    (tmp_path / "io1.2019-01-12-00:00:00.out").write_text(WIDE)
    found = list(Mmperfmon().find(site(tmp_path, "io1.%Y-%m-%d-%H:00:00.out"), Span()))
    assert [(str(input.day), input.size_bytes) for input in found] == [
        ("2019-01-11", 2 * len(WIDE)),
        ("2019-01-12", len(WIDE)),
    ]


def test_pytokios_json_copy_gives_the_rows_of_the_report(tmp_path: Path) -> None:
    """pytokio turned sizes into bytes and named their counters so; its times are seconds since 1970."""
    at = 1547200860
    copy = {
        str(at): {"io1": {"cpu_user": 0.2, "mem_total_bytes": float(64 << 30), "net_r_bytes": {"lo": 1740.8}}},
        str(at + 60): {"io1": {"cpu_user": 634.0, "gpfs_nsdds_bytes_read": {"lun0": 7}}},
    }
    (tmp_path / "a.json").write_text(json.dumps(copy))
    rows, rejects = read(tmp_path)
    assert rejects == {}
    assert [(r["ts"], r["cpu_user_pct"], r["mem_total_bytes"]) for r in rows["scale_server"]] == [
        (datetime(2019, 1, 11, 10, 0), 0.2, 64 << 30),
        (datetime(2019, 1, 11, 10, 1), 634.0, None),
    ]
    assert [(r["interface"], r["net_in_bytes"]) for r in rows["scale_network"]] == [("lo", 1741)]
    assert [(r["nsd"], r["read_bytes"]) for r in rows["scale_nsd"]] == [("lun0", 7)]


@pytest.mark.parametrize("content", [USAGE, WIDE, OPERATIONS])
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, content: str) -> None:
    """300 random damages."""
    count = int(os.environ.get("IOLAKE_FUZZ", "300")) // 3
    assert survives(Mmperfmon(), site(tmp_path, backend="home"), tmp_path / "a", content.encode(), count) > 0


CELLS = st.sampled_from(
    ["1", "2.5", "1.7 kB", "3 MB", "0.5 GB", "null", "x", "1 kB kB", "kB 1", "nan", "inf", "1.7kB", "20 %"]
)
PAIRS = st.tuples(CELLS, CELLS)
ROWS = st.one_of(PAIRS.map(lambda pair: [pair] * 2), st.lists(PAIRS, min_size=2, max_size=3))
USUAL = "{0} 2019-01-11-10:0{0}:00"
STARTS = st.sampled_from([*[USUAL] * 5, "7 2019-01-11-10:0{0}:00", "{0} 2019-01-11-11:0{0}:00", "1 x"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STARTS, ROWS), min_size=1, max_size=3), st.booleans())
@example([(USUAL, [("1 kB", "nan")] * 2)], True)
@example([(USUAL, [("1 kB kB", "2")] * 2)], True)
@example([(USUAL, [("kB 1", "2")] * 2)], True)
def test_a_wide_report_is_read_alike_whole_in_parts_and_line_by_line(
    tmp_path: Path, parts: list[tuple[str, list[tuple[str, str]]]], is_named: bool
) -> None:
    """P5: what does not fit in one part costs no other, and is named in the order of the report."""
    names = ["mem_free" if is_named else "mem_fre", "cpu_user"]
    text = "Legend:\n 1: io1|Memory|mem_free\n 2: io1|CPU|cpu_user\n 3: io2|Memory|mem_free\n 4: io2|CPU|cpu_user\n\n"
    for start, rows in parts:
        lines = [f"{start.format(at)} {first} {second}" for at, (first, second) in enumerate(rows, 1)]
        text += "\n".join([f"Row Timestamp {' '.join(names)}", *lines, "", ""])
    (tmp_path / "a.txt").write_text(text)
    found = everything(Mmperfmon(), site(tmp_path))
    usual = report._usual_chunk
    for most in (1, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(report, "_usual_chunk", lambda parts, most=most: usual(parts) if len(parts) <= most else None)
            assert everything(Mmperfmon(), site(tmp_path)) == found
