"""TTS files, and files that are something else."""

from __future__ import annotations

import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.extractors.base import Batch, InputError, Span
from iolake.extractors.hdf5 import Hdf5
from iolake.schemas.site import Site
from tests.extractors.hdf5_files import MISSING, OSTS, T0, Groups, load, tts


def test_negative_zero_is_null_and_zero_is_zero(tmp_path: Path) -> None:
    """P6: the mark for missing is -0.0."""
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[0.0, MISSING], [7, 8]]}}, OSTS)
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["ost"], r["read_bytes"]) for r in tables["lustre_ost"]] == [
        ("OST0000", 0),
        ("OST0000", 7),
        ("OST0001", None),
        ("OST0001", 8),
    ]
    assert rejects == []


def test_the_name_of_a_dataset_decides_between_counts_and_rates(tmp_path: Path) -> None:
    groups: Groups = {
        "datatargets": {"readbytes": [[1, 2]], "writerates": [[3, MISSING]]},
        "mdtargets": {"statfsrates": [[2]]},
    }
    tts(tmp_path / "a.h5", groups, {**OSTS, "mdtargets": ["mds1"]}, step=10)
    tables, _ = load(tmp_path / "a.h5")
    assert [(r["read_bytes"], r["write_bytes"], r["interval_s"]) for r in tables["lustre_ost"]] == [
        (1, 30, 10.0),
        (2, None, 10.0),
    ]
    assert tables["lustre_mdt"][0]["statfs"] == 20


def test_space_is_kib_and_columns_are_matched_by_name(tmp_path: Path) -> None:
    groups = {"datatargets": {"readbytes": [[1, 2]]}, "fullness": {"bytes": [[30, 20]], "inodes": [[3, 2]]}}
    tts(tmp_path / "a.h5", groups, OSTS)
    rows = load(tmp_path / "a.h5")[0]["lustre_ost"]
    assert [(r["ost"], r["read_bytes"], r["used_bytes"], r["used_inodes"]) for r in rows] == [
        ("OST0000", 1, 20 * 1024, 2),
        ("OST0001", 2, 30 * 1024, 3),
    ]


def test_space_with_steps_of_its_own_is_a_series_of_snapshots(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs.update({"start": T0, "end": T0 + 600})
        for name, key, step in (("datatargets", "readbytes", 5), ("fullness", "bytes", 300)):
            made = file.create_dataset(f"{name}/{key}", data=np.ones((2, 1)))
            made.attrs["columns"] = np.array([b"fs-OST0000"])
            file[f"{name}/timestamps"] = T0 + np.arange(2) * step
    tables, _ = load(tmp_path / "a.h5")
    assert [r["used_bytes"] for r in tables["lustre_df"]] == [1024, 1024]
    assert [r["used_bytes"] for r in tables["lustre_ost"]] == [None, None]


def test_memory_of_lmt_is_a_percentage_and_else_bytes(tmp_path: Path) -> None:
    columns = {"dataservers": ["oss1"]}
    tts(tmp_path / "a.h5", {"dataservers": {"memused": [[98.5]], "cpuload": [[MISSING]]}}, columns)
    (row,) = load(tmp_path / "a.h5")[0]["lustre_server"]
    assert (row["mem_pct"], row["mem_used_bytes"], row["cpu_pct"], row["role"]) == (98.5, None, None, "oss")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["dataservers"].attrs["source"] = "collectd"
    (row,) = load(tmp_path / "a.h5")[0]["lustre_server"]
    assert (row["mem_pct"], row["mem_used_bytes"]) == (None, 98)


def test_the_whole_file_system_is_summed_with_what_was_missing(tmp_path: Path) -> None:
    groups: Groups = {
        "datatargets": {"readbytes": [[1, 2], [MISSING, 4], [MISSING, MISSING]]},
        "mdtargets": {"opens": [[5], [6], [7]], "links": [[MISSING]] * 3},
    }
    tts(tmp_path / "a.h5", groups, {**OSTS, "mdtargets": ["fs-MDT0000"]})
    rows = load(tmp_path / "a.h5")[0]["lustre_fs"]
    assert [(r["read_bytes"], r["read_bytes_before"], r["osts_missing"]) for r in rows] == [
        (3, 0, 0),
        (4, 3, 1),
        (None, 7, 2),
    ]
    assert [(r["opens"], r["opens_before"], r["ost_seconds_before"]) for r in rows] == [
        (5, 0, 0),
        (6, 5, 10),
        (7, 11, 15),
    ]
    assert rows[0]["write_bytes_before"] is None
    assert {(r["links"], r["links_before"]) for r in rows} == {(None, None)}, "P6: a day without any value has no sum"


def test_values_that_cannot_be_are_null_and_counted(tmp_path: Path) -> None:
    """P5: old archivers left negative numbers behind."""
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[-5, np.nan], [np.inf, 1]]}}, OSTS)
    tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [None, None, None, 1]
    assert [(r.part, r.reason.split()[0]) for r in rejects] == [("lustre_ost.read_bytes", "3")]


