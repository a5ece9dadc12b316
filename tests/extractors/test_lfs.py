"""`lfs df` and `lctl dl -t`, as their commands print them."""

from __future__ import annotations

import bz2
import gzip
import os
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.base import Batch, Extractor, InputError, Reject, Span
from iolake.extractors.lfs import LctlTargets, LfsDf
from iolake.schemas.site import Site

DF = """\
UUID                   1K-blocks        Used   Available Use% Mounted on
big-fs-MDT0000_UUID   2000  500  1400  25% /big[MDT:0]
big-fs-OST0000_UUID   9000 1000  7900  11% /big[OST:0]
big-fs-OST00ad_UUID   9000 4000  4900  44% /big[OST:173] f
OST0001             : inactive device

filesystem_summary:  18000 5000 12800 28% /big
"""
INODES = """\
UUID                      Inodes       IUsed       IFree IUse% Mounted on
big-fs-OST0000_UUID        77          7          70   9% /big[OST:0]
"""
DL = """\
  0 UP mgc MGC10.0.0.1@o2ib 35473 5
  1 UP lov big-fs-clilov-ffff8 8dbd 4
  3 UP mdc big-fs-MDT0000-mdc-ffff8 8dbd 5 10.0.0.4@o2ib2
  4 IN osc big-fs-OST00ad-osc-ffff8 8dbd 5 10.0.0.25@tcp
"""
OTHER = "small-OST0000_UUID   9000 1000  7900  11% /small[OST:0]\n"


def read(
    extractor: Extractor, root: Path, backend: str | None = "big-fs", files: str = "*.txt"
) -> tuple[Any, list[Reject]]:
    """(rows, rejects) of all files."""
    source = {extractor.source: {"files": files}}
    system = {"timezone": "America/Los_Angeles", "backend": backend, **source}
    site = Site.model_validate({"root": str(root), "file_systems": {"big": system}})
    rows, rejects = [], []
    for input in extractor.find(site, Span()):
        for found in extractor.read(input, site):
            if isinstance(found, Batch):
                assert pa.table(found.data).schema.equals(found.table.batch_schema)
                rows += found.data.to_pylist()
            else:
                rejects.append(found)
    return rows, rejects


def test_sizes_are_bytes_and_targets_lose_the_file_systems_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 1489998203\n{DF}")
    rows, rejects = read(LfsDf(), tmp_path)
    assert rejects == []
    assert rows[1] == {
        "target": "OST0000",
        "ts": datetime(2017, 3, 20, 8, 23, 23),
        "role": "ost",
        "total_bytes": 9000 * 1024,
        "used_bytes": 1000 * 1024,
        "available_bytes": 7900 * 1024,
        "total_inodes": None,
        "used_inodes": None,
        "mount_point": "/big",
    }
    assert [(r["target"], r["role"]) for r in rows] == [
        ("MDT0000", "mdt"),
        ("OST0000", "ost"),
        ("OST00ad", "ost"),
        ("OST0001", "ost"),
    ]


def test_a_target_that_does_not_answer_has_no_sizes(tmp_path: Path) -> None:
    """P6: it is neither empty nor left out."""
    (tmp_path / "a.txt").write_text(f"BEGIN 1489998203\n{DF}")
    rows, _ = read(LfsDf(), tmp_path)
    assert (rows[3]["target"], rows[3]["total_bytes"], rows[3]["used_bytes"]) == ("OST0001", None, None)


HUMAN = """\
UUID                       bytes        Used   Available Use% Mounted on
big-fs-MDT0000_UUID        2.1T      109.9G        2.0T   5% /big[MDT:0]
big-fs-OST0000_UUID       84.5T       60.9T       22.7T  73% /big[OST:0]
OST0001             : inactive device
"""


