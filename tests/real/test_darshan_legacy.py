"""Real logs of Darshan 1.1 to 2.3, against a plain reading by the facts known of the format, and what is known of
the runs: each process of mpi-io-test writes and reads 16 MiB, and its log's name says who, what and when.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from iolake.demo.formats.darshan import record_id
from iolake.extractors.base import Batch, Input
from iolake.extractors.darshan import Darshan
from iolake.schemas.site import Site

Rows = dict[str, list[dict[str, Any]]]
NAME = re.compile(r"(?P<user>[^_]+)_(?P<exe>.+)_id(?P<job>\d+)_(?P<month>\d+)-(?P<day>\d+)-(?P<second>\d+)[-_]")


@pytest.fixture(scope="module")
def logs(samples: Path) -> dict[str, Rows]:
    """Each sample's rows by table, as the extractor gives them."""
    found: dict[str, Rows] = {}
    for path in sorted((samples / "darshan" / "legacy").iterdir()):
        tables: dict[str, list[pa.Table]] = {}
        for batch in Darshan().read(Input("darshan", "edison", str(path)), Site()):
            assert isinstance(batch, Batch)
            tables.setdefault(batch.table.name, []).append(pa.table(batch.data))
        found[path.name] = {name: pa.concat_tables(parts).to_pylist() for name, parts in tables.items()}
    return found


@pytest.fixture(scope="module")
def facts(samples: Path) -> Any:
    path = samples.parent / "reference" / "darshan-legacy-counters.json"
    if not path.is_file():
        pytest.skip("the facts of the format are not beside this checkout")
    return json.loads(path.read_text())


def inflate(path: Path) -> bytes:
    """Every member of a gzip file."""
    content, whole = path.read_bytes(), b""
    while content:
        member = zlib.decompressobj(31)
        whole += member.decompress(content)
        content = member.unused_data
    return whole


def plain_records(data: bytes, facts: Any) -> Iterator[tuple[int, int, bytes, dict[str, float]]]:
    """(hash, rank, end of the path, counters by CP_ name) of each record, field by field."""
    layout = facts["versions"][data[:4].decode()]
    order = ">" if layout["byte_order"].startswith("big") or data[8:16] == struct.pack(">q", facts["magic"]) else "<"
    fields = layout["file_fields"]
    for at in range(layout["first_record_offset"], len(data), layout["file_record_bytes"]):
        (number,) = struct.unpack_from(order + "Q", data, at + fields["hash"][0])
        (rank,) = struct.unpack_from(order + {4: "i", 8: "q"}[fields["rank"][1]], data, at + fields["rank"][0])
        suffix = data[at + fields["name_suffix"][0] :][: fields["name_suffix"][1]].split(b"\0")[0]
        values: dict[str, float] = {}
        for names, code, field in ((layout["counters"], "q", "counters"), (layout["fcounters"], "d", "fcounters")):
            read = struct.unpack_from(f"{order}{len(names)}{code}", data, at + fields[field][0])
            values.update(zip(names, read, strict=True))
        yield number, rank, suffix, values


def test_every_record_and_counter_equals_a_plain_reading(samples: Path, logs: dict[str, Rows], facts: Any) -> None:
    """P6: -1 and what the version lacks are null."""
    compared = 0
    for name, tables in logs.items():
        records = list(plain_records(inflate(samples / "darshan" / "legacy" / name), facts))
        assert len(records) == len(tables["darshan_posix"]) == len(tables["darshan_legacy"])
        merged: dict[tuple[int, int], dict[str, Any]] = {}
        for table in tables:
            for row in tables[table] if table not in ("darshan_logs", "darshan_mounts") else []:
                merged.setdefault((row["record_id"], row["rank"]), {}).update(row)
        start = tables["darshan_logs"][0]["start_time"].replace(tzinfo=UTC).timestamp()
        for number, rank, suffix, values in records:
            row = merged[number, rank]
            assert row["path_suffix"] == suffix.decode()
            for counter, value in values.items():
                to = facts["mapping_to_3x"][counter]
                if to["kind"] not in ("exact", "exact-count", "approx", "none"):
                    continue
                column = to["to"] or counter
                raw_clock = counter.endswith("TIMESTAMP") and value > 1e8
                wanted: float | None = value - start if raw_clock else value
                unknown = (
                    (value < 0 and counter != "CP_DEVICE")
                    or (counter == "CP_DEVICE" and value == -1)
                    or ("VARIANCE" in column and rank != -1)
                )
                # a table without use of its layer has no row
                got = row.get(column, 0)
                assert got == (None if unknown else wanted), (name, counter)
                compared += 1
            for counter in set(facts["mapping_to_3x"]) - set(values):
                to = facts["mapping_to_3x"][counter]["to"] or counter
                assert {row.get(column) for column in ([to] if isinstance(to, str) else to)} == {None}, (name, counter)
    assert compared > 300_000


def test_the_log_says_what_its_name_says(logs: dict[str, Rows]) -> None:
    for name, tables in logs.items():
        (log,) = tables["darshan_logs"]
        said = NAME.match(name)
        assert said is not None
        assert log["job_id"] == int(said["job"])
        assert log["user_name"] == said["user"]
        assert {row["job_id"] for rows in tables.values() for row in rows} == {log["job_id"]}
        # the name has the machine's own time, some whole hours from UTC
        local = [log["start_time"] + timedelta(hours=hours) for hours in range(-12, 15)]
        seconds = int(said["second"])
        named = [
            t for t in local
            if (t.month, t.day) == (int(said["month"]), int(said["day"]))
            and abs((t - datetime(t.year, t.month, t.day)).total_seconds() - seconds) <= 1
        ]  # fmt: skip
        assert len(named) == 1, name


