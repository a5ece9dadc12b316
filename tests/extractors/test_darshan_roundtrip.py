"""Every module and version of Darshan 3, in both byte orders: what the writer wrote is what the tables show."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.demo.formats.darshan import FORMATS, Component, Heatmap, Log, Lustre, Record, Traced, encode, record_id
from iolake.demo.formats.darshan.counters import FIXED, HEADERS, Fields
from iolake.demo.formats.darshan.records import AnyRecord
from iolake.extractors.base import Batch, Input, Outcome, Reject
from iolake.extractors.darshan import Darshan
from iolake.schemas import darshan
from iolake.schemas.site import Site

Row = dict[str, Any]
SITE = Site.model_validate({"clusters": {"c": {}}, "file_systems": {"scratch": {"mounts": ["/scratch"]}}})
MOUNTS = [("/", "xfs"), ("/scratch", "lustre"), ("/scratch/deep", "nfs")]
PATHS = {"/scratch/a": "/scratch", "/scratch/deep/ö.h5": "/scratch/deep", "/scratch2/b": "/", "<STDOUT>": None}
NAMES = {record_id(path): path for path in PATHS}
IDS = [*NAMES, 2**64 - 1, 7]
VARIABLE = {"LUSTRE": (1, 2), "DXT_POSIX": (1, 2), "DXT_MPIIO": (1, 2, 3), "HEATMAP": (1,)}
TABLES = {
    "POSIX": darshan.DARSHAN_POSIX,
    "MPI-IO": darshan.DARSHAN_MPIIO,
    "STDIO": darshan.DARSHAN_STDIO,
    "H5F": darshan.DARSHAN_H5F,
    "H5D": darshan.DARSHAN_H5D,
    "PNETCDF_FILE": darshan.DARSHAN_PNETCDF_FILE,
    "PNETCDF_VAR": darshan.DARSHAN_PNETCDF_VAR,
    "BG/Q": darshan.DARSHAN_BGQ,
    "DFS": darshan.DARSHAN_DFS,
    "DAOS": darshan.DARSHAN_DAOS,
    "MDHIM": darshan.DARSHAN_MDHIM,
    "APMPI": darshan.DARSHAN_APMPI,
    "APXC": darshan.DARSHAN_APXC,
    "LUSTRE": darshan.DARSHAN_LUSTRE,
    "HEATMAP": darshan.DARSHAN_HEATMAP,
    "DXT_POSIX": darshan.DARSHAN_DXT,
    "DXT_MPIIO": darshan.DARSHAN_DXT,
}
TYPES = {module: {column.name: column.type for column in table.all_columns} for module, table in TABLES.items()}
RENAMED = {
    ("H5D", "file_rec_id"): "H5D_FILE_REC_ID",
    ("PNETCDF_VAR", "file_rec_id"): "PNETCDF_VAR_FILE_REC_ID",
    ("APMPI", "sync_flag"): "sync_measured",
    ("APMPI", "variance_total_mpitime"): "MPI_TOTAL_COMM_TIME_VARIANCE",
    ("APMPI", "variance_total_mpisynctime"): "MPI_TOTAL_COMM_SYNC_TIME_VARIANCE",
    ("APXC", "nblades"): "APXC_BLADES",
    ("APXC", "nchassis"): "APXC_CHASSIS_COUNT",
    ("APXC", "ngroups"): "APXC_GROUPS",
    **{("APXC", name): f"APXC_{name.upper()}"
       for name in ("group", "chassis", "blade", "node", "memory_mode", "cluster_mode", "appid")},
    **{(module, old): new for module in ("DFS", "DAOS") for old, new in
       (("cont_uuid", "container_uuid"), ("oid_hi", "object_id_high"), ("oid_lo", "object_id_low"))},
}  # fmt: skip


def in_format(version: str) -> list[tuple[str, int]]:
    """Every module and version that a log of that format can hold."""
    modules = [*FIXED, *((module, number) for module, numbers in VARIABLE.items() for number in numbers)]
    return [(module, number) for module, number in modules if module in FORMATS[version].modules]


class Maker:
    """Makes records with values of every kind, from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, column: str, module: str) -> int:
        unsigned = column in TABLES[module].batch_schema.names and TABLES[module][column].type == pa.uint64()
        kinds = [0, 1, 2**64 - 1, 2**63] if unsigned else [0, 1, -1, -2, 2**63 - 1, -(2**63)]
        return (
            int(self.rng.choice(np.array(kinds, object))) if self.rng.random() < 0.2 else int(self.rng.integers(2**62))
        )

    def double(self) -> float:
        return (
            float(self.rng.choice([0.0, -1.0, 1e300, 5e-324])) if self.rng.random() < 0.2 else float(self.rng.random())
        )

    def values(self, module: str, fields: Fields) -> dict[str, int | float | bytes]:
        values: dict[str, int | float | bytes] = {}
        for name, code in fields.fields:
            match code:
                case "Q" if name not in ("MDHIM_SERVERS", "magic"):
                    values[name] = self.integer(RENAMED.get((module, name), name), module)
                case "I":
                    values[name] = int(self.rng.integers(2))
                case "d":
                    values[name] = self.double()
                case "16s":
                    values[name] = self.rng.bytes(16)
                case "128s":
                    values[name] = f"nid{self.rng.integers(99)}-ö".encode()
        return values

    def keys(self) -> list[tuple[int, int]]:
        """Some (record id, rank); merged logs have one more than once."""
        count = int(self.rng.integers(1, 5))
        ids = [IDS[at] for at in self.rng.integers(len(IDS), size=count)]
        return list(zip(ids, self.rng.integers(-1, 3, count).tolist(), strict=True))

    def records(self, module: str, version: int) -> Sequence[AnyRecord]:
        match module:
            case "LUSTRE":
                return [self.lustre(*key, version) for key in self.keys()]
            case "HEATMAP":
                return [self.heatmap(rank) for rank in range(int(self.rng.integers(1, 4)))]
            case "DXT_POSIX" | "DXT_MPIIO":
                return [self.traced(*key, module, version) for key in self.keys()]
        head = [Record(IDS[0], 0, self.values(module, HEADERS[module]))] if module in HEADERS else []
        servers = self.rng.integers(2**40, size=self.rng.integers(4)).tolist() if module == "MDHIM" else []
        return head + [Record(*key, self.values(module, FIXED[module, version]), servers) for key in self.keys()]

    def lustre(self, id_: int, rank: int, version: int) -> Lustre:
        def component(pool: str) -> Component:
            osts = self.rng.integers(300, size=self.rng.integers(1, 5)).tolist()
            size, flags = (1 << int(n) for n in self.rng.integers(16, 30, 2))
            return Component(osts, size, None, 1, flags, 0, int(self.rng.choice([-1, 1 << 30])), 2, pool)

        if version == 1:
            return Lustre(id_, rank, [component("")], 248, 5, int(self.rng.integers(-1, 9)))
        return Lustre(
            id_, rank, [component(pool) for pool in ("", "flash", "exactly16letters")[: self.rng.integers(4)]]
        )

    def heatmap(self, rank: int) -> Heatmap:
        bins = int(self.rng.integers(1, 6))
        return Heatmap(record_id("heatmap:POSIX"), rank, 0.1 * 2 ** float(self.rng.integers(5)),
                       self.rng.integers(2**50, size=bins), self.rng.integers(2**50, size=bins))  # fmt: skip

    def traced(self, id_: int, rank: int, module: str, version: int) -> Traced:
        threads = (module, version) in (("DXT_POSIX", 2), ("DXT_MPIIO", 3))

        def segments() -> list[tuple[float, ...]]:
            whole = self.rng.integers(2**50, size=(self.rng.integers(4), 3)).tolist()
            times = self.rng.random((len(whole), 2)).tolist()
            return [(o, n, *t, *([thread] * threads)) for (o, n, thread), t in zip(whole, times, strict=True)]

        return Traced(id_, rank, "nid00012", segments(), segments(), shared=int(self.rng.integers(-1, 1)))


