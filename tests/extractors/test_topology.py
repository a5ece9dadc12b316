"""Where nodes are: Cray's list and CSV."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import InputError, Span
from iolake.extractors.topology import Topology
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything

LINE = (
    "cpu=1,slot=2,cage=0,cabinet=null,cab_position=2,cab_row=3,x_coord=13,y_coord=0,z_coord=2,process_slots=4,"
    "process_slots_free=4,processor_status='up',processor_type='compute',alloc_mode='interactive',processor_id={},"
    "od_allocator_id=0,next_red_black_switch=null,processor_spec=null\n"
)
CRAY = "#\n# Each line contains a record\n#\n" + LINE.format(5000) + "\n" + LINE.format(12)
CSV = """\
node,x,y,z,switch,switches,network_group,cabinet,nid,rack
nid[00001-00003],1,2,3.5,,leaf7 spine1 top,g1,c0-0,2,ignored
login1,,,,leaf8,,,,,
"""
TS = datetime(2026, 3, 1, 10)
BEGIN = f"BEGIN {int((TS - datetime(1970, 1, 1)).total_seconds())}\n"


def site(root: Path, **options: Any) -> Site:
    source = {"files": "*", "options": options}
    return Site.model_validate({"root": str(root), "clusters": {"edison": {"topology": source}}})


def read(root: Path, text: str, **options: Any) -> Any:
    (root / "a").write_text(text)
    rows, rejects, _ = everything(Topology(), site(root, **options))
    return rows["topology"], rejects


def known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def test_a_line_of_xtdb2proc_is_a_node(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, BEGIN + CRAY)
    place = {"x": 13.0, "y": 0.0, "z": 2.0, "cabinet": "c2-3", "location": "c2-3c0s2n1"}
    state = {"role": "compute", "status": "up"}
    assert [known(row) for row in rows] == [
        {"node": "nid05000", "nid": 5000, "ts": TS, **place, **state},
        {"node": "nid00012", "nid": 12, "ts": TS, **place, **state},
    ]
    assert rejects == {}
    assert [row["node"] for row in read(tmp_path, BEGIN + CRAY, node_name="x{:07d}")[0]] == ["x0005000", "x0000012"]


NO_CABINET = LINE.replace("cabinet=null,", "")
NO_Z = LINE.format(5000).replace("z_coord", "w")


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        (
            "".join(
                f"processor_id={nid}, " + LINE.replace("processor_id={},", "").replace(",", ", ") for nid in (5000, 12)
            ),
            set(),
        ),
        (LINE.format(5000) + LINE.format(12).replace(",", ", "), set()),
        ("".join("note='a,cabinet=c9-9,b=c'," + NO_CABINET.format(nid) for nid in (5000, 12)), set()),
        ("".join(LINE.format(nid).replace("'interactive'", "'a,b'") for nid in (5000, 12)), set()),
        (LINE.format(5000) + LINE.format(12).replace("'interactive',od_allocator_id=0,", "'a,b',"), set()),
        (NO_Z + LINE.format(12), {"z"}),
    ],
    ids=["blanks", "blanks in a line", "a pair within quotes", "a comma", "a line with a comma", "a key less"],
)
def test_how_xtdb2proc_writes_a_line_changes_no_place(tmp_path: Path, text: str, unknown: set[str]) -> None:
    """P1: blanks after commas, commas within quotes, and keys that the first line lacks."""
    first, second = [known(row) for row in read(tmp_path, BEGIN + LINE.format(5000) + LINE.format(12))[0]]
    rows, rejects = read(tmp_path, BEGIN + text)
    wanted = [{name: value for name, value in first.items() if name not in unknown}, second]
    assert ([known(row) for row in rows], rejects) == (wanted, {})


def test_a_csv_names_nodes_or_lists_of_them(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, BEGIN + CSV)
    place = {
        "x": 1.0,
        "y": 2.0,
        "z": 3.5,
        "switch": "leaf7",
        "switches": ["leaf7", "spine1", "top"],
        "network_group": "g1",
    }
    assert [known(row) for row in rows] == [
        *({"node": f"nid0000{i}", "ts": TS, **place, "cabinet": "c0-0", "nid": 2} for i in (1, 2, 3)),
        {"node": "login1", "ts": TS, "switch": "leaf8", "switches": ["leaf8"]},
    ]
    assert rejects == {}


def test_each_snapshot_has_its_nodes_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    """P5."""
    text = f"{BEGIN}{CRAY}cpu=1,slot=2\nBEGIN 100\n{CSV}nid[7-,1,1,1,,,,,\n{BEGIN}{CSV}BEGIN x\n{CSV}"
    rows, rejects = read(tmp_path, text)
    assert sorted({(row["ts"].year, row["node"]) for row in rows}) == [
        *((1970, name) for name in ("login1", "nid00001", "nid00002", "nid00003")),
        (2026, "nid00012"),
        (2026, "nid05000"),
    ]
    assert [reason.partition(":")[0] for reason in rejects.values()] == [
        "a line has no processor_id",
        "a line names no nodes",
        "has the time of an earlier one",
        "does not say when it was taken; put `BEGIN <seconds since 1970>` before each snapshot",
    ]


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00", b"node\nn1\n", b"a,b\n1,2\n", b"node,x\n"])
def test_what_has_no_nodes_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError):
        list(Topology().read(next(Topology().find(site(tmp_path), Span())), site(tmp_path)))


@pytest.mark.parametrize("content", [CRAY, CSV])
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, content: str) -> None:
    """300 random damages."""
    count = int(os.environ.get("IOLAKE_FUZZ", "300")) // 2
    assert survives(Topology(), site(tmp_path), tmp_path / "a", (BEGIN + content).encode(), count) > 0
