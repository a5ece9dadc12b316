"""mmdf, mmlsdisk -Y and mmlsfs -Y, as the commands print them."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Extractor, InputError, Span
from iolake.extractors.scale.commands import Mmdf, Mmlsdisk, Mmlsfs
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything

MMDF_Y = """
mmdf:nsd:HEADER:version:reserved:reserved:nsdName:storagePool:diskSize:failureGroup:metadata:data:freeBlocks:freeBlocksPct:freeFragments:freeFragmentsPct:diskAvailableForAlloc:
mmdf:poolTotal:HEADER:version:reserved:reserved:poolName:poolSize:freeBlocks:freeBlocksPct:freeFragments:freeFragmentsPct:maxDiskSize:
mmdf:data:HEADER:version:reserved:reserved:totalData:freeBlocks:freeBlocksPct:freeFragments:freeFragmentsPct:
mmdf:metadata:HEADER:version:reserved:reserved:totalMetadata:freeBlocks:freeBlocksPct:freeFragments:freeFragmentsPct:
mmdf:fsTotal:HEADER:version:reserved:reserved:fsSize:freeBlocks:freeBlocksPct:freeFragments:freeFragmentsPct:
mmdf:inode:HEADER:version:reserved:reserved:usedInodes:freeInodes:allocatedInodes:maxInodes:
mmdf:nsd:0:1:::META%5F1:system:1000:300:Yes:No:600:60:5:1::
mmdf:nsd:0:1:::DATA_1:data:9000:-1:No:Yes:3000:33:7:0::
mmdf:poolTotal:0:1:::data:9000:3000:33:7:0:9999:
mmdf:data:0:1:::9000:3000:33:7:0:
mmdf:metadata:0:1:::1000:600:60:5:1:
mmdf:fsTotal:0:1:::10000:3600:36:12:0:
mmdf:inode:0:1:::40:50:90:100:
"""
MMDF = """\
disk                disk size  failure holds    holds              free KB             free KB
name                    in KB    group metadata data        in full blocks        in fragments
--------------- ------------- -------- -------- ----- -------------------- -------------------
Disks in storage pool: system (Maximum disk size allowed is 15.87 GB)
META_1                   1000      300 Yes      No              600 ( 60%)             5 ( 1%)
                -------------                         -------------------- -------------------
(pool total)             1000                                   600 ( 60%)             5 ( 1%)

Disks in storage pool: data (Maximum disk size allowed is 99 GB)
DATA_1                   9000       -1 no       yes            3000 ( 33%)             7 ( 0%) *
                -------------                         -------------------- -------------------
(pool total)             9000                                  3000 ( 33%)             7 ( 0%)

                =============                         ==================== ===================
(data)                   9000                                  3000 ( 33%)             7 ( 0%)
(metadata)               1000                                   600 ( 60%)             5 ( 1%)
                =============                         ==================== ===================
(total)                 10000                                  3600 ( 36%)            12 ( 0%)