def test_columns_without_a_name_are_unused_and_named_if_they_hold_values(tmp_path: Path) -> None:
    columns = {"datatargets": ["fs-OST0000"]}
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, MISSING]]}}, columns)
    tables, rejects = load(tmp_path / "a.h5")
    assert len(tables["lustre_ost"]) == 1
    assert rejects == []
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 5]]}}, columns)
    assert [r.part for r in load(tmp_path / "a.h5")[1]] == ["/datatargets/readbytes"]


def test_parts_without_a_table_are_named(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]], "mystery": [[1, 2]]}}, OSTS)
    assert [r.part for r in load(tmp_path / "a.h5")[1]] == ["/datatargets/mystery"]


def test_a_file_of_several_file_systems_gives_the_backends_own(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, {"datatargets": ["a-b-OST0000", "c-OST0000"]})
    assert [r["read_bytes"] for r in load(tmp_path / "a.h5", "c")[0]["lustre_ost"]] == [2]
    with pytest.raises(InputError, match=r"several file systems \(a-b, c\)"):
        load(tmp_path / "a.h5")
    with pytest.raises(InputError, match="holds a-b, c, not d"):
        load(tmp_path / "a.h5", "d")


def test_chunks_that_nobody_wrote_are_null(tmp_path: Path) -> None:
    """P6: -0.0 is neither zero nor a negative number."""
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2], [3, 4]], "writebytes": [[1, 2], [3, 4]]}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for name, kind in (("readbytes", "f8"), ("writebytes", "i8")):
            columns = file["datatargets"][name].attrs["columns"]
            del file["datatargets"][name]
            made = file["datatargets"].create_dataset(name, (2, 2), kind, chunks=(1, 2))
            made.attrs["columns"] = columns
            made[0] = [0, 6]
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["read_bytes"], r["write_bytes"]) for r in tables["lustre_ost"]] == [
        (0, 0),
        (None, None),
        (6, 6),
        (None, None),
    ]
    assert rejects == []