def test_sizes_for_human_eyes_are_no_sizes_and_that_is_said(tmp_path: Path) -> None:
    """P5: not a target that does not answer."""
    (tmp_path / "a.txt").write_text(f"BEGIN 1489998203\n{HUMAN}")
    with pytest.raises(InputError, match=r"KiB, 2 like 'big-fs-MDT0000_UUID 2.1T .*'; archive `lfs df` without -h$"):
        read(LfsDf(), tmp_path)


def test_a_line_that_does_not_fit_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    odd = "big-fs-OST0002_UUID   9000 4000  4900  44%\n"
    other = "small-OST0000_UUID   84.5T 60.9T  22.7T  44% /small[OST:0]\n"
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF}BEGIN 200\n{DF}{odd}{other}BEGIN 300\n{HUMAN}")
    rows, rejects = read(LfsDf(), tmp_path)
    assert [r["target"] for r in rows] == 2 * ["MDT0000", "OST0000", "OST00ad", "OST0001"]
    assert [(r.part, r.reason.split("; ")[0]) for r in rejects] == [
        (
            "the snapshot after line 9",
            "has targets without sizes in KiB, 1 like 'big-fs-OST0002_UUID 9000 4000 4900 44%'",
        ),
        (
            "the snapshot after line 19",
            "has targets without sizes in KiB, 2 like 'big-fs-MDT0000_UUID 2.1T 109.9G 2.0T 5% /big[MDT:0]'",
        ),
    ]


@pytest.mark.parametrize("said", ["  : inactive device", ": Resource temporarily unavailable", ": 110", "_UUID  : N/A"])
def test_whatever_is_said_of_a_target_instead_of_sizes_it_has_a_row(tmp_path: Path, said: str) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF}big-fs-OST0007{said}\n")
    rows, rejects = read(LfsDf(), tmp_path)
    assert [(r["target"], r["total_bytes"]) for r in rows][-1] == ("OST0007", None)
    assert rejects == []


def test_inodes_join_the_sizes_of_their_snapshot(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 1489998203\n{DF}\n{INODES}")
    rows, _ = read(LfsDf(), tmp_path)
    row = next(r for r in rows if r["target"] == "OST0000")
    assert (row["used_bytes"], row["used_inodes"], row["total_inodes"]) == (1000 * 1024, 7, 77)


def test_every_snapshot_of_a_file_counts_the_last_one_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF}\nBEGIN 200\n{DF}BEGIN 300\n{DF}")
    rows, _ = read(LfsDf(), tmp_path)
    assert sorted({r["ts"].minute * 60 + r["ts"].second for r in rows}) == [100, 200, 300]


def test_snapshots_that_are_left_out_are_named(tmp_path: Path) -> None:
    """P5: one without rows of the file system, and one whose time came before."""
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF}BEGIN 100\n{DF}BEGIN 200\n{OTHER}")
    rows, rejects = read(LfsDf(), tmp_path)
    assert len(rows) == 4
    assert [(r.part, r.reason) for r in rejects] == [
        ("the snapshot after line 9", "has the time of an earlier one"),
        ("the snapshot after line 17", "has no row of the file system"),
    ]


@pytest.mark.parametrize("begin", ["BEGIN 1489998203000", "BEGIN 2017-03-20T01:23:23", "BEGIN"])
def test_a_snapshot_whose_time_cannot_be_read_is_left_out_alone(tmp_path: Path, begin: str) -> None:
    """P5: such as milliseconds; its rows are not another snapshot's."""
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF}{begin}\n{DF}BEGIN 300\n{DF}")
    rows, rejects = read(LfsDf(), tmp_path)
    assert sorted({r["ts"].minute * 60 + r["ts"].second for r in rows}) == [100, 300]
    assert [(r.part, r.reason) for r in rejects] == [("the snapshot after line 9", "does not say when it was taken")]
    (tmp_path / "a.txt").write_text(f"{begin}\n{DF}")
    with pytest.raises(
        InputError, match="does not say when it was taken; put `BEGIN <seconds since 1970>` before each"
    ):
        read(LfsDf(), tmp_path)