Inode Information
-----------------
Number of used inodes:              40
Number of free inodes:              50
Number of allocated inodes:         90
Maximum number of inodes:          100
"""
MMLSDISK = """\
mmlsdisk::HEADER:version:reserved:reserved:nsdName:driverType:sectorSize:failureGroup:metadata:data:status:availability:diskID:storagePool:remarks:numQuorumDisks:readQuorumValue:writeQuorumValue:diskSizeKB:diskUID:thinDiskType:
mmlsdisk::0:1:::RG001VS003:nsd:512:1:yes:yes:ready:up:1:system:desc:3:2:2:130518089728:C0A82D155E83D23B::
mmlsdisk::0:1:::RG002VS003:nsd:512:2:no:yes:being emptied:down:2:data::3:2:2:130518089728:0000000000000012::
"""
MMLSFS = """\
mmlsfs::HEADER:version:reserved:reserved:deviceName:fieldName:data:remarks:
mmlsfs::0:1:::scratch:blockSize:1048576:system pool:
mmlsfs::0:1:::scratch:blockSize:8388608:other pools:
mmlsfs::0:1:::scratch:defaultMountPoint:%2Fgpfs%2Fscratch::
mmlsfs::0:1:::home:blockSize:262144::
"""
TS = datetime(2026, 3, 1, 10)
BEGIN = f"BEGIN {int((TS - datetime(1970, 1, 1)).total_seconds())}\n"


def site(root: Path, source: str, backend: str | None = None) -> Site:
    system = {"timezone": "UTC", "backend": backend, source: {"files": "*"}}
    return Site.model_validate({"root": str(root), "file_systems": {"scale": system}})


def read(root: Path, extractor: Extractor, text: str, backend: str | None = None) -> Any:
    (root / "a").write_text(text)
    rows, rejects, _ = everything(extractor, site(root, extractor.source, backend))
    return rows, rejects


@pytest.mark.parametrize("text", [MMDF_Y, MMDF], ids=["-Y", "for people"])
def test_mmdf_tells_the_space_of_disks_pools_and_file_system_in_bytes(tmp_path: Path, text: str) -> None:
    rows, rejects = read(tmp_path, Mmdf(), BEGIN + text)
    assert rows["scale_capacity"] == [
        {
            "ts": TS,
            "total_bytes": 10000 * 1024,
            "used_bytes": 6400 * 1024,
            "free_bytes": 3600 * 1024,
            "fragment_bytes": 12 * 1024,
            "data_total_bytes": 9000 * 1024,
            "data_free_bytes": 3000 * 1024,
            "metadata_total_bytes": 1000 * 1024,
            "metadata_free_bytes": 600 * 1024,
            "used_inodes": 40,
            "free_inodes": 50,
            "allocated_inodes": 90,
            "total_inodes": 100,
        }
    ]
    names = ("nsd", "pool", "failure_group", "holds_data", "holds_metadata", "used_bytes", "fragment_bytes")
    assert [tuple(r[name] for name in names) for r in rows["scale_disk"]] == [
        ("META_1", "system", "300", False, True, 400 * 1024, 5 * 1024),
        ("DATA_1", "data", "-1", True, False, 6000 * 1024, 7 * 1024),
    ]
    assert [(r["pool"], r["total_bytes"]) for r in rows["scale_pool"]][-1] == ("data", 9000 * 1024)
    assert rejects == {}


def test_mmlsdisk_tells_the_state_of_disks_and_identifiers_stay_text(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, Mmlsdisk(), BEGIN + MMLSDISK)
    names = ("nsd", "pool", "status", "availability", "disk_id", "disk_uid", "total_bytes", "remarks", "sector_bytes")
    assert [tuple(r[name] for name in names) for r in rows["scale_disk"]] == [
        ("RG001VS003", "system", "ready", "up", 1, "C0A82D155E83D23B", 130518089728 * 1024, "desc", 512),
        ("RG002VS003", "data", "being emptied", "down", 2, "0000000000000012", 130518089728 * 1024, None, 512),
    ]
    assert rejects == {}


def test_mmlsfs_tells_the_settings_of_the_backend(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, Mmlsfs(), BEGIN + MMLSFS, "scratch")
    assert [(r["attribute"], r["place"], r["value"], r["remarks"]) for r in rows["scale_setting"]] == [
        ("blockSize", 0, "1048576", "system pool"),
        ("blockSize", 1, "8388608", "other pools"),
        ("defaultMountPoint", 0, "/gpfs/scratch", None),
    ]
    for backend, reason in [(None, r"several file systems \(home, scratch\)"), ("work", "holds home, scratch")]:
        where = site(tmp_path, "mmlsfs", backend)
        with pytest.raises(InputError, match=reason):
            list(Mmlsfs().read(next(Mmlsfs().find(where, Span())), where))


def test_each_snapshot_has_its_rows_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    """P5: a snapshot of no time, one of an earlier one's time, a cut line."""
    cut = MMLSDISK.replace(":desc:3:2:2:130518089728:C0A82D155E83D23B::", "")
    rows, rejects = read(tmp_path, Mmlsdisk(), f"{BEGIN}{MMLSDISK}BEGIN 100\n{cut}{BEGIN}{MMLSDISK}BEGIN x\n{MMLSDISK}")
    assert [(r["nsd"], r["ts"].year) for r in rows["scale_disk"]] == [
        ("RG001VS003", 2026),
        ("RG002VS003", 2026),
        ("RG002VS003", 1970),
    ]
    assert [reason.partition(":")[0] for reason in rejects.values()] == [
        "a line has fewer fields than its header",
        "has the time of an earlier one",
        "does not say when it was taken; put `BEGIN <seconds since 1970>` before each snapshot",
    ]


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00", MMLSDISK.partition("\n")[0].encode()])
def test_output_of_another_command_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    for extractor in (Mmdf(), Mmlsdisk(), Mmlsfs()):
        where = site(tmp_path, extractor.source)
        with pytest.raises(InputError, match=r"has no row of|is not text"):
            list(extractor.read(next(extractor.find(where, Span())), where))


