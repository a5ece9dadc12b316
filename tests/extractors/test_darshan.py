"""The Darshan extractor reads many inputs as it reads each alone, good ones beside bad, large ones as small ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from iolake.demo.formats.darshan import FORMATS, Component, Heatmap, Log, Lustre, Record, Traced, encode, record_id
from iolake.demo.formats.darshan.records import AnyRecord
from iolake.extractors import darshan as darshan_extractor
from iolake.extractors.base import Batch, Input, Outcome, Reject, Span, content_hash
from iolake.extractors.darshan import Darshan, large, pieces
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site
from iolake.schemas.table import INPUT_ID

SITE = Site.model_validate({"clusters": {"c": {}}, "file_systems": {"scratch": {"mounts": ["/scratch"]}}})
PATH = "/scratch/ann/out.h5"
FILE = record_id(PATH)
Rows = dict[str, list[dict[str, Any]]]


def log(**more: Any) -> Log:
    """A log of one file with a record in most kinds of module."""
    traced = [Traced(FILE, rank, f"n{rank}", writes=[(i, 1, 0.0, 1.0) for i in range(40)]) for rank in range(5)]
    fields: dict[str, Any] = {
        "job_id": 7,
        "uid": 1001,
        "start_s": 1_773_533_522,
        "end_s": 1_773_533_600,
        "nprocs": 8,
        "exe": "/opt/bin/solver --steps 100",
        "mounts": [("/scratch", "lustre"), ("/", "xfs")],
        "names": {FILE: PATH, record_id("heatmap:POSIX"): "heatmap:POSIX"},
        "modules": {
            "POSIX": [Record(FILE, rank, {"POSIX_OPENS": rank, "POSIX_MODE": -1}) for rank in (-1, *range(60))],
            "LUSTRE": [Lustre(FILE, rank, [Component(osts=[1, 2, 3])]) for rank in range(40)],
            "HEATMAP": [Heatmap(record_id("heatmap:POSIX"), rank, 0.5, [1, 2], [3, 4]) for rank in range(40)],
            "DXT_POSIX": traced,
            "DXT_MPIIO": traced,
        },
    }
    return Log(**(fields | more))


def write(folder: Path, contents: Sequence[bytes]) -> list[Input]:
    """Files with these contents, as inputs."""
    paths = [folder / f"{number}.darshan" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [Input("darshan", "c", str(path)) for path in paths]


def results(inputs: Sequence[Input]) -> tuple[Rows, list[Reject], dict[str, str]]:
    """(rows by table, in the order of their keys; rejects; status by uri). Every batch passes the gate."""
    rows: Rows = {}
    rejects: list[Reject] = []
    status: dict[str, str] = {}
    for result in Darshan().read_many(inputs, SITE):
        match result:
            case Batch():
                schema = result.table.batch_schema.append(INPUT_ID.arrow_field)
                data = conform(result.table, pa.table(result.data), schema)
                assert not result.in_order or in_sort_order(result.table, data).equals(data)
                rows.setdefault(result.table.name, []).extend(data.to_pylist())
            case Reject():
                rejects.append(result)
            case Outcome():
                assert result.input.uri not in status
                status[result.input.uri] = result.status
    return {name: sorted(found, key=repr) for name, found in rows.items() if found}, rejects, status


def together(parts: Iterator[Rows]) -> Rows:
    """The rows of several readings."""
    rows: Rows = {}
    for part in parts:
        for name, found in part.items():
            rows.setdefault(name, []).extend(found)
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def test_many_logs_together_give_the_rows_that_each_gives_alone(tmp_path: Path) -> None:
    logs = [log(job_id=3), log(job_id=1, byte_order=">"), log(job_id=2, version="3.21"), log(job_id=4, names={})]
    inputs = write(tmp_path, [encode(one) for one in logs])
    assert results(inputs)[0] == together(results([i])[0] for i in inputs)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("hold", [50, 2000, 1 << 30])
def test_a_log_too_large_to_be_decoded_as_one_gives_the_rows_that_it_would_give_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, byte_order: str, hold: int
) -> None:
    """Held, or given up on the way, or not; cut into pieces of some hundred bytes, in the middle of records and of
    traces longer than these.
    """
    inputs = write(tmp_path, [encode(log(byte_order=byte_order, streams=9))])
    whole, _, _ = results(inputs)
    monkeypatch.setattr(darshan_extractor, "_ALONE", 50)
    monkeypatch.setattr(large, "_HOLD", hold)
    monkeypatch.setattr(pieces, "_WHOLE", 50)
    for piece in (100, 700, 5000):
        monkeypatch.setattr(pieces, "_PIECE", piece)
        monkeypatch.setattr(pieces, "_CACHED", piece)
        monkeypatch.setattr(large, "_BLOCK", 3 * piece)
        assert results(inputs)[0] == whole


@pytest.mark.parametrize("alone", [50, 1 << 20])
@pytest.mark.parametrize("mapped", [50, 1 << 20])
def test_a_bad_log_is_rejected_and_the_others_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: int, mapped: int
) -> None:
    """P5: each is rejected with a reason and stops no other, even where only decoding finds the damage."""
    monkeypatch.setattr(darshan_extractor, "_ALONE", alone)
    monkeypatch.setattr("iolake.extractors.darshan.content._MAPPED_FROM", mapped)
    good, whole = encode(log()), encode(log(compression="none"))
    at, _ = struct.unpack_from("<QQ", whole, 48 + 8 * 16)  # LUSTRE
    broken = bytearray(whole)
    broken[at + 24 : at + 32] = struct.pack("<q", 999)
    contents = [b"", b"hello", good, good[:-9], b"3.99" + good[4:], bytes(broken), encode(log(job_id=8))]
    rows, rejects, status = results(write(tmp_path, contents))
    assert list(status.values()).count("rejected") == 5
    reasons = {Path(r.input.uri).name[0]: r.reason for r in rejects}
    assert set(reasons) == set("01345")
    assert reasons["0"].startswith("the file is empty")
    assert "not a Darshan log" in reasons["1"]
    assert reasons["3"].startswith("HEATMAP region at byte ")  # the last one
    assert "cut off" in reasons["3"]
    assert "3.99" in reasons["4"]
    assert "the last record is truncated" in reasons["5"]
    assert sorted(r["job_id"] for r in rows["darshan_logs"]) == [7, 8]


@pytest.mark.parametrize("alone", [50, 1 << 20])
@pytest.mark.parametrize("module", ["names", "POSIX", "LUSTRE", "HEATMAP", "DXT_POSIX", "DXT_MPIIO"])
def test_a_reject_names_a_damaged_regions_module_and_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, alone: int
) -> None:
    """One word shorter than its records."""
    monkeypatch.setattr(darshan_extractor, "_ALONE", alone)
    content = bytearray(encode(log(compression="none")))
    place = 32 if module == "names" else 48 + 16 * FORMATS["3.41"].modules.index(module)
    at, size = struct.unpack_from("<QQ", content, place)
    struct.pack_into("<Q", content, place + 8, size - 8)
    _, (reject,), _ = results(write(tmp_path, [bytes(content)]))
    assert reject.reason.startswith(f"{module} region at byte {at}: ")
    assert reject.reason.endswith("; copy the log again")


@pytest.mark.parametrize("alone", [50, 1 << 20])
@pytest.mark.parametrize(
    ("module", "record"),
    [
        ("POSIX", Record(FILE, 3)),
        ("POSIX", Record(2**64 - 1)),
        ("LUSTRE", Lustre(FILE, 3, [Component([1])])),
        ("HEATMAP", Heatmap(FILE, 3, 0.5, [1], [2])),
    ],
)
def test_a_record_that_a_rank_has_twice_keeps_both_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, record: AnyRecord, alone: int
) -> None:
    """P5: darshan-merge makes such logs of processes without MPI; `copy` tells their rows apart."""
    monkeypatch.setattr(darshan_extractor, "_ALONE", alone)
    merged = log(modules={module: [record, replace(record, id=7), replace(record, rank=5), record, record]})
    rows, rejects, _ = results(write(tmp_path, [encode(merged)]))
    found = [(r["record_id"], r["rank"], r["copy"]) for r in rows[f"darshan_{module.lower()}"]]
    twin = [(record.id, record.rank, copy) for copy in range(3)]
    assert sorted(found) == sorted([*twin, (7, record.rank, 0), (record.id, 5, 0)])
    assert not rejects


@pytest.mark.parametrize("times", [{"end_ns": -1}, {"start_ns": 10**9}, {"end_s": 253402300800}])
def test_a_log_of_no_possible_time_is_refused(tmp_path: Path, times: dict[str, int]) -> None:
    rows, rejects, _ = results(write(tmp_path, [encode(log(**times))]))
    assert rows == {}
    assert ["is not a time" in reject.reason for reject in rejects] == [True]


def test_an_unknown_module_or_version_is_left_out_and_rejected(tmp_path: Path) -> None:
    unknown = log(raw={40: (3, b"x" * 16), 1: (9, b"y" * 8)}, modules={"STDIO": [Record(FILE)]})
    rows, rejects, status = results(write(tmp_path, [encode(unknown)]))
    assert list(status.values()) == ["loaded"]
    assert len(rows["darshan_stdio"]) == 1
    assert sorted(r.part.split(",")[0] for r in rejects) == [
        "module 1 (POSIX) version 9",
        "module 40 (module 40) version 3",
    ]


@pytest.mark.parametrize(("version", "unknown"), [("3.00", 20), ("3.21", 31), ("3.41", 63)])
def test_every_module_that_ran_out_of_memory_is_named(tmp_path: Path, version: str, unknown: int) -> None:
    """P6: a module without memory for its first record is named too. One without a known name has a number."""
    partial = ["POSIX", "STDIO", "DXT_POSIX"]
    content = bytearray(encode(log(version=version, modules={"POSIX": [Record(FILE)]}, partial=partial)))
    mask_at, mask = (24, "<Q") if version == "3.41" else (20, "<I")
    (bits,) = struct.unpack_from(mask, content, mask_at)
    struct.pack_into(mask, content, mask_at, bits | 1 << unknown)
    rows, _, _ = results(write(tmp_path, [bytes(content)]))
    (row,) = rows["darshan_logs"]
    assert row["modules"] == ["POSIX"]
    assert row["partial_modules"] == [*partial, f"module {unknown}"]


def test_a_copy_has_no_rows_of_its_own(tmp_path: Path) -> None:
    """P2: copies of a log are one log, under the first of their names."""
    inputs = write(tmp_path, [encode(log())] * 2)
    rows, _, status = results(inputs[::-1])
    assert set(status.values()) == {"loaded"}
    assert {r["input_id"] for r in rows["darshan_posix"]} == {inputs[0].input_id}


def test_a_known_content_is_unchanged(tmp_path: Path) -> None:
    (input,) = write(tmp_path, [content := encode(log())])
    known = Input("darshan", "c", input.uri, known_hash=content_hash(content))
    assert results([known]) == ({}, [], {input.uri: "unchanged"})


def test_what_was_not_recorded_is_null_and_the_rank_of_all_is_minus_one(tmp_path: Path) -> None:
    """P6: -1 is no value, and 0 is one."""
    rows, _, _ = results(write(tmp_path, [encode(log())]))
    assert {r["POSIX_MODE"] for r in rows["darshan_posix"]} == {None}
    assert sum(r["rank"] == -1 for r in rows["darshan_posix"]) == 1
    assert {r["POSIX_READS"] for r in rows["darshan_posix"]} == {0}


def test_marks_of_no_count_that_a_shared_record_adds_up_are_null(tmp_path: Path) -> None:
    """P6: four processes that count no mmaps make -4 of it."""
    counts = {-1: -4, 0: -1, 1: 0, 2: 3}
    records = [Record(FILE, rank, {"POSIX_MMAPS": n}) for rank, n in counts.items()]
    rows, _, _ = results(write(tmp_path, [encode(log(modules={"POSIX": records}))]))
    assert {r["rank"]: r["POSIX_MMAPS"] for r in rows["darshan_posix"]} == {-1: None, 0: None, 1: 0, 2: 3}


@pytest.mark.parametrize("version", [1, 2])
def test_a_target_that_the_layout_did_not_tell_is_null(tmp_path: Path, version: int) -> None:
    """P6: -1 means no index, and keeps its place in the stripe."""
    striped = log(modules={"LUSTRE": [Lustre(FILE, 0, [Component([3, -1, 0])])]}, versions={"LUSTRE": version})
    rows, _, _ = results(write(tmp_path, [encode(striped)]))
    assert [(r["stripe_count"], r["osts"]) for r in rows["darshan_lustre"]] == [(3, [3, None, 0])]


def test_the_longest_mount_of_log_and_site_holds_a_path_on_whole_components(tmp_path: Path) -> None:
    paths = {"/scratch/a": "scratch", "/scratch2/a": None, "/scratch/deep/a": None, "<STDIN>": None}
    names = {record_id(path): path for path in paths}
    modules = {"STDIO": [Record(number, 0) for number in names]}
    mounted = log(names=names, modules=modules, mounts=[("/", "xfs"), ("/scratch/deep", "tmpfs")])
    rows, _, _ = results(write(tmp_path, [encode(mounted)]))
    assert {r["path"]: r["file_system"] for r in rows["darshan_stdio"]} == paths
    mounts = {r["path"]: r["mount_point"] for r in rows["darshan_stdio"]}
    assert mounts == {"/scratch/a": "/scratch", "/scratch2/a": "/", "/scratch/deep/a": "/scratch/deep", "<STDIN>": None}


def test_no_mount_holds_a_record_without_a_name(tmp_path: Path) -> None:
    names = {1: "", 2: "/"}
    unnamed = log(names=names, modules={"STDIO": [Record(number, 0) for number in names]})
    rows, _, _ = results(write(tmp_path, [encode(unnamed)]))
    assert {r["path"]: r["mount_point"] for r in rows["darshan_stdio"]} == {"": None, "/": "/"}


def test_a_mount_is_the_same_with_and_without_a_slash_at_its_end(tmp_path: Path) -> None:
    paths = {"/scratch/a": "/scratch/", "/scratch": "/scratch/", "/scratch/b/c": "/scratch/b", "/home/a": "/home//"}
    names = {record_id(path): path for path in paths}
    mounts = [("/", "xfs"), ("/scratch/", "lustre"), ("/scratch/b", "tmpfs"), ("/home//", "nfs")]
    mounted = log(names=names, modules={"STDIO": [Record(number, 0) for number in names]}, mounts=mounts)
    rows, _, _ = results(write(tmp_path, [encode(mounted)]))
    assert {r["path"]: r["mount_point"] for r in rows["darshan_stdio"]} == paths
    on_scratch = {r["path"] for r in rows["darshan_stdio"] if r["file_system"] == "scratch"}
    assert on_scratch == {"/scratch/a", "/scratch"}
    assert [r["file_system"] for r in rows["darshan_mounts"]] == [None, "scratch", None, None]


def test_the_file_name_has_user_program_and_process(tmp_path: Path) -> None:
    path = tmp_path / "ann_my_solver_id7-4242_3-15-14722-17417065676046418211_1.darshan"
    path.write_bytes(encode(log()))
    rows, _, _ = results([Input("darshan", "c", str(path))])
    (row,) = rows["darshan_logs"]
    assert (row["user_name"], row["file_exe"], row["file_pid"]) == ("ann_my", "solver", 4242)
    assert (row["file_tag"], row["exe_name"]) == (17417065676046418211, "solver")


def test_logs_are_found_by_day_and_in_a_hierarchy_of_users_and_programs(tmp_path: Path) -> None:
    for name in ("2026/3/5/a.darshan", "2026/3/15/b.darshan", "ann/solver/7/node1/4242.darshan"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = {}
    for pattern in ("%Y/%-m/%-d/*.darshan", "*/*/*/*/*.darshan"):
        site = Site.model_validate({"clusters": {"c": {"darshan": {"files": str(tmp_path / pattern)}}}})
        found[pattern] = [i.uri.rsplit("/", 1)[-1] for i in Darshan().find(site, Span())]
    assert found == {"%Y/%-m/%-d/*.darshan": ["b.darshan", "a.darshan"], "*/*/*/*/*.darshan": ["4242.darshan"]}


def test_a_killed_process_has_no_end_and_its_day_is_that_of_its_start(tmp_path: Path) -> None:
    """P4, P6: Darshan writes an end of 0 for it; an end before the start is as unknown."""
    killed, backwards = log(end_s=0, end_ns=0, nprocs=1), log(end_s=1_773_533_521, nprocs=2)
    rows, rejects, _ = results(write(tmp_path, [encode(killed), encode(backwards)]))
    assert not rejects
    assert {(r["end_time"], r["run_time_s"], r["date"]) for r in rows["darshan_logs"]} == {
        (None, None, date(2026, 3, 15))
    }


def test_a_partial_log_that_names_no_module_is_partial_of_none(tmp_path: Path) -> None:
    """P6: bit 0 of the mask marks the log, not a module."""
    rows, _, _ = results(write(tmp_path, [encode(log(partial=["NULL"])), encode(log(partial=["NULL", "POSIX"]))]))
    assert sorted((r["partial_modules"], r["is_partial"]) for r in rows["darshan_logs"]) == [
        ([], True), (["POSIX"], True),
    ]  # fmt: skip


@pytest.mark.parametrize("width", [-0.5, float("nan")])
def test_a_bin_of_no_length_has_no_time(tmp_path: Path, width: float) -> None:
    """P6: its bytes stay."""
    heatmap = Heatmap(record_id("heatmap:POSIX"), 0, width, [1, 2], [3, 4])
    rows, rejects, _ = results(write(tmp_path, [encode(log(modules={"HEATMAP": [heatmap]}))]))
    assert rejects == []
    assert [(r["interval_s"], r["write_bytes"]) for r in rows["darshan_heatmap"]] == [(None, 1), (None, 2)]
    assert rows["darshan_heatmap"][1]["ts"] is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("width", [1.7e308, float("inf")])
def test_a_bin_beyond_all_numbers_warns_nobody(tmp_path: Path, width: float) -> None:
    """P5: the width of a bin in a damaged log may be any number."""
    heatmap = Heatmap(record_id("heatmap:POSIX"), 0, width, [1, 2, 3], [3, 4, 5])
    rows, _, _ = results(write(tmp_path, [encode(log(modules={"HEATMAP": [heatmap]}))]))
    assert [r["write_bytes"] for r in rows["darshan_heatmap"]] == [1, 2, 3]
    assert {r["ts"] for r in rows["darshan_heatmap"][1:]} == {None}


def test_a_log_without_names_has_its_records(tmp_path: Path) -> None:
    """P6: an empty region of names leaves paths unknown, whether the log is read alone or beside others."""
    inputs = write(tmp_path, [encode(log(names={})), encode(log(job_id=8, names={}))])
    for some in (inputs[:1], inputs):
        rows, rejects, status = results(some)
        assert (rejects, set(status.values())) == ([], {"loaded"})
        assert {r["path"] for r in rows["darshan_posix"]} == {None}
        assert len(rows["darshan_posix"]) == 61 * len(some)


@pytest.mark.parametrize("module", ["POSIX", "LUSTRE", "HEATMAP", "DXT_MPIIO"])
def test_a_region_that_the_header_no_longer_names_is_damage(tmp_path: Path, module: str) -> None:
    """P5: a byte of the header that turns to zero must not hide a module."""
    content = bytearray(encode(log()))
    place = 48 + 16 * FORMATS["3.41"].modules.index(module)
    struct.pack_into("<QQ", content, place, 0, 0)
    rows, (reject,), _ = results(write(tmp_path, [bytes(content)]))
    assert rows == {}
    assert "belong to no region" in reject.reason


def test_heatmaps_and_streams_are_known_by_their_ids_in_anonymized_logs(tmp_path: Path) -> None:
    """The names of such logs are numbers; the ids of heatmap records are the same in every log."""
    ids = {"POSIX": 16592106915301738621, "MPI-IO": 3668870418325792824, "STDIO": 3989511027826779520}
    records = [Heatmap(number, 0, 0.5, [1], [2]) for number in ids.values()]
    hidden = log(modules={"HEATMAP": records}, names=dict.fromkeys(ids.values(), "319035955"))
    rows, _, _ = results(write(tmp_path, [encode(hidden)]))
    assert {r["record_id"]: r["module"] for r in rows["darshan_heatmap"]} == {v: k for k, v in ids.items()}
    assert {r["ts"] for r in rows["darshan_heatmap"]} == {r["start_time"] for r in rows["darshan_logs"]}
