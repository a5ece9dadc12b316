"""Logs of Darshan 1 and 2: what the writer wrote is what Darshan 3's tables show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.demo.formats.darshan.lookup8 import record_id
from iolake.demo.formats.darshan_legacy import VERSIONS, LegacyLog, LegacyRecord, counters, encode
from iolake.extractors.darshan.decoded import Group, Log
from iolake.extractors.darshan.legacy import is_legacy, open_log, pieces
from iolake.extractors.darshan.legacy_records import LegacyModule

Row = dict[str, Any]
HOLD = 1 << 24
MOUNTS = [(13, "ext4", "/"), (-5, "gpfs", "/gpfs fs0"), (13, "pvfs2", "/pvfs")]
MPIIO_COUNTS = ["SYNCS", "HINTS", "VIEWS"]
MPIIO_COUNTS += [f"{how}_OPENS" for how in ("INDEP", "COLL")]
MPIIO_COUNTS += [f"{how}_{what}" for how in ("INDEP", "COLL", "SPLIT", "NB") for what in ("READS", "WRITES")]
RENAMED = {
    "CP_HDF5_OPENS": "H5F_OPENS",
    "CP_INDEP_NC_OPENS": "PNETCDF_FILE_INDEP_OPENS",
    "CP_COLL_NC_OPENS": "PNETCDF_FILE_COLL_OPENS",
    "CP_F_OPEN_TIMESTAMP": "POSIX_F_OPEN_START_TIMESTAMP",
    "CP_F_CLOSE_TIMESTAMP": "POSIX_F_CLOSE_END_TIMESTAMP",
    **{f"CP_POSIX_F{name}": f"STDIO_{name}" for name in ("READS", "WRITES", "OPENS", "SEEKS")},
    **{f"CP_F_{layer}_{kind}_TIME": f"{module}_F_{kind}_TIME"
       for layer, module in (("POSIX", "POSIX"), ("MPI", "MPIIO")) for kind in ("READ", "WRITE", "META")},
    **{f"CP_{name}": f"MPIIO_{name}" for name in MPIIO_COUNTS},
}  # fmt: skip
TABLE_OF = {
    "POSIX": "darshan_posix",
    "MPIIO": "darshan_mpiio",
    "STDIO": "darshan_stdio",
    "H5F": "darshan_h5f",
    "PNETCDF": "darshan_pnetcdf_file",
    "CP": "darshan_legacy",
}


def number(version: str) -> int:
    return 199 if version == "2.00-pre1" else int(version[:4].replace(".", ""))


def log_of(*records: LegacyRecord, version: str = "2.06", **more: Any) -> LegacyLog:
    settings: dict[str, Any] = {"uid": 1000, "start_s": 1426266325, "end_s": 1426266400, "nprocs": 8, "exe": "./a.out"}
    return LegacyLog(version=version, records=records, **settings | more)


def opened(log: LegacyLog, uri: str = "ann_a_id77_3-13-47125_1.darshan.gz") -> Log:
    content = encode(log)
    assert is_legacy(content)
    return open_log(content, uri, HOLD)


def tables(*logs: LegacyLog) -> dict[str, list[Row]]:
    """The rows of logs of one layout by table; absent columns are null."""
    regions = [opened(log).regions[0] for log in logs]
    data = [region.data for region in regions if region.data is not None]
    return rows_of(Group.of(regions[0].layout, np.arange(len(logs)), data))


def rows_of(group: Group) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {name: [] for name in TABLE_OF.values()}
    for block in LegacyModule().decode(group).blocks:
        columns = {name: values.to_pylist() if hasattr(values, "to_pylist") else values.tolist()
                   for name, values in block.columns.items()}  # fmt: skip
        assert set(columns) <= {c.name for c in block.table.all_columns}
        nulls = {c.name: None for c in block.table.all_columns}
        found[block.table.name] = [
            {**nulls, **{name: values[at] for name, values in columns.items()}, "log": int(log)}
            for at, log in enumerate(block.logs)
        ]
    return found


def only(rows: list[Row]) -> Row:
    (row,) = rows
    return row


def expected(record: LegacyRecord, log: LegacyLog) -> dict[str, float | None]:
    """What each column should hold for one record, counter by counter."""
    version = number(log.version)
    columns: dict[str, float | None] = {}
    shared = record.rank == -1
    values = {name: record.values.get(name, 0) for names in counters(log.version) for name in names}
    mpi = values["CP_INDEP_OPENS"] + values["CP_COLL_OPENS"] > 0
    mpi_time = sum(values[f"CP_F_MPI_{kind}_TIME"] for kind in ("META", "READ", "WRITE"))
    for name, value in values.items():
        short = name.removeprefix("CP_")
        known = True
        if short.startswith(("COMBINER", "EXTENT", "DEVICE", "SIZE_AT")):
            column = name
        elif short == "MODE":
            column = "MPIIO_MODE" if mpi else "POSIX_MODE"
        elif "EST_RANK" in short:
            column = ("MPIIO_" if version >= 205 and mpi_time > 0 else "POSIX_") + short
            known = shared
        elif name in RENAMED:
            column = RENAMED[name]
        else:
            column = ("MPIIO_" if "_AGG_" in short else "POSIX_") + short.removeprefix("POSIX_")
            known = shared or "VARIANCE" not in short
        if "ALIGN" in short or short == "SIZE_AT_OPEN":
            known = value >= 0
        if short == "DEVICE":
            known = value != -1
        of_one = ("MODE", "SEQ", "CONSEC", "STRIDE", "ACCESS")
        if record.hash == 0 and (short.startswith(of_one) or short.endswith("TIMESTAMP")):
            known = False
        raw_clock = short.endswith("TIMESTAMP") and version < 203 and value > 1e8 and log.start_s > 1e8
        columns[column] = (value - log.start_s * raw_clock) if known else None
    if "PNETCDF_FILE_INDEP_OPENS" in columns:
        columns["PNETCDF_FILE_OPENS"] = values["CP_INDEP_NC_OPENS"] + values["CP_COLL_NC_OPENS"]
    return columns


@st.composite
def records(draw: st.DrawFn, version: str, rank: int) -> LegacyRecord:
    integers, floats = counters(version)
    values: dict[str, float] = {}
    for name in draw(st.sets(st.sampled_from(integers))):
        values[name] = draw(st.integers(-1 if "ALIGN" in name or "SIZE_AT" in name or "DEVICE" in name else 0, 2**62))
    for name in draw(st.sets(st.sampled_from(floats))):
        values[name] = draw(st.one_of(st.just(0.0), st.floats(1e-9, 1e6), st.floats(1.3e9, 1.5e9)))
    hash_ = draw(st.sampled_from([0, 1, 2**63, 2**64 - 1]))
    return LegacyRecord(hash_, rank, draw(st.sampled_from(["/a", "/gpfs/long/name.dat", "ö" * 20])), values)


@st.composite
def logs(draw: st.DrawFn, version: str) -> list[LegacyLog]:
    order = ">" if version.startswith("1.") else draw(st.sampled_from("<>"))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        ranks = draw(st.lists(st.integers(-1, 7), max_size=4, unique=True))
        start = draw(st.sampled_from([77, 1279294459]))
        made.append(
            log_of(
                *(draw(records(version, rank)) for rank in ranks),
                version=version,
                byte_order=order,
                start_s=start,
                end_s=start + 13,
                mounts=[] if version < "1.23" else MOUNTS,
                streams=draw(st.integers(1, 3)),
                compression=draw(st.sampled_from(["gzip", "bzip2", "none"])),
            )
        )
    # an empty log of the pre-release looks like any 2.00 log
    return made if version != "2.00-pre1" else [log for log in made if log.records] or [log_of(version="2.06")]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_every_counter_of_every_version_lands_in_its_column(version: str, data: st.DataObject) -> None:
    """P6: what a version does not count, or could not monitor, is null; zero is zero."""
    written = data.draw(logs(version))
    found = tables(*written)
    wanted = [(at, record, expected(record, log)) for at, log in enumerate(written) for record in log.records]
    for prefix, table in TABLE_OF.items():
        rows = {(row["log"], row["record_id"], row["rank"]): row for row in found[table]}
        assert len(rows) == len(found[table])
        order = [(row["log"], row["record_id"], row["rank"]) for row in found[table]]
        assert order == sorted(order)
        for log, record, columns in wanted:
            mine = {name: value for name, value in columns.items() if name.startswith(prefix + "_")}
            row = rows.pop((log, record.hash, record.rank), None)
            if row is None:
                assert table not in ("darshan_posix", "darshan_legacy")
                assert not any(mine.values())
            else:
                counted = {name: value for name, value in row.items() if name.startswith(prefix + "_")}
                assert {name: value for name, value in counted.items() if name not in mine} == {
                    name: None for name in counted if name not in mine
                }
                assert {name: counted[name] for name in mine} == mine
        assert not rows


@pytest.mark.parametrize(("version", "layer"), [("2.04", "POSIX"), ("2.05", "MPIIO")])
def test_the_slowest_rank_is_by_mpi_time_from_2_05_on(version: str, layer: str) -> None:
    values = {"CP_SLOWEST_RANK": 3, "CP_F_SLOWEST_RANK_TIME": 2.5, "CP_F_MPI_READ_TIME": 1.0, "CP_COLL_READS": 1}
    rows = tables(log_of(LegacyRecord(1, -1, "/a", values), version=version))
    seen = only(rows["darshan_posix"]) | only(rows["darshan_mpiio"])
    for name, value in (("SLOWEST_RANK", 3), ("F_SLOWEST_RANK_TIME", 2.5)):
        assert {side: seen[f"{side}_{name}"] for side in ("POSIX", "MPIIO")} == {
            side: value if side == layer else None for side in ("POSIX", "MPIIO")
        }


@pytest.mark.parametrize(
    ("version", "start_s", "raw", "seconds"),
    [
        ("2.02", 1279294459, 1279294460.25, 1.25),
        ("2.03", 1279294459, 1279294460.25, 1279294460.25),
        ("2.02", 1279294459, 17.25, 17.25),
        ("2.02", 77, 1279294460.25, 1279294460.25),
        ("2.02", 1279294459, 0.0, 0.0),
    ],
)
def test_times_of_a_raw_unix_clock_count_from_the_jobs_start(
    version: str, start_s: int, raw: float, seconds: float
) -> None:
    log = log_of(LegacyRecord(1, 0, "/a", {"CP_F_CLOSE_TIMESTAMP": raw}), version=version, start_s=start_s)
    assert only(tables(log)["darshan_posix"])["POSIX_F_CLOSE_END_TIMESTAMP"] == seconds


def test_values_of_a_converted_log_mean_what_the_old_log_meant() -> None:
    """P6: a log converted from 1.22 has 0 for what 1.22 did not count."""
    values = {"CP_POSIX_OPENS": 1, "CP_F_OPEN_TIMESTAMP": 1426266326.5, "CP_FASTEST_RANK": 0, "CP_SIZE_AT_OPEN": 0}
    record = LegacyRecord(1, -1, "/a", values)
    new, old = log_of(record), log_of(record, metadata={"lib_ver": "2.3.1", "prev_ver": "1.22"})
    rows = tables(new, old)
    posix, legacy = rows["darshan_posix"], rows["darshan_legacy"]
    assert [row["POSIX_FASTEST_RANK"] for row in posix] == [0, None]
    assert [row["POSIX_F_VARIANCE_RANK_TIME"] for row in posix] == [0.0, None]
    assert [row["POSIX_F_OPEN_START_TIMESTAMP"] for row in posix] == [1426266326.5, 1.5]
    assert [row["CP_SIZE_AT_OPEN"] for row in legacy] == [0, None]
    assert [row["POSIX_MAX_READ_TIME_SIZE"] for row in posix] == [0, 0]
    assert opened(old).head.log_version == "2.06"
    assert opened(old).head.metadata == {"lib_ver": "2.3.1", "prev_ver": "1.22"}


def test_the_head_says_who_ran_what_when_and_where() -> None:
    log = log_of(LegacyRecord(1, 0, "/a", {"CP_POSIX_FOPENS": 1, "CP_INDEP_NC_OPENS": 2, "CP_HDF5_OPENS": 1}), job_id=5,
                 mounts=MOUNTS, metadata={"h": "a=b;c=d"}, exe="./a.out -x <unknown args>")  # fmt: skip
    head = opened(log).head
    assert (head.job_id, head.uid, head.nprocs) == (5, 1000, 8)
    assert (head.start_us, head.end_us, head.run_time_s) == (1426266325 * 10**6, 1426266400 * 10**6, 76.0)
    assert (head.exe, head.metadata) == ("./a.out -x <unknown args>", {"h": "a=b;c=d"})
    assert head.mounts == (("/", "ext4"), ("/gpfs fs0", "gpfs"), ("/pvfs", "pvfs2"))
    assert head.modules == dict.fromkeys(["H5F", "PNETCDF_FILE", "POSIX", "STDIO"], 206)


@pytest.mark.parametrize("version", ["1.24", "2.00", "2.01", "2.04", "2.04-long", "2.05"])
def test_metadata_and_command_line_are_found_in_every_header(version: str) -> None:
    metadata = {} if version in ("1.24", "2.00") else {"h": "romio_no_indep_rw=true;cb_nodes=4"}
    head = opened(log_of(version=version, metadata=metadata, mounts=MOUNTS)).head
    assert (head.exe, head.metadata, len(head.mounts)) == ("./a.out", metadata, 3)
    assert head.log_version == version[:4]


@pytest.mark.parametrize(
    ("name", "job_id"),
    [
        ("carns_mpi-io-test_id178062_12-31-64877_1.darshan.gz", 178062),
        ("carns_a_id240158_6-23-63667-13564362473375795675_1.darshan.gz", 240158),
        ("id4711.darshan.gz", 4711),
        ("ann_id7_id8_id9_1-1-1_1.darshan.gz", 9),
        ("ann_paid7_1-1-1_1.darshan.gz", None),
    ],
)
def test_a_1x_log_has_its_job_id_from_the_file_name(name: str, job_id: int | None) -> None:
    assert opened(log_of(version="1.24"), f"/logs/id3/{name}").head.job_id == job_id


def test_a_converted_1x_log_has_its_job_id_from_the_file_name() -> None:
    """P6: converting wrote 0 where 1.x had no job id; a 2.x log's 0 is its own."""
    converted, own = ({"prev_ver": version} for version in ("1.24", "2.02"))
    found = [opened(log_of(job_id=0, metadata=metadata)).head.job_id for metadata in (converted, own)]
    assert found == [77, 0]