@pytest.mark.parametrize(
    ("extractor", "content"),
    [(Mmdf(), MMDF_Y), (Mmdf(), MMDF), (Mmlsdisk(), MMLSDISK), (Mmlsfs(), MMLSFS)],
    ids=["mmdf-Y", "mmdf", "mmlsdisk", "mmlsfs"],
)
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, extractor: Extractor, content: str) -> None:
    """300 random damages."""
    count = int(os.environ.get("IOLAKE_FUZZ", "300")) // 4
    where = site(tmp_path, extractor.source, "scratch" if extractor.source == "mmlsfs" else None)
    assert survives(extractor, where, tmp_path / "a", (BEGIN + content).encode(), count) > 0


@pytest.mark.parametrize(
    ("unit", "of_pool", "factor"),
    [
        ("in KB", "", 1),
        ("in MB", "", 1 << 10),
        ("in TB", "", 1 << 30),
        ("in 4 MB", "", 4 << 10),
        ("     ", "G", 1 << 20),
    ],
)
def test_the_unit_of_mmdf_is_its_headers_or_the_values_own(
    tmp_path: Path, unit: str, of_pool: str, factor: int
) -> None:
    """`mmdf --block-size 1T` and `--block-size auto` print other units than KB."""
    text = MMDF.replace("in KB", unit, 1)
    if of_pool:
        text = re.sub(r"\b(1000|9000|10000|600|3000|3600)\b(?! inodes)", rf"\1{of_pool}", text.partition("Inode")[0])
        text = re.sub(r"\b(5|7|12) \(", rf"\1{of_pool} (", text)
    rows, rejects = read(tmp_path, Mmdf(), BEGIN + text)
    assert rejects == {}
    (space,) = rows["scale_capacity"]
    assert (space["total_bytes"], space["free_bytes"]) == (10000 * 1024 * factor, 3600 * 1024 * factor)
    assert [(r["nsd"], r["total_bytes"], r["fragment_bytes"]) for r in rows["scale_disk"]] == [
        ("META_1", 1000 * 1024 * factor, 5 * 1024 * factor),
        ("DATA_1", 9000 * 1024 * factor, 7 * 1024 * factor),
    ]


def test_a_unit_that_no_release_prints_is_refused(tmp_path: Path) -> None:
    """P5: sizes of an unknown unit are no KB."""
    rows, rejects = read(tmp_path, Mmdf(), BEGIN + MMDF.replace("in KB", "in furlongs", 1))
    assert rows["scale_disk"] == []
    assert any("furlongs; run mmdf without --block-size" in reason for reason in rejects.values())


def test_a_line_of_sizes_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """P5: a size with commas is no size that a release prints."""
    rows, rejects = read(tmp_path, Mmdf(), BEGIN + MMDF.replace(" 10000 ", " 10,000 "))
    assert rows["scale_capacity"][0].get("total_bytes") is None
    assert "a line of sizes has an unknown form: '(total)" in next(iter(rejects.values()))


def test_lines_of_mmdf_may_be_indented(tmp_path: Path) -> None:
    indented = "".join(f"  {line}\n" for line in MMDF_Y.splitlines())
    assert read(tmp_path, Mmdf(), BEGIN + indented) == read(tmp_path, Mmdf(), BEGIN + MMDF_Y)