def expected(module: str, version: int, records: Sequence[AnyRecord]) -> Iterator[Row]:
    """The rows that a module's records should make."""
    header = records[0] if module in HEADERS else None
    seen = Counter[tuple[int, int]]()
    for place, record in enumerate(records):
        base: Row = {"record_id": record.id, "rank": record.rank}
        if not isinstance(record, Traced):
            base["copy"] = seen[record.id, record.rank]
        if record is not header:
            seen[record.id, record.rank] += 1
        match record:
            case Record() if record is not header:
                yield (
                    base
                    | fixed_row(module, record)
                    | (fixed_row(module, header, marked=False) if isinstance(header, Record) else {})
                )
            case Lustre():
                yield from (base | row for row in lustre_rows(version, record))
            case Heatmap():
                yield from (
                    base | {"module": "POSIX", "bin": at, "start_s": at * record.bin_width_s,
                            "interval_s": record.bin_width_s, "write_bytes": write, "read_bytes": read}
                    for at, (write, read) in enumerate(zip(record.writes, record.reads, strict=True))
                )  # fmt: skip
            case Traced():
                yield from (base | {"record": place} | row for row in traced_rows(module, version, record))


def fixed_row(module: str, record: Record, *, marked: bool = True) -> Row:
    """The columns of one record; where `marked`, a signed value below zero was not recorded."""
    row: Row = {}
    for name, value in record.values.items():
        column = RENAMED.get((module, name), name)
        signed = TYPES[module][column] in (pa.int64(), pa.float64())
        if name.endswith("_uuid"):
            row[column] = str(UUID(bytes=value))  # type: ignore[arg-type]
        elif name == "node_name":
            row[column] = bytes(value).decode()  # type: ignore[arg-type]
        elif name == "sync_flag":
            row[column] = bool(value)
        else:
            row[column] = None if signed and marked and float(value) < 0 else value
    if module == "MDHIM":
        row |= {"MDHIM_SERVERS": len(record.servers), "server_operations": list(record.servers)}
    if "PNETCDF_FILE_INDEP_OPENS" in row:
        parts = (row["PNETCDF_FILE_INDEP_OPENS"], row["PNETCDF_FILE_COLL_OPENS"])
        row["PNETCDF_FILE_OPENS"] = None if None in parts or sum(parts) >= 2**63 else sum(parts)
    return row