def test_rows_before_the_first_time_of_a_file_are_named(tmp_path: Path) -> None:
    """P5: the file was cut at its head."""
    (tmp_path / "a.txt").write_text(f"{DF}BEGIN 300\n{DF}")
    rows, rejects = read(LfsDf(), tmp_path)
    assert {r["ts"] for r in rows} == {datetime(1970, 1, 1, 0, 5)}
    assert [(r.part, r.reason) for r in rejects] == [("the snapshot after line 0", "does not say when it was taken")]


@pytest.mark.parametrize("begin", ["BEGIN 1489998203.75", "  BEGIN   1489998203  ", "\ufeffBEGIN 1489998203"])
def test_a_time_is_read_in_each_form_that_is_clear(tmp_path: Path, begin: str) -> None:
    (tmp_path / "a.txt").write_text(f"{begin}\n{DF}", "utf-8")
    rows, _ = read(LfsDf(), tmp_path)
    assert {r["ts"] for r in rows} == {datetime(2017, 3, 20, 8, 23, 23)}


def test_targets_of_a_file_system_without_answers_are_not_the_next_ones(tmp_path: Path) -> None:
    silent = "UUID 1K-blocks Used\nOST0000 : inactive device\nOST0009 : inactive device\n\nUUID 1K-blocks Used\n"
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{silent}{OTHER}")
    rows, _ = read(LfsDf(), tmp_path, "small")
    assert [r["target"] for r in rows] == ["OST0000"]


def test_the_backend_chooses_among_several_file_systems(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF}{OTHER}")
    assert {r["mount_point"] for r in read(LfsDf(), tmp_path, "small")[0]} == {"/small"}
    with pytest.raises(InputError, match=r"several file systems \(big-fs, small\); name one"):
        read(LfsDf(), tmp_path, None)
    with pytest.raises(InputError, match="holds big-fs, small, not huge"):
        read(LfsDf(), tmp_path, "huge")


def test_a_connection_says_who_serves_the_target(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DL}")
    rows, _ = read(LctlTargets(), tmp_path)
    assert [(r["target"], r["role"], r["server_address"], r["network"], r["state"]) for r in rows] == [
        ("MDT0000", "mdt", "10.0.0.4", "o2ib2", "up"),
        ("OST00ad", "ost", "10.0.0.25", "tcp", "in"),
    ]


@pytest.mark.parametrize("nid", ["", " <none>"])
def test_a_connection_without_a_server_has_a_row_without_one(tmp_path: Path, nid: str) -> None:
    """P6: the target was there; who served it is not known. A second connection of the client may know."""
    lost = f"  5 UP osc big-fs-OST0001-osc-ffff8 8dbd 4{nid}\n  6 IN osc big-fs-OST0002-osc-ffff8 8dbd 4{nid}\n"
    again = "  7 UP osc big-fs-OST0002-osc-ffff9 8dbd 5 10.0.0.7@tcp\n"
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DL}{lost}{again}")
    rows, rejects = read(LctlTargets(), tmp_path)
    assert [(r["target"], r["server_address"], r["network"], r["state"]) for r in rows[2:]] == [
        ("OST0001", None, None, "up"),
        ("OST0002", "10.0.0.7", "tcp", "in"),
    ]
    assert rejects == []


def test_a_list_without_any_server_is_rejected(tmp_path: Path) -> None:
    """P5: `lctl dl` alone."""
    (tmp_path / "a.txt").write_text("BEGIN 100\n  4 UP osc big-fs-OST00ad-osc-ffff8 8dbd 5\n")
    rows, rejects = read(LctlTargets(), tmp_path)
    assert [(r["target"], r["state"]) for r in rows] == [("OST00ad", "up")]
    assert [r.reason for r in rejects] == ["has no server's address; archive `lctl dl -t`"]


