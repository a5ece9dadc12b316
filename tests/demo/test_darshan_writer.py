"""PyDarshan reads what the demo's Darshan writer wrote; the library judges the writer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from iolake.demo.formats.darshan import (
    FORMATS,
    Columns,
    Component,
    Heatmap,
    Log,
    Lustre,
    Record,
    Traced,
    encode,
    record_id,
)
from iolake.demo.formats.darshan.counters import FIXED, HEADERS, Fields
from iolake.demo.formats.darshan.records import ByteOrder

pytest.importorskip("darshan")

# Answers each path on standard input with all that PyDarshan reads of that log, as one line of JSON. The library
# keeps state from log to log, so each is read in a process that has read none before: a fork of this one.
READER = """
import json, os, sys
import darshan.backend.cffi_backend as backend

def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value

def records(log, name):
    if name == "BG/Q":  # the library has its names under another module's name
        while (record := backend.log_get_record(log, name, dtype="numpy")) is not None:
            record["counters"] = dict(zip(backend.counter_names("BGQ"), record["counters"]))
            record["fcounters"] = dict(zip(backend.fcounter_names("BGQ"), record["fcounters"]))
            yield record
    elif name in ("APMPI", "APXC"):
        read = getattr(backend, f"log_get_{name.lower()}_record")
        yield read(log, name, "HEADER")
        while (record := read(log, name, "PERF")) is not None:
            yield record
    else:
        while (record := backend.log_get_record(log, name, dtype="dict")) is not None:
            yield record

def answer(path):
    log = backend.log_open(path)
    modules = backend.log_get_modules(log)
    print(json.dumps(plain({
        "job": backend.log_get_job(log),
        "exe": backend.log_get_exe(log),
        "mounts": backend.log_get_mounts(log),
        "names": {str(key): name for key, name in backend.log_get_name_records(log).items()},
        "modules": modules,
        "records": {name: list(records(log, name)) for name in modules if name != "MDHIM"},
    })), flush=True)

while path := sys.stdin.readline().strip():
    if (child := os.fork()) == 0:
        answer(path)
        os._exit(0)
    os.waitpid(child, 0)
    print(flush=True)
"""

PATHS = ["/scratch/ann/out.h5", "/scratch/ann/data é.nc", "relative.txt"]
NAMES = {record_id(path): path for path in PATHS}
JOB: dict[str, Any] = {
    "job_id": 4711,
    "uid": 1001,
    "start_s": 1773533522,
    "start_ns": 25_000_001,
    "end_s": 1773533600,
    "end_ns": 999_999_999,
    "nprocs": 64,
    "exe": "/home/ann/bin/solver --steps 100",
    "mounts": [("/scratch", "lustre"), ("/", "xfs")],
    "metadata": {"lib_ver": "3.5.0", "h": "romio_no_indep_rw=true;cb_nodes=4"},
    "names": NAMES,
}

POSIX_UNSWAPPED = {"POSIX_F_META_TIME", "POSIX_F_MAX_READ_TIME", "POSIX_F_MAX_WRITE_TIME"}
POSIX_CUT = {"POSIX_F_VARIANCE_RANK_TIME", "POSIX_F_VARIANCE_RANK_BYTES"}
LOST: dict[tuple[str, int, ByteOrder], set[str]] = {
    # converting a record to the newest version, it copies too few bytes
    ("POSIX", 3, "<"): POSIX_CUT,
    ("POSIX", 2, "<"): POSIX_CUT | {"POSIX_F_FASTEST_RANK_TIME", "POSIX_F_SLOWEST_RANK_TIME"},
    # the floats' loop skips the integers that hold bytes
    ("POSIX", 3, ">"): POSIX_CUT | POSIX_UNSWAPPED,
    ("POSIX", 2, ">"): POSIX_CUT | POSIX_UNSWAPPED | {"POSIX_F_FASTEST_RANK_TIME", "POSIX_F_SLOWEST_RANK_TIME"},
    ("POSIX", 1, ">"): POSIX_UNSWAPPED,
    # it asks for H5F's version where it should ask for H5D's
    ("H5D", 2, ">"): {"file_rec_id"},
}
"""What the library reads wrong: its own faults, not the writer's."""
UNREAD: dict[tuple[str, int], set[str]] = {
    # these belong to STDIO since 3.1
    ("POSIX", 1): {"POSIX_FOPENS", "POSIX_FREADS", "POSIX_FWRITES", "POSIX_FSEEKS"},
    # the library has their sum
    ("PNETCDF_FILE", 1): {"PNETCDF_FILE_INDEP_OPENS", "PNETCDF_FILE_COLL_OPENS"},
    ("PNETCDF_FILE", 2): {"PNETCDF_FILE_INDEP_OPENS", "PNETCDF_FILE_COLL_OPENS"},
    # its Python form leaves them out
    ("DFS", 1): {"pool_uuid", "cont_uuid"},
    ("DAOS", 1): {"pool_uuid", "cont_uuid", "oid_hi", "oid_lo"},
}
"""What the library does not give."""