def lustre_rows(version: int, record: Lustre) -> list[Row]:
    rows: list[Row] = []
    for place, one in enumerate(record.components):
        row: Row = {
            "component": place,
            "osts": list(one.osts),
            "stripe_count": len(one.osts),
            "stripe_size": one.stripe_size,
        }
        if version == 1:
            row |= {
                "file_system_osts": record.fs_osts,
                "file_system_mdts": record.fs_mdts,
                "stripe_offset": record.stripe_offset,
            }
        else:
            row |= {"stripe_pattern": one.pattern, "component_flags": one.flags, "extent_start": one.ext_start,
                    "extent_end": one.ext_end, "mirror_id": one.mirror_id, "pool": one.pool}  # fmt: skip
        rows.append(row)
    return rows or [{"component": 0}]


def traced_rows(module: str, version: int, record: Traced) -> Iterator[Row]:
    parts = [("write", segment) for segment in record.writes] + [("read", segment) for segment in record.reads]
    for place, (operation, segment) in enumerate(parts):
        offset, length, start, end, *thread = segment
        yield {
            "module": module, "segment": place, "operation": operation, "hostname": record.hostname,
            "shared": record.shared == -1, "offset": None if (module, version) == ("DXT_MPIIO", 1) else offset,
            "length": length, "start_s": start, "end_s": end, "thread_id": thread[0] if thread else None,
        }  # fmt: skip