def test_of_a_target_mounted_twice_the_first_line_counts(tmp_path: Path) -> None:
    twice = DF + "big-fs-OST0000_UUID   9000 1  2  11% /mnt/big[OST:0]\n"
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{twice}")
    rows, _ = read(LfsDf(), tmp_path)
    assert [(r["mount_point"], r["used_bytes"]) for r in rows if r["target"] == "OST0000"] == [("/big", 1024000)]


def test_a_file_without_a_time_is_as_old_as_its_last_change_on_its_day(tmp_path: Path) -> None:
    """P8: in the source's zone; a copy made on another day is dated to the day's start."""
    (tmp_path / "2017-03-20.txt").write_text(DF)
    os.utime(tmp_path / "2017-03-20.txt", (1490000000, 1490000000))
    assert read(LfsDf(), tmp_path, files="%Y-%m-%d.txt")[0][0]["ts"] == datetime(2017, 3, 20, 8, 53, 20)
    os.utime(tmp_path / "2017-03-20.txt", (1600000000, 1600000000))
    assert read(LfsDf(), tmp_path, files="%Y-%m-%d.txt")[0][0]["ts"] == datetime(2017, 3, 20, 7, 0, 0)


def test_compressed_text_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(gzip.compress(f"BEGIN 100\n{DL}".encode(), mtime=0))
    assert len(read(LctlTargets(), tmp_path)[0]) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no row of `lfs df`"),
        (b"hello\n", "has no row of `lfs df`"),
        (gzip.compress(DF.encode(), mtime=0)[:60], "is cut off or damaged"),
        (b"\xff\xfe\x00", "is text in UTF-16"),
    ],
)
def test_output_of_another_command_is_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read(LfsDf(), tmp_path)


COLUMNS = {
    "UUID": "big-fs-OST0011_UUID", "1K-blocks": "9000", "Used": "1000", "Available": "7900", "Use%": "11%",
    "Inodes": "77", "IUsed": "7", "IFree": "70", "IUse%": "9%", "Mounted on": "/big[OST:17]",
}  # fmt: skip


@given(st.lists(st.sampled_from([*COLUMNS]), unique=True, min_size=1), st.sampled_from(["", " D"]))
def test_columns_are_read_by_their_headings(chosen: list[str], status: str) -> None:
    """`lfs df --output=...` prints any columns in any order; a column that is absent is null (P6)."""
    text = "BEGIN 100\n" + " ".join(chosen) + "\n" + " ".join(COLUMNS[name] for name in chosen) + status + "\n"
    with TemporaryDirectory() as root:
        (Path(root) / "a.txt").write_text(text)
        if not {"UUID", "Mounted on"} & set(chosen):
            with pytest.raises(InputError, match="has no row of `lfs df`"):
                read(LfsDf(), Path(root))
            return
        rows, rejects = read(LfsDf(), Path(root))
    assert not rejects
    used = 1000 * 1024 if "Used" in chosen else None
    used_inodes = 7 if "IUsed" in chosen or {"Inodes", "IFree"} <= set(chosen) else None
    assert rows == [
        {
            "target": "OST0011",
            "ts": datetime(1970, 1, 1, 0, 1, 40),
            "role": "ost",
            "total_bytes": 9000 * 1024 if "1K-blocks" in chosen else None,
            "used_bytes": used,
            "available_bytes": 7900 * 1024 if "Available" in chosen else None,
            "total_inodes": 77 if "Inodes" in chosen else None,
            "used_inodes": used_inodes,
            "mount_point": "/big" if "Mounted on" in chosen else None,
        }
    ]


def test_rows_without_a_header_are_not_guessed(tmp_path: Path) -> None:
    """P6: `lfs df -i -N` prints inodes where `lfs df -N` prints KiB."""
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{DF.partition(chr(10))[2]}BEGIN 200\n{DF}")
    rows, rejects = read(LfsDf(), tmp_path)
    assert len(rows) == 4
    assert [r.reason for r in rejects] == [
        "has 3 lines without column headers, like 'big-fs-MDT0000_UUID 2000 500 1400 25% /big[MDT:0]'; "
        "archive `lfs df` without -N"
    ]