def test_a_log_of_no_files_is_a_log() -> None:
    log = opened(log_of())
    assert log.head.modules == {}
    assert [rows for rows in tables(log_of()).values() if rows] == []


def test_the_mount_point_is_that_of_the_last_mount_with_the_files_id() -> None:
    rows = tables(
        log_of(*(LegacyRecord(1, rank, "/a", {"CP_DEVICE": device}) for rank, device in enumerate([13, -5, 7, -1])),
               mounts=MOUNTS),
        log_of(LegacyRecord(1, 0, "/a", {"CP_DEVICE": 13})),
        log_of(LegacyRecord(1, 0, "/a", {"CP_DEVICE": 13}), mounts=MOUNTS[:1]),
    )  # fmt: skip
    points = ["/pvfs", "/gpfs fs0", None, None, None, "/"]
    assert [row["mount_point"] for row in rows["darshan_posix"]] == points
    assert [row["mount_point"] for row in rows["darshan_legacy"]] == points


def test_the_mount_ids_of_1_23_are_trusted_on_rank_0_and_in_shared_records() -> None:
    records = [LegacyRecord(1, rank, "/a", {"CP_DEVICE": 13}) for rank in (0, -1, 1)]
    rows = tables(log_of(*records, version="1.23", mounts=MOUNTS))["darshan_posix"]
    assert [row["mount_point"] for row in rows] == ["/pvfs", "/pvfs", None]


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("/a", "/a"),
        ("123456789012345", "123456789012345"),
        ("x123456789012345", "123456789012345"),
        ("x" + "ö" * 8, "ö" * 7),
        (b"12345678901234\xf6", "12345678901234\\xf6"),
        (b"abc\0\xff\xffrest", "abc"),
    ],
)
def test_the_end_of_a_path_is_whole_characters(path: str | bytes, suffix: str) -> None:
    row = only(tables(log_of(LegacyRecord(1, 0, path)))["darshan_posix"])
    assert (row["path_suffix"], row["path"]) == (suffix, None)