Read = Callable[[Log], Any]


@pytest.fixture(scope="module")
def pydarshan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Reads an encoded log with PyDarshan."""
    path = tmp_path_factory.mktemp("logs") / "log.darshan"
    command = [sys.executable, "-c", READER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        to_it, from_it = process.stdin, process.stdout
        assert to_it is not None
        assert from_it is not None

        def read(log: Log) -> Any:
            path.write_bytes(encode(log))
            print(path, file=to_it, flush=True)
            return json.loads("".join(iter(from_it.readline, "\n")))

        yield read
        to_it.close()


def random_values(fields: Fields, rng: np.random.Generator) -> dict[str, int | float | bytes]:
    """A value for every field, each another one, so that two exchanged fields are seen."""
    values: dict[str, int | float | bytes] = {}
    for name, code in fields.fields:
        if code == "Q":
            values[name] = int(rng.integers(1, 2**62))
        elif code == "I":
            values[name] = int(rng.integers(1, 2**31))
        elif code == "d":
            values[name] = float(rng.random())
        elif name:
            values[name] = b"node-%d" % rng.integers(1, 999)
    return values


def random_records(module: str, version: int, count: int = 3) -> list[Record]:
    rng = np.random.default_rng(version)
    ranks = [-1, 0, 5]
    records = [
        Record(id_, rank, random_values(FIXED[module, version], rng))
        for id_, rank in zip(list(NAMES)[:count], ranks, strict=False)
    ]
    if module == "POSIX" and version == 1:  # the library moves what used stdio out of POSIX
        records = [Record(r.id, r.rank, {**r.values, "POSIX_FOPENS": 0}) for r in records]
    if module in HEADERS:
        header = random_values(HEADERS[module], rng)
        if module == "APXC":  # PyDarshan has names for the modes, and does not give the magic number
            header |= {"memory_mode": 0, "cluster_mode": 0}
            del header["magic"]
        records[0] = Record(records[0].id, 0, header)
    return records


def seen(record: dict[str, Any]) -> dict[str, Any]:
    """PyDarshan's record as one flat mapping."""
    flat = {key: 0 if value == "unknown" else value for key, value in record.items() if not isinstance(value, dict)}
    for part in ("counters", "fcounters", "all_counters"):
        flat |= record.get(part, {})
    return flat


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", FORMATS)
def test_pydarshan_reads_the_header_job_and_names_of_every_format(
    pydarshan: Read, version: str, order: ByteOrder
) -> None:
    records = random_records("STDIO", 2)
    modules = {"STDIO": records, "POSIX": random_records("POSIX", 4)}
    log = Log(**JOB, modules=modules, version=version, byte_order=order, partial=["STDIO"], streams=2)
    read = pydarshan(log)
    times = {key: read["job"][f"{key}_sec"] * 10**9 + read["job"][f"{key}_nsec"] for key in ("start_time", "end_time")}
    whole = version != "3.41"
    assert times["start_time"] == JOB["start_s"] * 10**9 + (0 if whole else JOB["start_ns"])
    assert times["end_time"] == JOB["end_s"] * 10**9 + (0 if whole else JOB["end_ns"])
    assert read["job"]["log_ver"] == version
    assert (read["job"]["jobid"], read["job"]["uid"], read["job"]["nprocs"]) == (4711, 1001, 64)
    assert read["job"]["metadata"] == JOB["metadata"]
    assert read["exe"] == JOB["exe"]
    assert [tuple(mount) for mount in read["mounts"]] == JOB["mounts"]
    assert read["names"] == {str(key): name for key, name in NAMES.items()}
    partial = {name: module["partial_flag"] for name, module in read["modules"].items()}
    # the library does not swap the mask of a big-endian log, so it sees no partial module there
    assert partial == {"POSIX": False, "STDIO": order == "<"}
    assert [seen(r)["STDIO_OPENS"] for r in read["records"]["STDIO"]] == [r.values["STDIO_OPENS"] for r in records]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("module", "version"), [key for key in FIXED if key[0] != "MDHIM"])