def test_each_process_of_mpi_io_test_moves_16_mib_each_way(logs: dict[str, Rows]) -> None:
    tests = {name: tables for name, tables in logs.items() if "mpi-io-test" in name}
    assert len(tests) == 22
    for tables in tests.values():
        (log,), (posix,), (mpiio,) = (tables[f"darshan_{name}"] for name in ("logs", "posix", "mpiio"))
        nprocs = log["nprocs"]
        assert (posix["POSIX_BYTES_READ"], posix["POSIX_BYTES_WRITTEN"]) == (nprocs << 24, nprocs << 24)
        assert (mpiio["MPIIO_INDEP_READS"], mpiio["MPIIO_INDEP_WRITES"]) == (nprocs, nprocs)
        assert (mpiio["MPIIO_INDEP_OPENS"], mpiio["MPIIO_MODE"], posix["POSIX_MODE"]) == (2 * nprocs, 9, None)
        assert posix["rank"] == -1
        assert tables.get("darshan_stdio") is tables.get("darshan_h5f") is None
        assert log["modules"] == ["MPI-IO", "POSIX"]
        # what happened happened in the run, but for clocks of machines that know no date
        if posix["POSIX_F_CLOSE_END_TIMESTAMP"] < log["run_time_s"]:
            assert 0 < posix["POSIX_F_OPEN_START_TIMESTAMP"] < posix["POSIX_F_CLOSE_END_TIMESTAMP"]


def test_releases_that_ran_the_same_test_counted_the_same(logs: dict[str, Rows]) -> None:
    four = [
        tables for name, tables in logs.items() if "mpi-io-test" in name and tables["darshan_logs"][0]["nprocs"] == 4
    ]
    assert len(four) > 12
    for column in ("POSIX_OPENS", "POSIX_READS", "POSIX_WRITES", "POSIX_SEEKS", "POSIX_MAX_BYTE_READ",
                   "POSIX_SIZE_WRITE_10M_100M", "POSIX_SIZE_READ_10M_100M", "POSIX_ACCESS1_ACCESS"):  # fmt: skip
        assert len({tables["darshan_posix"][0][column] for tables in four}) == 1, column


def test_the_hash_of_the_path_on_the_command_line_is_the_record_id(logs: dict[str, Rows]) -> None:
    checked = 0
    for name, tables in logs.items():
        exe = tables["darshan_logs"][0]["exe"]
        path = re.search(r" -f (\S+)", exe)
        if path is not None:
            assert [row["record_id"] for row in tables["darshan_posix"]] == [record_id(path[1])], name
            checked += 1
    assert checked == 14
    (row,) = logs["carns_mpi-io-test-x86_64-2.0.0_id16795_7-16-38059_1.darshan.gz"]["darshan_posix"]
    assert row["record_id"] == record_id("test.out")


def test_files_lie_on_the_mounts_that_the_log_lists(logs: dict[str, Rows]) -> None:
    for name, tables in logs.items():
        (log,) = tables["darshan_logs"]
        mounts = {row["mount_point"] for row in tables.get("darshan_mounts", [])}
        for row in tables["darshan_posix"]:
            assert (row["mount_point"] in mounts) if log["log_version"] >= "1.23" else row["mount_point"] is None, name
        if mounts and "-f /pvfs-surveyor/" in log["exe"]:
            assert {row["mount_point"] for row in tables["darshan_posix"]} == {"/pvfs-surveyor"}


def test_ior_wrote_and_read_its_four_files(logs: dict[str, Rows]) -> None:
    tables = logs["harms_IOR_id350690_2-8-83458_1.darshan.gz"]
    posix = sorted(tables["darshan_posix"], key=lambda row: str(row["path_suffix"]))
    assert [row["path_suffix"] for row in posix] == [f"ratch/ior.out.{at}" for at in range(4)]
    moved = [(row["POSIX_BYTES_READ"], row["POSIX_BYTES_WRITTEN"]) for row in posix]
    assert moved == [(2048 * 256 << 20, 2048 * 256 << 20)] * 4
    assert "darshan_mpiio" not in tables
    assert {row["POSIX_MODE"] for row in posix} == {0o664}
    base = "/intrepid-fs0/users/harms/scratch/ior.out"
    assert [row["record_id"] for row in posix] == [record_id(f"{base}.{at}") for at in range(4)]


def test_every_ranks_own_stream_is_read(logs: dict[str, Rows]) -> None:
    tables = logs["harms_partshared_id354969_2-25-56979_1.darshan.gz"]
    posix, mpiio = tables["darshan_posix"], tables["darshan_mpiio"]
    assert sorted(row["rank"] for row in posix) == list(range(2048))
    # 32 ranks share each of 64 files, and each writes 50 MiB to it
    files = Counter((row["record_id"], row["path_suffix"]) for row in posix)
    assert files == {(record_id(f"partfile.{at}"), f"partfile.{at}"): 32 for at in range(64)}
    assert {row["POSIX_BYTES_WRITTEN"] for row in posix} == {50 << 20}
    assert {(row["MPIIO_COLL_OPENS"], row["MPIIO_INDEP_WRITES"]) for row in mpiio} == {(1, 1)}
    assert {row["POSIX_FASTEST_RANK"] for row in posix} == {None}