@given(st.lists(st.integers(0, 2**58), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_counts_stored_as_whole_numbers_are_exact(tmp_path_factory: pytest.TempPathFactory, counts: list[int]) -> None:
    """A double holds them only up to 2**53."""
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    tts(path, {"datatargets": {"readbytes": np.array([[n, n] for n in counts], np.int64)}}, OSTS)
    tables, rejects = load(path)
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == 2 * counts
    assert rejects == []


def test_whole_numbers_that_cannot_be_are_null_and_counted(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": np.array([[-1, 2**63 - 1]])}}, OSTS)
    tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [None, None]
    assert [r.part for r in rejects] == ["lustre_ost.read_bytes"]


def test_a_damaged_chunk_rejects_the_file_and_is_named(tmp_path: Path) -> None:
    """P5: hours before it may have been given by then; the caller drops them with the input."""
    path = tmp_path / "a.h5"
    noise = np.random.default_rng(1).random((1500, 2)) * 1e9
    tts(path, {"datatargets": {"readbytes": np.ones((1500, 2)), "writebytes": noise}}, OSTS)
    with h5py.File(path) as file:
        chunks: list[Any] = []
        file["datatargets/writebytes"].id.chunk_iter(chunks.append)
    last = max(chunks, key=lambda chunk: chunk.chunk_offset)
    content = bytearray(path.read_bytes())
    content[last.byte_offset + 2 : last.byte_offset + last.size] = bytes(last.size - 2)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"has a damaged dataset /datatargets/writebytes \(.*\); restore it"):
        load(path)


@pytest.mark.parametrize("part", ["datatargets", "datatargets/timestamps", "datatargets/readbytes"])
def test_a_damaged_structure_rejects_the_file(tmp_path: Path, part: str) -> None:
    """P5: one bad file is rejected with a line, and stops no other."""
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2]] * 9}}, OSTS)
    with h5py.File(path) as file:
        place = h5py.h5o.get_info(file[part].id).addr
    content = bytearray(path.read_bytes())
    content[place : place + 16] = b"\xff" * 16
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|cut off"):
        load(path)


def test_values_too_large_for_a_number_appear_in_rejects_only(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readrates": [[1e308, 2]] * 2}}, OSTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [None, None, 10, 10]
    assert [r.part for r in rejects] == ["lustre_ost.read_bytes"]


def test_the_first_hour_of_a_day_comes_before_the_last_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": np.arange(4 * 720 * 2).reshape(-1, 2)}}, OSTS)
    site = Site.model_validate({"root": "/", "file_systems": {"fs": {"hdf5": {"files": str(path)}}}})
    (input,) = Hdf5().find(site, Span())
    found = Hdf5().read(input, site)
    first = next(found)
    assert isinstance(first, Batch)
    assert {ts.hour for ts in first.data["ts"].to_pylist()} == {8}
    os.truncate(path, 1000)
    with pytest.raises(InputError, match="has a damaged dataset /datatargets/readbytes"):
        list(found)


def test_a_dataset_of_text_is_left_out_and_named(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        made = file.create_dataset("datatargets/writebytes", data=np.array([[b"x", b"y"]]))
        made.attrs["columns"] = np.array([b"fs-OST0000", b"fs-OST0001"])
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["read_bytes"], r["write_bytes"]) for r in tables["lustre_ost"]] == [(1, None), (2, None)]
    assert [(r.part, r.reason) for r in rejects] == [
        ("/datatargets/writebytes", "is not a matrix of numbers with named columns")
    ]


def test_rows_come_hour_by_hour_over_a_day_and_batches_keep_their_promise(tmp_path: Path) -> None:
    values = np.arange(30 * 2).reshape(30, 2)
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": values}}, OSTS, step=600)
    rows = load(tmp_path / "a.h5")[0]["lustre_ost"]
    order = [(r["ts"].hour, r["ost"], r["ts"]) for r in rows]
    assert order == sorted(order)
    assert {(r["ost"], r["ts"]): r["read_bytes"] for r in rows}[("OST0001", datetime(2018, 1, 28, 9, 10))] == 15


def test_version_none_is_unset_and_another_version_fails_loudly(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS, version="None")
    assert len(load(tmp_path / "a.h5")[0]["lustre_ost"]) == 2
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS, version="2")
    with pytest.raises(InputError, match="is of TTS version 2; only version 1"):
        load(tmp_path / "a.h5")


def test_a_file_of_another_kind_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("this is text\n")
    with pytest.raises(InputError, match="is not an HDF5 file"):
        load(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="has none of the groups"):
        load(tmp_path / "b.h5")


def test_a_file_that_is_cut_off_is_rejected(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": np.random.default_rng(1).random((500, 2)) * 1e9}}, OSTS)
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is not an HDF5 file, or is cut off"):
        load(tmp_path / "a.h5")
