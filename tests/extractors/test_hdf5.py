"""TTS and H5LMT files, written here from their descriptions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from extractors.base import Batch, InputError, Reject, Span
from extractors.hdf5 import Hdf5
from extractors.hdf5.chunks import Stored
from schemas.gate import conform, in_sort_order
from schemas.site import Site

T0 = 1_517_126_400  # 2018-01-28 08:00:00 UTC
MISSING = -0.0


def load(path: Path, backend: str | None = None) -> tuple[dict[str, list[dict[str, Any]]], list[Reject]]:
    """(table to rows, rejects); every batch passes the gate."""
    system = {"hdf5": {"files": str(path)}, "backend": backend}
    site = Site.model_validate({"root": "/", "file_systems": {"fs": system}})
    (input,) = Hdf5().find(site, Span())
    tables: dict[str, list[dict[str, Any]]] = {}
    rejects = []
    for found in Hdf5().read(input, site):
        if isinstance(found, Batch):
            data = conform(found.table, pa.table(found.data), found.table.batch_schema)
            in_sort_order(found.table, data, found.in_order)
            tables.setdefault(found.table.name, []).extend(data.to_pylist())
        else:
            rejects.append(found)
    return tables, rejects


Groups = Mapping[str, Mapping[str, Any]]


def tts(path: Path, groups: Groups, columns: Mapping[str, list[str]], step: int = 5, **attrs: Any) -> None:
    """A TTS file: group to dataset to rows of values; `columns` by group."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"version": "1", "start": T0, **attrs})
        for name, datasets in groups.items():
            group = file.create_group(name)
            group.attrs["source"] = "lmt"
            steps = 0
            for key, values in datasets.items():
                made = group.create_dataset(key, data=np.array(values, float), chunks=True, compression="gzip")
                made.attrs["columns"] = np.array([c.encode() for c in columns[name]])
                made.attrs["version"] = "None"
                steps = len(values)
            group["timestamps"] = T0 + np.arange(steps) * step
        file.attrs["end"] = T0 + steps * step


OSTS = {"datatargets": ["fs-OST0000", "fs-OST0001"], "fullness": ["fs-OST0001", "fs-OST0000"]}


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
        "mdtargets": {"opens": [[5], [6], [7]]},
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


def test_a_chunk_that_nobody_wrote_is_missing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", shape=(6, 4), dtype="f8", chunks=(2, 3), compression="gzip")
        made[0:2, 0:3] = 7
        values = _in_blocks(made, [0, 3, 6])
        assert_same(Stored(made, "a.h5").whole(), values.T)
    assert values.shape == (4, 6)
    assert (values[:3, :2] == 7).all()
    assert np.signbit(values[3:]).all()
    assert np.signbit(values[:, 2:]).all()


def _in_blocks(dataset: h5py.Dataset, cuts: list[int], names: int | None = None) -> Any:
    """What the blocks between cuts hold, side by side: (names, steps)."""
    return np.concatenate([block.copy() for block in Stored(dataset, "a.h5", names).blocks(cuts)], axis=1)


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal to the bit: -0.0 is not 0.0."""
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


STORAGE = st.sampled_from(
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"compression": "gzip", "fletcher32": True},
        {"compression": "lzf"},
        {},
    ]
)
NUMBERS = st.sampled_from([np.dtype(name) for name in ("<f8", ">f8", "<f4", "<i8", ">i4", "u1")])


@settings(max_examples=100, deadline=None)
@given(
    values=NUMBERS.flatmap(
        lambda kind: hnp.arrays(
            kind,
            st.tuples(st.integers(1, 30), st.integers(1, 9)),
            elements=st.sampled_from([0.0, MISSING, 1.0, 2.5, 97.0] if kind.kind == "f" else [0, 1, 97]),
        )
    ),
    chunks=st.none() | st.tuples(st.integers(1, 8), st.integers(1, 5)),
    storage=STORAGE,
    cuts=st.sets(st.integers(1, 29)),
    names=st.integers(1, 9),
)
def test_datasets_are_read_as_h5py_reads_them_whatever_their_chunks_filters_and_type(
    tmp_path_factory: pytest.TempPathFactory,
    values: Any,
    chunks: tuple[int, int] | None,
    storage: dict[str, Any],
    cuts: set[int],
    names: int,
) -> None:
    rows, columns = values.shape
    if chunks:
        storage = {**storage, "chunks": (min(chunks[0], rows), min(chunks[1], columns))}
    with h5py.File(tmp_path_factory.mktemp("h5") / "a.h5", "w") as file:
        made = file.create_dataset("x", data=values, **(storage if chunks else {}))
        edges = [0, *sorted(cut for cut in cuts if cut < rows), rows]
        names = min(names, columns)
        assert_same(_in_blocks(made, edges, names), made[...].T[:names].astype(float))
        assert_same(Stored(made, "a.h5").whole(), made[...].astype(float))


@pytest.mark.parametrize("chunks", [None, (1, 3), (700, 2), (5000, 1)])
def test_what_hdf5_itself_must_read_is_read_in_strips(tmp_path: Path, chunks: tuple[int, int] | None) -> None:
    values = np.random.default_rng(1).random((5000, 3))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", data=values, chunks=chunks, compression="lzf" if chunks else None)
        assert_same(_in_blocks(made, [0, 720, 1440, 1441, 5000]), values.T)


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
    with pytest.raises(InputError, match=r"has a damaged dataset /datatargets/writebytes: .*; restore it"):
        load(path)


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


def _h5lmt(path: Path, missing: Any = None) -> None:
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


def test_h5lmt_rates_move_one_step_left_and_gauges_stay(tmp_path: Path) -> None:
    _h5lmt(tmp_path / "a.h5lmt")
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


def test_h5lmt_missing_cells_are_null(tmp_path: Path) -> None:
    """P6: in the frame of the data, so for rates at the right edge of the step."""
    _h5lmt(tmp_path / "a.h5lmt", [[0, 1, 0, 0], [0, 0, 1, 0]])
    tables, _ = load(tmp_path / "a.h5lmt")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [None, 10, 15, 50, None, 150]
    assert [r["cpu_pct"] for r in tables["lustre_server"] if r["role"] == "oss"] == [1.5, None, 3, 5, 6, None]


def test_h5lmt_with_other_servers_than_targets_is_missing_where_no_server_answered(tmp_path: Path) -> None:
    _h5lmt(tmp_path / "a.h5lmt", [[0, 1, 1, 0]])
    rows = load(tmp_path / "a.h5lmt")[0]["lustre_ost"]
    assert [r["read_bytes"] for r in rows] == [None, None, 15, None, None, 150]


def test_version_none_is_unset_and_another_version_fails_loudly(tmp_path: Path) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS, version="None")
    assert len(load(tmp_path / "a.h5")[0]["lustre_ost"]) == 2
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2]]}}, OSTS, version="2")
    with pytest.raises(InputError, match="is of TTS version 2; only version 1"):
        load(tmp_path / "a.h5")


def test_what_is_no_such_file_is_rejected(tmp_path: Path) -> None:
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
