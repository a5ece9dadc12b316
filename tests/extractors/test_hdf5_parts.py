"""TTS files with parts that can't be used, and attributes as other writers leave them: what is whole is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from iolake.extractors.base import Batch, Outcome, Reject, Span
from iolake.extractors.hdf5 import Hdf5
from iolake.schemas.site import Site
from tests.extractors.hdf5_files import OSTS, load, tts


def test_an_empty_group_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.create_group("mdtargets")
    tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [1, 2]
    assert [(r.part, r.reason) for r in rejects] == [("/mdtargets", "holds no datasets")]


@pytest.mark.parametrize("columns", [h5py.Empty("S1"), np.array([], "S1"), np.array([b"", b""])])
def test_a_dataset_without_column_names_is_left_out_and_named(tmp_path: Path, columns: Any) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]], "writebytes": [[3, 4]]}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["datatargets/readbytes"].attrs["columns"] = columns
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["read_bytes"], r["write_bytes"]) for r in tables["lustre_ost"]] == [(None, 3), (None, 4)]
    assert [(r.part, r.reason) for r in rejects] == [
        ("/datatargets/readbytes", "is not a matrix of numbers with named columns")
    ]


def test_blank_column_names_are_unused_columns(tmp_path: Path) -> None:
    names = {"datatargets": ["fs-OST0001", "", "fs-OST0000", "", ""]}
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 0, 2, 0, -0.0]]}}, names)
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["ost"], r["read_bytes"]) for r in tables["lustre_ost"]] == [("OST0000", 2), ("OST0001", 1)]
    assert rejects == []
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 7, 2, 0, 0]]}}, names)
    assert [r.part for r in load(tmp_path / "a.h5")[1]] == ["/datatargets/readbytes"]


def test_two_columns_of_one_target_are_left_out_and_named(tmp_path: Path) -> None:
    """P5: under its long and its short name too."""
    for names in (["fs-OST0000", "fs-OST0000"], ["fs-OST0000", "fs-OST0000_UUID"]):
        columns = {"datatargets": names, "fullness": ["fs-OST0000", "fs-OST0001"]}
        tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}, "fullness": {"bytes": [[1, 2]]}}, columns)
        tables, rejects = load(tmp_path / "a.h5")
        assert [(r["read_bytes"], r["used_bytes"]) for r in tables["lustre_ost"]] == [(None, 1024), (None, 2048)]
        assert [(r.part, r.reason) for r in rejects] == [("/datatargets/readbytes", "has two columns of one name")]


@pytest.mark.parametrize("version", [np.array([b"1"]), np.array(["1"], h5py.string_dtype()), h5py.Empty("S1"), 1])
def test_the_version_may_be_an_array_of_one_or_empty(tmp_path: Path, version: Any) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS, version=version)
    assert [r["read_bytes"] for r in load(tmp_path / "a.h5")[0]["lustre_ost"]] == [1, 2]


@pytest.mark.parametrize(
    ("column", "mdt"),
    [("fs-MDT0003", "MDT0003"), ("fs-MDT0003_UUID", "MDT0003"), ("MDT0002", "MDT0002"), ("nid00012", "MDT0000")],
)
def test_a_single_metadata_target_keeps_its_name_and_only_a_servers_is_replaced(
    tmp_path: Path, column: str, mdt: str
) -> None:
    tts(tmp_path / "a.h5", {"mdtargets": {"opens": [[5]]}}, {"mdtargets": [column]})
    assert [(r["mdt"], r["opens"]) for r in load(tmp_path / "a.h5")[0]["lustre_mdt"]] == [(mdt, 5)]


def test_of_several_file_systems_metadata_targets_one_keeps_its_name(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"mdtargets": {"opens": [[5, 6]]}}, {"mdtargets": ["fs-MDT0001", "other-MDT0000"]})
    assert [(r["mdt"], r["opens"]) for r in load(tmp_path / "a.h5", "fs")[0]["lustre_mdt"]] == [("MDT0001", 5)]


def test_memory_of_an_unknown_unit_is_left_out_and_named(tmp_path: Path) -> None:
    """A percentage of LMT and bytes of the others have one name."""
    tts(tmp_path / "a.h5", {"dataservers": {"memused": [[98.5]], "cpuload": [[7]]}}, {"dataservers": ["oss1"]})
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["dataservers"].attrs["source"]
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["mem_pct"], r["mem_used_bytes"], r["cpu_pct"]) for r in tables["lustre_server"]] == [(None, None, 7)]
    assert [r.part for r in rejects] == ["/dataservers/memused"]
    for units, expected in (("%", (98.5, None)), ("bytes", (None, 98))):
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["dataservers/memused"].attrs["units"] = units
        (row,) = load(tmp_path / "a.h5")[0]["lustre_server"]
        assert (row["mem_pct"], row["mem_used_bytes"]) == expected


_WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "a") as file:
    file.flush()
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_its_writer_has_open_is_tried_again(tmp_path: Path) -> None:
    """P5: the reason is the writer, not a damage."""
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2]]}}, OSTS)
    site = Site.model_validate({"root": "/", "file_systems": {"fs": {"hdf5": {"files": str(path)}}}})
    (input,) = Hdf5().find(site, Span())
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _WRITER, path], stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        reject, outcome = Hdf5().read_many([input], site)
        assert isinstance(reject, Reject)
        assert (reject.transient, reject.reason) == (
            True,
            "cannot be read: its writer has it open; the next run tries again",
        )
        assert isinstance(outcome, Outcome)
        assert outcome.status == "rejected"
        assert writer.stdin is not None
        writer.stdin.close()
    assert any(isinstance(found, Batch) for found in Hdf5().read_many([input], site))


def test_a_part_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["fullness"] = [1.0]
        file.create_group("datatargets/writebytes")
    tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [1, 2]
    assert [r.part for r in rejects] == ["/datatargets/writebytes", "/fullness"]