def read(logs: Sequence[Log], folder: str) -> tuple[dict[str, list[list[Row]]], list[Reject]]:
    """Each table's rows for each log, read together, and what was left out."""
    inputs = []
    for number, log in enumerate(logs):
        path = Path(folder, f"ann_solver_id{log.job_id}_{number}.darshan")
        path.write_bytes(encode(log))
        inputs.append(Input("darshan", "c", str(path)))
    number_of = {input.input_id: number for number, input in enumerate(inputs)}
    rows: dict[str, list[list[Row]]] = {table.name: [[] for _ in logs] for table in darshan.TABLES}
    rejects, ended = [], []
    for result in Darshan().read_many(inputs, SITE):
        match result:
            case Batch():
                data = pa.table(result.data)
                assert data.schema.names == [*result.table.batch_schema.names, "input_id"]
                for row in data.to_pylist():
                    rows[result.table.name][number_of[row.pop("input_id")]].append(row)
            case Reject():
                rejects.append(result)
            case Outcome():
                ended.append((number_of[result.input.input_id], result.status))
    assert sorted(ended) == [(number, "loaded") for number in range(len(logs))]
    return rows, rejects


def assert_equal(rows: list[Row], wanted: list[Row], table: Any) -> None:
    """The rows equal the wanted ones, in any order."""
    keys = [key.name for key in table.keys if key.name not in ("cluster", "log_id")]

    def key(row: Row) -> tuple[Any, ...]:
        return tuple((row.get(name) is not None, row.get(name)) for name in keys)

    assert sorted(map(key, rows)) == sorted(map(key, wanted))
    shared = {"log_id", "job_id", "date", "path", "mount_point", "file_system", "ts"}
    for row, want in zip(sorted(rows, key=key), sorted(wanted, key=key), strict=True):
        path = NAMES.get(row["record_id"])
        if "path" in row:
            assert row["path"] == path
        if "mount_point" in row:
            mount = PATHS[path] if path else None
            assert (row["mount_point"], row["file_system"]) == (mount, "scratch" if mount == "/scratch" else None)
        # fields that the record lacks are null
        assert {name: value for name, value in row.items() if name not in shared} == {
            **{name: None for name in row if name not in shared}, **want
        }  # fmt: skip


@st.composite
def made(draw: st.DrawFn, modules: Sequence[tuple[str, int]], version: str, uid: int) -> Log:
    """A log of these modules; the uid makes it another one than the other logs."""
    maker = Maker(draw(st.integers(0, 2**32)))
    return Log(
        job_id=draw(st.integers(0, 2**62)),
        uid=uid,
        start_s=1489975142,
        start_ns=draw(st.integers(0, 999_999_999)),
        end_s=1489975898,
        end_ns=draw(st.integers(0, 999_999_999)),
        nprocs=4,
        exe="/home/ann/bin/solver --steps 100",
        mounts=MOUNTS,
        metadata={"lib_ver": "3.5.0", "h": "a=b;c=d"},
        names={**NAMES, record_id("heatmap:POSIX"): "heatmap:POSIX"},
        modules={module: maker.records(module, number) for module, number in modules},
        versions=dict(modules),
        partial=[module for module, _ in modules[:1]],
        version=version,
        byte_order=draw(st.sampled_from("<>")),
        compression=draw(st.sampled_from(["zlib", "bzip2", "none"])),
        streams=draw(st.integers(1, 3)),
    )


def check(logs: Sequence[Log], rows: dict[str, list[list[Row]]]) -> None:
    for number, log in enumerate(logs):
        wanted: dict[str, list[Row]] = {table.name: [] for table in darshan.TABLES}
        for module, records in log.modules.items():
            assert isinstance(records, list)
            wanted[TABLES[module].name] += expected(module, log.versions[module], records)
        for table in darshan.TABLES:
            if table.name not in ("darshan_logs", "darshan_mounts"):
                assert_equal(rows[table.name][number], wanted[table.name], table)