YAML = """\
devices:
- index: 0
  status: UP
  type: mgc
  name: MGC10.0.0.1@o2ib
  uuid: 35473
  refcount: 5
- index: 4
  status: UP
  type: osc
  name: big-fs-OST00ad-osc-ffff8b904341d000
  uuid: ac8e54e3-1334-4865-a3f5-4f61ce87bdd1
  refcount: 5
"""


def test_devices_are_read_from_yaml(tmp_path: Path) -> None:
    """`lctl dl -y` (Lustre 2.16) prints no address unless it is asked for."""
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{YAML}BEGIN 200\n{YAML}  nid: 10.0.0.25@tcp\n")
    rows, rejects = read(LctlTargets(), tmp_path)
    assert [(r["target"], r["state"], r["server_address"], r["network"]) for r in rows] == [
        ("OST00ad", "up", None, None),
        ("OST00ad", "up", "10.0.0.25", "tcp"),
    ]
    assert [r.part for r in rejects] == ["the snapshot after line 1"]


@pytest.mark.parametrize(
    "form",
    [
        '  - "type": "osc"\n    "name": "{name}"\n    "status": \'UP\'\n    nid: "{nid}"\n',
        "- {{ index: 4, status: UP, type: osc, name: {name}, nid: {nid} }}\n",
        '{{"devices":[{{"status":"UP","type":"osc","name":"{name}","nid":"{nid}"}}]}}\n',
    ],
    ids=["quoted", "flow", "json"],
)
def test_devices_are_read_from_every_form_of_yaml(tmp_path: Path, form: str) -> None:
    body = form.format(name="big-fs-OST00ad-osc-ffff8b904341d000", nid="10.0.0.25@tcp")
    (tmp_path / "a.txt").write_text(f"BEGIN 100\n{body}")
    rows, rejects = read(LctlTargets(), tmp_path)
    assert [(r["target"], r["state"], r["server_address"], r["network"]) for r in rows] == [
        ("OST00ad", "up", "10.0.0.25", "tcp")
    ]
    assert rejects == []


@pytest.mark.parametrize("odd", ["-1", "-1024", "18446744073709551615", "-"])
def test_a_size_below_zero_is_unknown_and_costs_no_other(tmp_path: Path, odd: str) -> None:
    """P6: a target that is overfull or did not answer prints a negative number, with or without its sign."""
    (tmp_path / "a.txt").write_text("BEGIN 100\n" + DF.replace("  7900", f"  {odd}"))
    rows, rejects = read(LfsDf(), tmp_path)
    (row,) = (r for r in rows if r["target"] == "OST0000")
    assert (row["available_bytes"], row["total_bytes"], row["used_bytes"]) == (None, 9000 << 10, 1000 << 10)
    assert rejects == []


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_file_of_nothing_but_begins_or_zeros_ends_soon(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """P5: a bounded number of rejects, and no more memory than a snapshot takes."""
    (tmp_path / "a.txt").write_bytes(pack(b"".join(b"BEGIN %d\n" % n for n in range(300_000)) + DF.encode()))
    began = time.process_time()
    _, rejects = read(LfsDf(), tmp_path)
    assert time.process_time() - began < 30
    assert len(rejects) == 101
    assert rejects[-1].reason == "299899 further snapshots are left out"
    (tmp_path / "a.txt").write_bytes(pack(bytes(1 << 24)))
    with pytest.raises(InputError, match=r"is not text|longer than 1 MiB"):
        read(LfsDf(), tmp_path)


def test_a_database_among_the_files_is_named(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.txt").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(InputError, match=r"is an SQLite database .* not text"):
        read(LfsDf(), tmp_path)