def test_a_record_of_many_files_has_no_path() -> None:
    records = [LegacyRecord(0, 0, "/first"), LegacyRecord(1, 0, "/second")]
    rows = tables(log_of(*records))["darshan_posix"]
    assert [(row["record_id"], row["path_suffix"]) for row in rows] == [(0, None), (1, "/second")]


def test_the_hash_of_a_path_is_darshan_3s_record_id() -> None:
    row = only(tables(log_of(LegacyRecord(record_id("/"), 0, "/"), version="1.24"))["darshan_legacy"])
    assert row["record_id"] == 17797936084940206881


def test_a_log_too_large_to_hold_is_read_in_pieces() -> None:
    rng = np.random.default_rng(1)
    values = [{"CP_DEVICE": int(value)} for value in rng.integers(0, 2**62, 8000)]
    log = log_of(*(LegacyRecord(at, at, "/a", v) for at, v in enumerate(values)), nprocs=8000, streams=50)
    content = encode(log)
    whole, large = open_log(content, "x", 1 << 30), open_log(content, "x", 1 << 20)
    assert large.regions[0].data is None
    assert large.head == whole.head
    data = list(pieces(content, "x"))
    assert len(data) > 1
    rows = rows_of(Group.of(large.regions[0].layout, np.zeros(len(data), int), data))["darshan_legacy"]
    assert [row["CP_DEVICE"] for row in rows] == [v["CP_DEVICE"] for v in values]


def test_two_layouts_with_one_version_number_are_distinguished() -> None:
    record = LegacyRecord(7, 3, "/a", {"CP_SIZE_AT_OPEN": 9, "CP_F_VARIANCE_RANK_BYTES": 1.0})
    before = LegacyRecord(7, 3, "/a", {"CP_SIZE_AT_OPEN": 9})
    for written, version in ((before, "2.00-pre1"), (record, "2.00"), (record, "2.04"), (record, "2.04-long")):
        log = log_of(written, version=version, job_id=1)
        assert only(tables(log)["darshan_legacy"])["CP_SIZE_AT_OPEN"] == 9
        assert opened(log).head.exe == "./a.out"
        assert opened(log).head.log_version == version[:4]