@pytest.mark.parametrize(("module", "version"), in_format("3.41"))
@settings(max_examples=6, deadline=None)
@given(st.data())
def test_every_value_of_every_module_and_version_lands_in_its_column(
    module: str, version: int, data: st.DataObject
) -> None:
    """P6: -1 and what a version lacks are null; zero is zero. Several logs at once are each as if alone."""
    logs = [data.draw(made([(module, version)], "3.41", uid)) for uid in range(data.draw(st.integers(1, 3)))]
    with tempfile.TemporaryDirectory() as folder:
        rows, rejects = read(logs, folder)
    assert not rejects
    check(logs, rows)


@pytest.mark.parametrize("version", FORMATS)
@settings(max_examples=3, deadline=None)
@given(st.data())
def test_every_format_holds_every_module_that_it_has_room_for(version: str, data: st.DataObject) -> None:
    logs = []
    for uid in range(2):
        # one version of each module: the last one drawn
        newest = dict(data.draw(st.permutations(in_format(version))))
        logs.append(data.draw(made(list(newest.items()), version, uid)))
    with tempfile.TemporaryDirectory() as folder:
        rows, rejects = read(logs, folder)
    assert not rejects
    check(logs, rows)
    for number, log in enumerate(logs):
        (row,) = rows["darshan_logs"][number]
        start, end = log.start_s * 10**9, log.end_s * 10**9
        if version == "3.41":
            start, end = start + log.start_ns, end + log.end_ns
        moments = [row["start_time"], row["end_time"]]
        assert moments == [datetime(1970, 1, 1) + timedelta(microseconds=ns // 1000) for ns in (start, end)]
        assert (row["job_id"], row["uid"], row["nprocs"], row["exe"]) == (log.job_id, log.uid, 4, log.exe)
        assert row["run_time_s"] == (pytest.approx((end - start) / 1e9, abs=1e-9) if version == "3.41" else 757.0)
        assert (row["log_version"], row["lib_version"], row["mpi_hints"]) == (version, "3.5.0", "a=b;c=d")
        assert (row["byte_order"], row["compression"]) == ({"<": "little", ">": "big"}[log.byte_order], log.compression)
        assert sorted(row["modules"]) == sorted(log.modules)
        assert dict(row["module_versions"]) == dict(log.versions)
        assert row["partial_modules"] == list(log.partial)
        mounts = [(m["mount_point"], m["fs_type"], m["file_system"]) for m in rows["darshan_mounts"][number]]
        assert mounts == [(point, kind, "scratch" if point == "/scratch" else None) for point, kind in MOUNTS]


@pytest.mark.parametrize("version", FORMATS)
def test_an_unknown_module_or_version_is_left_out_by_its_number_and_length(version: str, tmp_path: Path) -> None:
    """P5: the rest of the log loads."""
    log = Log(
        job_id=1, uid=2, start_s=3, end_s=4, nprocs=5, exe="./a", version=version,
        modules={"POSIX": [Record(7, 0, {"POSIX_OPENS": 1})]},
        raw={2: (99, b"x" * 24)} | ({40: (1, b"y" * 17)} if version == "3.41" else {}),
    )  # fmt: skip
    rows, rejects = read([log], str(tmp_path))
    assert [row["POSIX_OPENS"] for row in rows["darshan_posix"][0]] == [1]
    parts = ["module 2 (MPI-IO) version 99", "module 40 (module 40) version 1"]
    assert [reject.part.split(",")[0] for reject in rejects] == parts[: 2 if version == "3.41" else 1]


def test_a_layout_ends_before_the_component_that_was_only_room(tmp_path: Path) -> None:
    """P6: a component of stripe size -1 was never there."""
    room = Component([], -1, stripe_count=-1)
    layouts = [Lustre(7, 0, [Component([3, 1]), room, Component([2])]), Lustre(7, 1, [room])]
    log = Log(job_id=1, uid=2, start_s=3, end_s=4, nprocs=5, exe="./a", modules={"LUSTRE": layouts})
    rows, rejects = read([log], str(tmp_path))
    assert not rejects
    found = [(row["rank"], row["component"], row["osts"]) for row in rows["darshan_lustre"][0]]
    assert found == [(0, 0, [3, 1]), (1, 0, None)]
