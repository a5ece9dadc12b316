"""H5LMT files, written here from their description."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.extractors.hdf5_files import T0, load


def h5lmt(path: Path, missing: Any = None) -> None:
    """Three steps of two OSTs on two servers: the rate of a step stands one column to its right."""
    with h5py.File(path, "w") as file:
        file["FSStepsGroup/FSStepsDataSet"] = np.array([T0, T0 + 5, T0 + 10, T0 + 15], np.int32)
        for group, name in (("OSTReadGroup", "OSTBulkReadDataSet"), ("OSTWriteGroup", "OSTBulkWriteDataSet")):
            made = file.create_dataset(f"{group}/{name}", data=np.array([[0, 1, 2, 3], [0, 10, 20, 30]], float))
            made.attrs["OSTNames"] = np.array([b"fs-OST0000", b"fs-OST0001"])
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
