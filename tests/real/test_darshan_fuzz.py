"""Real Darshan 3 logs with bits flipped, cut short, or spliced: rejected with a reason, or right in what they kept.

IOLAKE_FUZZ sets how many mutations are tried, IOLAKE_FUZZ_SEED which.
"""

from __future__ import annotations

import os
import resource
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iolake.demo.formats.darshan import Log, Record, encode
from iolake.extractors import darshan as darshan_extractor
from iolake.extractors.base import Batch, Input, Outcome, Reject
from iolake.extractors.darshan import Darshan, large, pieces
from iolake.schemas.site import Site

MUTATIONS = int(os.environ.get("IOLAKE_FUZZ", "300"))
SEED = int(os.environ.get("IOLAKE_FUZZ_SEED", "20170320"))
SITE = Site.model_validate({"clusters": {"c": {}}})
MEMORY_BOUND = 1 << 30
OF_THE_LOG = ("log_id", "job_id", "date", "input_id")
OF_THE_NAMES = ("path", "mount_point", "file_system")
TABLES = {
    "POSIX": "darshan_posix",
    "MPI-IO": "darshan_mpiio",
    "STDIO": "darshan_stdio",
    "H5F": "darshan_h5f",
    "H5D": "darshan_h5d",
    "BG/Q": "darshan_bgq",
    "LUSTRE": "darshan_lustre",
    "APXC": "darshan_apxc",
    "APMPI": "darshan_apmpi",
    "DFS": "darshan_dfs",
    "DAOS": "darshan_daos",
}
MODULES = (
    "NULL POSIX MPI-IO H5F H5D PNETCDF_FILE PNETCDF_VAR BG/Q LUSTRE STDIO DXT_POSIX DXT_MPIIO MDHIM APXC APMPI "
    "HEATMAP DFS DAOS"
)


def test_a_damaged_log_is_rejected_or_what_it_kept_is_right(samples: Path, tmp_path: Path) -> None:
    """All or nothing a log: no half log, no crash, no hang, bounded memory."""
    rng = np.random.default_rng(SEED)
    originals = [p for p in sorted(samples.glob("darshan/3.x/*.darshan")) if p.stat().st_size < 12_000]
    loaded = 0
    for number in range(MUTATIONS):
        original = originals[rng.integers(len(originals))]
        mutated = mutate(original.read_bytes(), originals[rng.integers(len(originals))].read_bytes(), rng)
        path = tmp_path / f"{number}.darshan"
        path.write_bytes(mutated)
        read = read_log(path)
        path.unlink()
        if read is None:
            continue
        loaded += 1
        whole = read_log(original)
        assert whole is not None
        kept = parts(mutated)
        same_names = kept.get("names") == parts(original.read_bytes()).get("names")
        for module, part in parts(original.read_bytes()).items():
            if module in TABLES and kept.get(module) == part:
                assert rows(read, module, same_names) == rows(whole, module, same_names), (number, original, module)
    assert 0 < loaded < MUTATIONS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MEMORY_BOUND + _BEFORE


