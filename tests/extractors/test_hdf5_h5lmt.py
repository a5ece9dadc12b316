"""H5LMT files, written here from their description."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from iolake.extractors.base import InputError
from tests.extractors.hdf5_files import T0, load


def h5lmt(
    path: Path,
    missing: Any = None,
    times: tuple[int, ...] = (T0, T0 + 5, T0 + 10, T0 + 15),
    write_names: tuple[bytes, ...] = (b"fs-OST0000", b"fs-OST0001"),
) -> None:
    """Three steps of two OSTs on two servers: the rate of a step stands one column to its right."""
    with h5py.File(path, "w") as file:
        file["FSStepsGroup/FSStepsDataSet"] = np.array(times, np.int32)
        for group, name in (("OSTReadGroup", "OSTBulkReadDataSet"), ("OSTWriteGroup", "OSTBulkWriteDataSet")):
            made = file.create_dataset(f"{group}/{name}", data=np.array([[0, 1, 2, 3], [0, 10, 20, 30]], float))
            made.attrs["OSTNames"] = np.array([b"fs-OST0000", b"fs-OST0001"])
        made.attrs["OSTNames"] = np.array(write_names)
        made = file.create_dataset("OSSCPUGroup/OSSCPUDataSet", data=np.array([[1.5, 2, 3, 4], [5, 6, 7, 8]]))
        made.attrs["OSSNames"] = np.array([b"oss1", b"oss2"])
        file["MDSCPUGroup/MDSCPUDataSet"] = np.array([9.0, 8, 7, 6])
        made = file.create_dataset("MDSOpsGroup/MDSOpsDataSet", data=np.array([[0, 2, 0, 4], [0, 0, 6, 0.0]]))
        made.attrs["OpNames"] = np.array([b"open", b"quotactl"])
        if missing is not None:
            file["FSMissingGroup/FSMissingDataSet"] = np.array(missing, np.int32)


def test_rates_move_one_step_left_and_gauges_stay(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt")
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert rejects == []
    first = tables["lustre_ost"][0]
    assert (first["ts"], first["read_bytes"], first["interval_s"]) == (datetime(2018, 1, 28, 8), 5, 5.0)
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [5, 10, 15, 50, 100, 150]
    assert [r["cpu_pct"] for r in tables["lustre_server"]] == [1.5, 2, 3, 5, 6, 7, 9, 8, 7]
    assert [(r["mdt"], r["opens"], r["other_ops"]) for r in tables["lustre_mdt"]] == [
        ("MDT0000", 10, []),
        ("MDT0000", 0, [("quotactl", 30)]),
        ("MDT0000", 20, []),
    ]


def test_missing_cells_are_null(tmp_path: Path) -> None:
    """P6: in the frame of the data, so for rates at the right edge of the step."""
    h5lmt(tmp_path / "a.h5lmt", [[0, 1, 0, 0], [0, 0, 1, 0]])
    tables, _ = load(tmp_path / "a.h5lmt")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [None, 10, 15, 50, None, 150]
    assert [r["cpu_pct"] for r in tables["lustre_server"] if r["role"] == "oss"] == [1.5, None, 3, 5, 6, None]


def test_with_other_servers_than_targets_is_missing_where_no_server_answered(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt", [[0, 1, 1, 0]])
    rows = load(tmp_path / "a.h5lmt")[0]["lustre_ost"]
    assert [r["read_bytes"] for r in rows] == [None, None, 15, None, None, 150]


def test_reads_and_writes_are_matched_by_name(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt", write_names=(b"fs-OST0001", b"fs-OST0002"))
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert [(r["ost"], r["read_bytes"], r["write_bytes"]) for r in tables["lustre_ost"]] == [
        *(("OST0000", amount, None) for amount in (5, 10, 15)),
        *(("OST0001", 10 * amount, amount) for amount in (5, 10, 15)),
        *(("OST0002", None, 10 * amount) for amount in (5, 10, 15)),
    ]
    assert rejects == []


@pytest.mark.parametrize(
    ("names", "rows", "reason"),
    [
        ((b"fs-OST0000", b"fs-OST0000"), 0, "has two rows of one name"),
        ((b"fs-OST0000", b""), 3, "has values in rows without a name; these are left out"),
        ((b"fs-OST0000",), 3, "has values in rows without a name; these are left out"),
    ],
)
def test_rows_without_a_name_of_their_own_are_left_out_and_named(
    tmp_path: Path, names: tuple[bytes, ...], rows: int, reason: str
) -> None:
    h5lmt(tmp_path / "a.h5lmt", write_names=names)
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert sum(r["write_bytes"] is not None for r in tables["lustre_ost"]) == rows
    assert [(r.part, r.reason) for r in rejects] == [("OSTWriteGroup/OSTBulkWriteDataSet", reason)]


def test_missing_in_one_row_is_missing_for_all(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt", [0, 1, 1, 0])
    rows = load(tmp_path / "a.h5lmt")[0]["lustre_ost"]
    assert [r["read_bytes"] for r in rows] == [None, None, 15, None, None, 150]


def test_what_the_missing_cells_do_not_reach_counts_as_present_and_is_named(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt", [[0, 1], [0, 1]])
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [None, 10, 15, None, 100, 150]
    assert [(r.part, r.reason) for r in rejects] == [
        ("FSMissingGroup/FSMissingDataSet", "has 2 columns for 4 times; the rest counts as present")
    ]


def test_missing_cells_of_the_storage_servers_say_nothing_of_the_metadata_server(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt", [[1, 1, 1, 1], [1, 1, 1, 1]])
    tables, _ = load(tmp_path / "a.h5lmt")
    assert [r["opens"] for r in tables["lustre_mdt"]] == [10, 0, 20]
    assert [r["cpu_pct"] for r in tables["lustre_server"] if r["role"] == "mds"] == [9, 8, 7]


def test_a_growing_file_is_read_up_to_its_last_time(tmp_path: Path) -> None:
    h5lmt(tmp_path / "a.h5lmt", times=(T0, T0 + 5, T0 + 10, 0))
    with h5py.File(tmp_path / "a.h5lmt", "a") as file:
        for name in ("OSTReadGroup/OSTBulkReadDataSet", "OSTWriteGroup/OSTBulkWriteDataSet"):
            file[name][:, 3] = 0
        for name in ("OSSCPUGroup/OSSCPUDataSet", "MDSOpsGroup/MDSOpsDataSet"):
            file[name][:, 3] = 0
        file["MDSCPUGroup/MDSCPUDataSet"][3] = 0
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [5, 10, 50, 100]
    assert [r["cpu_pct"] for r in tables["lustre_server"]] == [1.5, 2, 5, 6, 9, 8]
    assert rejects == []


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ((T0, 0, 0, 0), "has no whole step yet"),
        ((T0, 0, T0 + 10, T0 + 15), "do not rise"),
        ((-5, 0, 5, 10), "not seconds since 1970"),
    ],
)
def test_times_that_give_no_steps_reject_the_file(tmp_path: Path, times: tuple[int, ...], reason: str) -> None:
    h5lmt(tmp_path / "a.h5lmt", times=times)
    with pytest.raises(InputError, match=reason):
        load(tmp_path / "a.h5lmt")


def test_a_rate_after_a_gap_covers_only_the_step_before_its_time(tmp_path: Path) -> None:
    """P6: and a gauge before it only the step after; the rest of the gap is null."""
    h5lmt(tmp_path / "a.h5lmt", times=(T0, T0 + 5, T0 + 3600, T0 + 3605))
    tables, _ = load(tmp_path / "a.h5lmt")
    rows = [r for r in tables["lustre_ost"] if r["ost"] == "OST0001"]
    assert [(r["ts"], r["interval_s"], r["read_bytes"]) for r in rows] == [
        (datetime(2018, 1, 28, 8, 0), 5, 50),
        (datetime(2018, 1, 28, 8, 0, 5), 3590, None),
        (datetime(2018, 1, 28, 8, 59, 55), 5, 100),
        (datetime(2018, 1, 28, 9, 0), 5, 150),
    ]
    servers = [r for r in tables["lustre_server"] if r["server"] == "oss1"]
    assert [(r["ts"], r["interval_s"], r["cpu_pct"]) for r in servers] == [
        (datetime(2018, 1, 28, 8, 0), 5, 1.5),
        (datetime(2018, 1, 28, 8, 0, 5), 5, 2),
        (datetime(2018, 1, 28, 8, 0, 10), 3590, None),
        (datetime(2018, 1, 28, 9, 0), 5, 3),
    ]


def test_what_nobody_wrote_of_a_dataset_of_one_row_is_null(tmp_path: Path) -> None:
    """P6: its chunks are missing as those of the others."""
    h5lmt(tmp_path / "a.h5lmt")
    with h5py.File(tmp_path / "a.h5lmt", "a") as file:
        del file["MDSCPUGroup/MDSCPUDataSet"]
        file.create_dataset("MDSCPUGroup/MDSCPUDataSet", (4,), "f8", chunks=(2,), compression="gzip")[:2] = [9, 0]
    tables, _ = load(tmp_path / "a.h5lmt")
    assert [r["cpu_pct"] for r in tables["lustre_server"] if r["role"] == "mds"] == [9, 0, None]


@pytest.mark.parametrize(
    ("names", "part", "reason"),
    [
        ([b"open", b"open"], "MDSOpsGroup/MDSOpsDataSet", "has two rows of one name"),
        ([b"open"], "MDSOpsGroup/MDSOpsDataSet", "has values in rows without a name; these are left out"),
        ([b"open", b""], "MDSOpsGroup/MDSOpsDataSet", "has values in rows without a name; these are left out"),
    ],
)
def test_operations_whose_names_do_not_fit_are_rejected(
    tmp_path: Path, names: list[bytes], part: str, reason: str
) -> None:
    """P5."""
    h5lmt(tmp_path / "a.h5lmt")
    with h5py.File(tmp_path / "a.h5lmt", "a") as file:
        file[part].attrs["OpNames"] = np.array(names)
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert [(r.part, r.reason) for r in rejects] == [(part, reason)]
    assert all(row["other_ops"] is None for row in tables.get("lustre_mdt", []))


def test_times_that_are_no_dataset_reject_the_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5lmt", "w") as file:
        file.create_group("FSStepsGroup/FSStepsDataSet")
    with pytest.raises(InputError, match=r"has a damaged dataset \("):
        load(tmp_path / "a.h5lmt")


@pytest.mark.parametrize("values", [None, np.array([[b"x"] * 4] * 2)])
def test_a_dataset_without_a_matrix_of_numbers_is_left_out_and_rejected(tmp_path: Path, values: Any) -> None:
    """P5: the file's other parts are read."""
    path = "OSTReadGroup/OSTBulkReadDataSet"
    h5lmt(tmp_path / "a.h5lmt")
    with h5py.File(tmp_path / "a.h5lmt", "a") as file:
        del file[path]
        if values is None:
            file.create_group(path)
        else:
            file[path] = values
    tables, rejects = load(tmp_path / "a.h5lmt")
    assert [(r["read_bytes"], r["write_bytes"]) for r in tables["lustre_ost"][:2]] == [(None, 5), (None, 10)]
    assert [(r.part, r.reason) for r in rejects] == [(path, "is not a matrix of numbers")]
