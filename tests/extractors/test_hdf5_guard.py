"""HDF5 files that reach beyond themselves, or ask for more than a day of a file system takes."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from iolake.extractors.base import InputError
from tests.extractors.hdf5_files import OSTS, load, tts

READ = "/datatargets/readbytes"


def replace(file: h5py.File, how: str, secret: Path) -> None:
    """Put data of another file in the place of the bytes read."""
    del file[READ]
    if how == "external link":
        file[READ] = h5py.ExternalLink(str(secret), "/secret")
    elif how == "external storage":
        file.create_dataset(READ, (2, 2), "f8", external=[(str(secret), 0, 32)])
    else:
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[...] = h5py.VirtualSource(str(secret), "secret", (2, 2))
        file.create_virtual_dataset(READ, layout)
    if how != "external link":
        file[READ].attrs["columns"] = np.array([b"OST0000", b"OST0001"])


@pytest.mark.parametrize("how", ["external link", "external storage", "virtual dataset"])
@pytest.mark.parametrize("place", [READ, "/unused/deep"])
def test_a_file_that_reads_other_files_is_refused_by_name(tmp_path: Path, how: str, place: str) -> None:
    """Else the bytes of a file that only the reading process may read become rows for every analyst."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.full((2, 2), 42.0)
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2], [3, 4]], "writebytes": [[5, 6], [7, 8]]}}, OSTS)
    with h5py.File(path, "a") as file:
        replace(file, how, secret)
        file.move(READ, place)
    with pytest.raises(InputError, match=rf"{place} reads another file \(.*secret.h5\), which is refused"):
        load(path)


def test_a_virtual_dataset_over_the_file_itself_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2], [3, 4]]}}, OSTS)
    with h5py.File(path, "a") as file:
        file.move(READ, "/datatargets/timestamps_of_nothing")
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[...] = h5py.VirtualSource(".", "/datatargets/timestamps_of_nothing", (2, 2))
        file.create_virtual_dataset(READ, layout).attrs["columns"] = np.array([b"OST0000", b"OST0001"])
    assert [row["read_bytes"] for row in load(path)[0]["lustre_ost"]] == [1, 3, 2, 4]


@pytest.mark.parametrize(
    ("shape", "chunks"), [((2, 2**31), (1, 2**20)), ((2**30, 1), (2**20, 1)), ((2**17, 2**11), (8, 8))]
)
def test_a_dataset_of_impossible_size_is_left_out_before_memory_is_taken(
    tmp_path: Path, shape: tuple[int, int], chunks: tuple[int, int]
) -> None:
    """P5: its part is named and the others are read."""
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2], [3, 4]], "writebytes": [[5, 6], [7, 8]]}}, OSTS)
    with h5py.File(path, "a") as file:
        del file[READ]
        made = file.create_dataset(READ, shape, "f8", chunks=chunks, compression="gzip")
        made.attrs["columns"] = np.array([b"OST0000", b"OST0001"])
    tables, rejects = load(path)
    assert next((row["read_bytes"], row["write_bytes"]) for row in tables["lustre_ost"]) == (None, 5)
    assert [(reject.part, reject.reason.split(":")[0]) for reject in rejects] == [
        (READ, "is larger than 8192 names and 134217728 values")
    ]


def test_a_chunk_that_inflates_beyond_its_size_is_damage(tmp_path: Path) -> None:
    """P5: a bomb of a gigabyte in a chunk of 32 bytes."""
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2], [3, 4]]}}, OSTS)
    with h5py.File(path, "a") as file:
        file[READ].id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 26)))
    with pytest.raises(InputError, match="inflates to another size"):
        load(path)


@pytest.mark.parametrize("filters", ["gzip twice", "shuffle, gzip"])
def test_a_chunk_that_hdf5_itself_would_inflate_is_refused_before(tmp_path: Path, filters: str) -> None:
    """P5: HDF5 inflates a chunk as far as it goes; only its dataset is left out."""
    path = tmp_path / "a.h5"
    tts(path, {"datatargets": {"readbytes": [[1, 2], [3, 4]], "writebytes": [[5, 6], [7, 8]]}}, OSTS)
    bomb = zlib.compress(bytes(300 << 20), 9)
    with h5py.File(path, "a") as file:
        kept = dict(file[READ].attrs)
        del file[READ]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((2, 2))
        if filters == "shuffle, gzip":
            plan.set_shuffle()
        else:
            plan.set_filter(h5py.h5z.FILTER_DEFLATE, h5py.h5z.FLAG_OPTIONAL, (9,))
            bomb = zlib.compress(bomb, 9)
        plan.set_deflate(9)
        space = h5py.h5s.create_simple((2, 2))
        made = h5py.h5d.create(file["/datatargets"].id, b"readbytes", h5py.h5t.IEEE_F64LE, space, plan)
        made.write_direct_chunk((0, 0), bomb)
        file[READ].attrs.update(kept)
    tables, rejects = load(path)
    assert next((row["read_bytes"], row["write_bytes"]) for row in tables["lustre_ost"]) == (None, 5)
    (reject,) = rejects
    assert reject.part == READ and ("several times" in reject.reason or "inflates to more" in reject.reason)