def test_pydarshan_reads_back_every_counter(pydarshan: Read, module: str, version: int, order: ByteOrder) -> None:
    records = random_records(module, version)
    log = Log(**JOB, modules={module: records}, versions={module: version}, byte_order=order)
    read = [seen(record) for record in pydarshan(log)["records"][module]]
    assert [(r["id"], r["rank"]) for r in read] == [(r.id, r.rank) for r in records]
    for wrote, got in zip(records, read, strict=True):
        values = {name: v.decode() if isinstance(v, bytes) and name in got else v for name, v in wrote.values.items()}
        assert set(values) - set(got) == UNREAD.get((module, version), set())
        differ = {name: (value, got[name]) for name, value in values.items() if name in got and got[name] != value}
        assert set(differ) == LOST.get((module, version, order), set()), differ


@pytest.mark.parametrize("order", ["<", ">"])
def test_pydarshan_reads_back_lustre_layouts(pydarshan: Read, order: ByteOrder) -> None:
    mirrored = [
        Component([7, 3], 1 << 20, pool="flash", flags=16, ext_start=0, ext_end=1 << 30, mirror_id=1, pattern=1),
        Component([4], 1 << 22, ext_start=1 << 30, mirror_id=2),
    ]
    ids = list(NAMES)
    records = [Lustre(ids[0], -1, mirrored), Lustre(ids[1], 3, [Component(range(40))])]
    read = pydarshan(Log(**JOB, modules={"LUSTRE": records}, byte_order=order))["records"]["LUSTRE"]
    assert [(r["id"], r["rank"]) for r in read] == [(r.id, r.rank) for r in records]
    for wrote, got in zip(records, read, strict=True):
        assert [c["ost_ids"] for c in got["components"]] == [list(c.osts) for c in wrote.components]
        assert [c["pool_name"] for c in got["components"]] == [c.pool for c in wrote.components]
        for one, component in zip(wrote.components, got["components"], strict=True):
            assert component["counters"] == {
                "LUSTRE_COMP_STRIPE_SIZE": one.stripe_size,
                "LUSTRE_COMP_STRIPE_COUNT": len(one.osts),
                "LUSTRE_COMP_STRIPE_PATTERN": one.pattern,
                "LUSTRE_COMP_FLAGS": one.flags,
                "LUSTRE_COMP_EXT_START": one.ext_start,
                "LUSTRE_COMP_EXT_END": one.ext_end,
                "LUSTRE_COMP_MIRROR_ID": one.mirror_id,
            }


@pytest.mark.parametrize("order", ["<", ">"])
def test_pydarshan_reads_back_old_lustre_layouts(pydarshan: Read, order: ByteOrder) -> None:
    layouts = [
        Lustre(id_, -1, [Component(osts, 1 << 16)], 248, 5, -1) for id_, osts in zip(NAMES, ([9], [4, 5]), strict=False)
    ]
    log = Log(**JOB, modules={"LUSTRE": layouts}, versions={"LUSTRE": 1}, byte_order=order)
    read = pydarshan(log)["records"]["LUSTRE"]
    assert [[c["ost_ids"] for c in r["components"]] for r in read] == [[[9]], [[4, 5]]]
    assert [r["components"][0]["counters"]["LUSTRE_COMP_STRIPE_SIZE"] for r in read] == [1 << 16] * 2
    assert [r["id"] for r in read] == list(NAMES)[:2]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("module", "version"), [("DXT_POSIX", 1), ("DXT_MPIIO", 1), ("DXT_MPIIO", 2)])
