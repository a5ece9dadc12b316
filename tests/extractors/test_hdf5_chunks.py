"""Datasets in every layout of HDF5; h5py is the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from iolake.extractors.hdf5.chunks import FileMatrix
from tests.extractors.hdf5_files import MISSING

STORAGE = st.sampled_from(
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"compression": "gzip", "fletcher32": True},
        {"compression": "lzf"},
        {},
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.tuples(st.integers(1, 8), st.integers(1, 5)),
    storage=STORAGE,
    written=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4)), max_size=6),
    kind=st.sampled_from(["f8", ">f4", "i8", "u2"]),
    cuts=st.sets(st.integers(1, 11)),
)
def test_chunks_that_nobody_wrote_are_missing_whatever_their_filters_and_type(
    tmp_path_factory: pytest.TempPathFactory,
    chunks: tuple[int, int],
    storage: dict[str, Any],
    written: list[tuple[int, int]],
    kind: str,
    cuts: set[int],
) -> None:
    """P6: HDF5 itself reads them as zeros."""
    expected = np.full((12, 6), np.nan)
    with h5py.File(tmp_path_factory.mktemp("h5") / "a.h5", "w") as file:
        made = file.create_dataset("x", shape=(12, 6), dtype=kind, chunks=chunks, **storage)
        for row, column in written:
            rows, columns = (slice(i * n, (i + 1) * n) for i, n in zip((row, column), chunks, strict=True))
            made[rows, columns] = 7
            expected[rows, columns] = 7
        edges = [0, *sorted(cuts), 12]
        for values in (_in_blocks(made, edges).T, FileMatrix(made, "a.h5").whole()):
            missing = values == np.iinfo(np.int64).min if values.dtype == np.int64 else np.signbit(values)
            np.testing.assert_array_equal(np.where(missing, np.nan, values), expected)


def test_a_dataset_without_chunks_that_nobody_wrote_is_missing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert np.signbit(_in_blocks(file.create_dataset("never", shape=(4, 2), dtype="f8"), [0, 4])).all()
        assert not np.signbit(_in_blocks(file.create_dataset("zeros", data=np.zeros((4, 2))), [0, 4])).any()


def _in_blocks(dataset: h5py.Dataset, cuts: list[int], names: int | None = None) -> Any:
    """What the blocks between cuts hold, side by side: (names, steps)."""
    return np.concatenate([block.copy() for block in FileMatrix(dataset, "a.h5", names).blocks(cuts)], axis=1)


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal to the bit: -0.0 is not 0.0."""
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


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
        assert_same(FileMatrix(made, "a.h5").whole(), made[...].astype(float))


@pytest.mark.parametrize("chunks", [None, (1, 3), (700, 2), (5000, 1)])
def test_what_hdf5_itself_must_read_is_read_in_strips(tmp_path: Path, chunks: tuple[int, int] | None) -> None:
    values = np.random.default_rng(1).random((5000, 3))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", data=values, chunks=chunks, compression="lzf" if chunks else None)
        assert_same(_in_blocks(made, [0, 720, 1440, 1441, 5000]), values.T)


def test_a_chunk_that_went_without_the_filter_is_read_as_it_lies(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((8, 4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", data=values, chunks=(4, 2), compression="gzip")
        made.id.write_direct_chunk((4, 2), values[4:, 2:].tobytes(), filter_mask=1)
        assert_same(_in_blocks(made, [0, 3, 8]), values.T)
        assert_same(FileMatrix(made, "a.h5").whole(), made[...])


def test_a_dataset_made_of_other_files_is_read_through_them(tmp_path: Path) -> None:
    """It stores nothing itself, and yet is not missing: hours in files of their own, seen as one day."""
    values = np.random.default_rng(1).random((6, 2))
    layout = h5py.VirtualLayout(shape=(6, 2), dtype="f8")
    for hour in range(2):
        rows = slice(3 * hour, 3 * hour + 3)
        with h5py.File(tmp_path / f"{hour}.h5", "w") as file:
            file["x"] = values[rows]
        layout[rows] = h5py.VirtualSource(tmp_path / f"{hour}.h5", "x", shape=(3, 2))
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        assert_same(_in_blocks(file.create_virtual_dataset("x", layout), [0, 4, 6]), values.T)