@pytest.mark.parametrize("hold", [100, 1 << 30])
def test_a_log_is_judged_the_same_whole_and_in_pieces(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: int
) -> None:
    """Whether its inflated regions are held or not."""
    rng = np.random.default_rng(SEED)
    originals = [p for p in sorted(samples.glob("darshan/3.x/*.darshan")) if p.stat().st_size < 12_000]
    for number in range(MUTATIONS // 4):
        original, other = (originals[place].read_bytes() for place in rng.integers(len(originals), size=2))
        path = tmp_path / f"{number}.darshan"
        path.write_bytes(mutate(original, other, rng) if number % 4 else original)
        whole = read_log(path)
        with monkeypatch.context() as patched:
            patched.setattr(darshan_extractor, "_ALONE", 1)
            patched.setattr("iolake.extractors.darshan.content._MAPPED_FROM", 1)
            patched.setattr(large, "_HOLD", hold)
            patched.setattr(large, "_BLOCK", 4000)
            patched.setattr(pieces, "_WHOLE", 1)
            patched.setattr(pieces, "_PIECE", 900)
            patched.setattr(pieces, "_CACHED", 700)
            assert sorted_rows(read_log(path)) == sorted_rows(whole), number
        path.unlink()


def sorted_rows(read: dict[str, list[dict[str, Any]]] | None) -> dict[str, list[str]] | None:
    """The rows of each table that has any, in an order that does not depend on theirs."""
    return None if read is None else {name: sorted(map(repr, rows)) for name, rows in read.items() if rows}


_BEFORE = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def mutate(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One mutation: some bits flipped, an end cut off, or a stretch of another log put in."""
    match rng.integers(3):
        case 0:
            flipped = bytearray(content)
            for _ in range(rng.integers(1, 9)):
                flipped[rng.integers(len(flipped))] ^= 1 << rng.integers(8)
            return bytes(flipped)
        case 1:
            return content[: rng.integers(len(content))]
        case _:
            start, length = rng.integers(len(content)), rng.integers(1, 400)
            at = rng.integers(len(other))
            return content[:start] + other[at : at + length] + content[start + length * rng.integers(2) :]


def read_log(path: Path) -> dict[str, list[dict[str, Any]]] | None:
    """The log's rows by table; None where it was rejected, for a reason."""
    tables: dict[str, list[dict[str, Any]]] = {}
    outcome, reasons = None, []
    for result in Darshan().read_many([Input("darshan", "c", str(path))], SITE):
        match result:
            case Batch():
                tables.setdefault(result.table.name, []).extend(result.data.to_pylist())
            case Reject():
                reasons.append(result.reason)
            case Outcome():
                outcome = result
    assert outcome is not None
    if outcome.status == "rejected":
        assert reasons and all(reasons)
        assert not tables
        return None
    return tables


def rows(read: dict[str, list[dict[str, Any]]], module: str, same_names: bool) -> list[dict[str, Any]]:
    """A module's rows without what comes from elsewhere in the log."""
    left_out = OF_THE_LOG if same_names else OF_THE_LOG + OF_THE_NAMES
    return [{k: repr(v) for k, v in row.items() if k not in left_out} for row in read.get(TABLES[module], [])]


@cache
def parts(content: bytes) -> dict[str, tuple[int, bytes, bytes]]:
    """(version, byte order, compressed bytes) of each module, and of the names, as a log's header places them."""
    if len(content) < 1328:
        return {}
    order = "<" if struct.unpack_from("<q", content, 8)[0] == 6567223 else ">"
    new = content[:4] == b"3.41"
    missing = {b"3.00": "H5D PNETCDF_VAR", b"3.10": "H5D PNETCDF_VAR"}.get(content[:4], "" if new else "PNETCDF_VAR")
    names = [m for m in MODULES.split() if m not in missing.split()]
    slots, maps_at, versions_at = (64, 32, 1072) if new else (16, 24, 296)
    places = struct.unpack_from(f"{order}{2 + 2 * slots}Q", content, maps_at)
    versions = struct.unpack_from(f"{order}{slots}I", content, versions_at)
    header = content[:8] + content[16:17]
    found = {"names": (0, header, content[places[0] : places[0] + places[1]])}
    for slot, name in enumerate(names[:slots]):
        at, size = places[2 + 2 * slot : 4 + 2 * slot]
        if size:
            found[name] = versions[slot], header, content[at : at + size]
    mounts = content[1328 if new else 360 : places[0]]
    found["names"] = (0, header, found["names"][2] + mounts)
    return found


@pytest.mark.parametrize("alone", [1 << 20, 1 << 40])
def test_a_bomb_is_rejected_and_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: int) -> None:
    """Two gigabytes of zeros in two megabytes: no region of a log gains so much."""
    monkeypatch.setattr(darshan_extractor, "_ALONE", alone)
    log = Log(1, 1, 1_500_000_000, 1_500_000_100, 1, "bomb", modules={"POSIX": [Record(1)]}, compression="none")
    content = encode(log)
    compressor = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    first, again = (compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + 2047 * again  # its checksum is missing, but nobody should come so far
    header = bytearray(content[:1328])
    regions = [content[1328 : len(content) - 704]]
    assert not struct.unpack_from("<QQ", header, 32)[1], "this log has no names"
    header[16] = 0
    job = zlib.compress(regions[0])
    struct.pack_into("<QQ", header, 48 + 16, 1328 + len(job), len(bomb))
    path = tmp_path / "bomb.darshan"
    path.write_bytes(bytes(header) + job + bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reject, outcome = Darshan().read_many([Input("darshan", "c", str(path))], SITE)
    assert isinstance(reject, Reject)
    assert "POSIX region" in reject.reason
    assert "inflates to more than" in reject.reason
    assert isinstance(outcome, Outcome)
    assert outcome.status == "rejected"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000