def test_pydarshan_reads_back_traced_segments(pydarshan: Read, module: str, version: int, order: ByteOrder) -> None:
    known = (module, version) != ("DXT_MPIIO", 1)  # that version's offsets mean nothing; the library gives -1
    writes = [(at * 10 if known else -1, 10 + at, at / 3, at / 2) for at in range(5)]
    reads = [(1 << 40 if known else -1, 4096, 0.25, 0.75)]
    ids = list(NAMES)
    records = [Traced(ids[0], 0, "nid00012", writes, reads), Traced(ids[0], 1, "nid00013", reads=reads)]
    log = Log(**JOB, modules={module: records}, versions={module: version}, byte_order=order)
    read = pydarshan(log)["records"][module]
    keys = ("offset", "length", "start_time", "end_time")
    for wrote, got in zip(records, read, strict=True):
        assert (got["id"], got["rank"], got["hostname"]) == (wrote.id, wrote.rank, wrote.hostname)
        assert [tuple(s[k] for k in keys) for s in got["write_segments"]] == list(wrote.writes)
        assert [tuple(s[k] for k in keys) for s in got["read_segments"]] == list(wrote.reads)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pydarshan_reads_back_heatmaps(pydarshan: Read, order: ByteOrder) -> None:
    posix = record_id("heatmap:POSIX")
    records = [Heatmap(posix, rank, 0.1, [rank, 0, 3 << 40], [4, 5, rank]) for rank in (0, 1)]
    read = pydarshan(Log(**JOB, modules={"HEATMAP": records}, byte_order=order))["records"]["HEATMAP"]
    assert [(r["id"], r["rank"], r["bin_width_seconds"]) for r in read] == [(posix, 0, 0.1), (posix, 1, 0.1)]
    assert [r["write_bins"] for r in read] == [list(r.writes) for r in records]
    assert [r["read_bins"] for r in read] == [list(r.reads) for r in records]


def test_pydarshan_reads_uncompressed_regions_and_many_streams(pydarshan: Read) -> None:
    records = [Record(next(iter(NAMES)), rank, {"POSIX_OPENS": rank + 1}) for rank in range(50)]
    whole = pydarshan(Log(**JOB, modules={"POSIX": records}))["records"]
    plain = Log(**JOB, modules={"POSIX": records}, compression="none")
    assert pydarshan(plain)["records"] == whole
    assert pydarshan(Log(**JOB, modules={"POSIX": records}, streams=50))["records"] == whole


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("module", "version"), [key for key in FIXED if key[0] not in ("MDHIM", *HEADERS)])
def test_columns_and_records_have_the_same_bytes(module: str, version: int, order: ByteOrder) -> None:
    records = random_records(module, version)
    kinds: dict[type, str] = {int: "i8", float: "f8", bytes: "S128"}
    columns = Columns(
        np.array([r.id for r in records], "u8"),
        np.array([r.rank for r in records], "i8"),
        {
            name: np.array([r.values[name] for r in records], kinds[type(value)])
            for name, value in records[0].values.items()
        },
    )
    settings: dict[str, Any] = {"versions": {module: version}, "byte_order": order, "compression": "none"}
    assert encode(Log(**JOB, modules={module: columns}, **settings)) == encode(
        Log(**JOB, modules={module: records}, **settings)
    )


def test_a_misspelt_counter_is_named() -> None:
    with pytest.raises(ValueError, match="POSIX 4 has no POSIX_BYTES_WROTE"):
        encode(Log(**JOB, modules={"POSIX": [Record(1, 0, {"POSIX_BYTES_WROTE": 1})]}))


def test_what_the_format_has_no_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="no module DAOS"):
        encode(Log(**JOB, modules={"DAOS": [Record(1)]}, version="3.21"))
    with pytest.raises(ValueError, match="room for 4096"):
        encode(Log(**{**JOB, "exe": "x" * 4000}))
    with pytest.raises(ValueError, match="room for 1023"):
        encode(Log(**{**JOB, "metadata": {"h": "x" * 1024}}))
