"""Parameter dumps from day to day, server to server: what is counted is counted once, whatever file it is in."""

from __future__ import annotations

import gzip
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.extractors.base import Batch, Input, Outcome, Reject, Span
from iolake.extractors.params import Params
from iolake.schemas.gate import conform, in_sort_order
from iolake.schemas.site import Site

DAY = date(2026, 3, 1)
T = 1_772_323_200  # 2026-03-01 00:00:00 UTC
Row = dict[str, Any]


def at(seconds: int) -> datetime:
    """The moment `seconds` after T, without a zone, as rows have it."""
    return datetime(2026, 3, 1) + timedelta(seconds=seconds)


def ost(seconds: int, read: int, target: str = "OST0000") -> str:
    """The stats of a target, `seconds` after T."""
    return (
        f"obdfilter.fs-{target}.stats=\nsnapshot_time {T + seconds}.000000000 secs.nsecs\n"
        f"read_bytes {read} samples [bytes] 1 1 {read}\n"
    )


def jobs(entries: Mapping[str, tuple[int, int]], target: str = "OST0000") -> str:
    """A target's job_stats of a version without start_time: job to (seconds after T of its last change, bytes read)."""
    return f"obdfilter.fs-{target}.job_stats=\njob_stats:\n" + "".join(
        f"- job_id:          {job}\n  snapshot_time:   {T + changed}.000000000 secs.nsecs\n"
        f"  read_bytes:      {{ samples: {read}, unit: bytes, min: 1, max: 1, sum: {read} }}\n"
        for job, (changed, read) in entries.items()
    )


def centre(root: Path, pattern: str = "%Y-%m-%d/*.txt") -> Site:
    """A site whose one file system's dumps lie in `root`."""
    return Site.model_validate(
        {"root": str(root), "file_systems": {"scratch": {"backend": "fs", "params": {"files": pattern}}}}
    )


def write(root: Path, name: str, text: str) -> Path:
    """A file of dumps below `root`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(root: Path, pattern: str = "%Y-%m-%d/*.txt") -> dict[str, list[Row]]:
    """Table to rows of all inputs, through the gate; nothing may be left out."""
    where = centre(root, pattern)
    tables: dict[str, list[Row]] = defaultdict(list)
    for input in Params().find(where, Span()):
        for part in Params().read(input, where):
            assert isinstance(part, Batch), part
            data = conform(part.table, pa.table(part.data), part.table.batch_schema)
            tables[part.table.name] += in_sort_order(part.table, data, part.in_order).to_pylist()
    return tables


def test_each_server_ends_its_day_with_its_own_first_dump_of_the_next(tmp_path: Path) -> None:
    """However many dumps of other servers have names before it."""
    for server in range(3):
        target = f"OST000{server}"
        write(
            tmp_path, f"2026-03-01/oss{server}-2359.txt", ost(86_340, 100, target) + jobs({"7": (86_330, 100)}, target)
        )
        for minute in range(90):
            seconds, read = 86_400 + 60 * minute, 1000 + minute
            text = ost(seconds, read, target) + jobs({"7": (seconds - 5, read)}, target)
            write(tmp_path, f"2026-03-02/oss{server}-{minute // 60:02}{minute % 60:02}.txt", text)
    tables = load(tmp_path)
    for target in ("OST0000", "OST0001", "OST0002"):
        rows = [row for row in tables["lustre_ost"] if row["ost"] == target]
        assert sum(row["read_bytes"] or 0 for row in rows) == 1089 - 100
        assert [row["interval_s"] for row in rows if row["ts"] == at(86_340)] == [60.0]
        assert sum(row["read_bytes"] for row in tables["lustre_jobstats"] if row["target"] == target) == 1089


def test_counters_and_jobs_of_a_target_end_in_files_of_their_own(tmp_path: Path) -> None:
    """As where they are asked for by two calls."""
    write(tmp_path, "2026-03-01/2350.txt", ost(85_800, 100))
    write(tmp_path, "2026-03-01/2350-jobs.txt", jobs({"7": (85_790, 100)}))
    write(tmp_path, "2026-03-02/0000.txt", ost(86_400, 250))
    write(tmp_path, "2026-03-02/0000-jobs.txt", jobs({"7": (86_300, 270)}))
    write(tmp_path, "2026-03-02/0010-jobs.txt", jobs({"7": (86_900, 300)}))
    tables = load(tmp_path)
    assert [row["read_bytes"] for row in tables["lustre_ost"] if row["read_bytes"]] == [150]
    assert sum(row["read_bytes"] for row in tables["lustre_jobstats"]) == 300


@pytest.mark.parametrize("still_there", [{"7": (85_800, 50), "8": (84_600, 20)}, {"8": (84_600, 20)}])
def test_jobs_that_are_idle_at_midnight_are_counted_once(
    tmp_path: Path, still_there: dict[str, tuple[int, int]]
) -> None:
    """Lists without any other time are as old as the last thing done: the day's last may be the next one's first."""
    write(tmp_path, "2026-03-01/2350.txt", jobs({"7": (85_800, 50), "8": (84_600, 20)}))
    write(tmp_path, "2026-03-02/0000.txt", jobs(still_there))
    write(tmp_path, "2026-03-02/0010.txt", jobs({**still_there, "8": (87_000, 90)}))
    sums: dict[int, int] = defaultdict(int)
    for row in load(tmp_path)["lustre_jobstats"]:
        sums[row["job_id"]] += row["read_bytes"]
    assert sums == {7: 50, 8: 90}


def test_a_late_server_changes_the_day_before_and_others_do_not(tmp_path: Path) -> None:
    """P2: only what ends a row of the day is news of it."""
    where = centre(tmp_path)

    def first(known: str | None) -> tuple[Input, Outcome, int]:
        input = replace(next(iter(Params().find(where, Span()))), known_hash=known)
        parts = list(Params().read_many([input], where))
        found = [pa.table(p.data).to_pylist() for p in parts if isinstance(p, Batch) and p.table.name == "lustre_ost"]
        (outcome,) = (part for part in parts if isinstance(part, Outcome))
        return input, outcome, sum(row["read_bytes"] or 0 for rows in found for row in rows)

    write(tmp_path, "2026-03-01/a.txt", ost(86_340, 100))
    write(tmp_path, "2026-03-01/b.txt", ost(86_340, 100, "OST0001"))
    write(tmp_path, "2026-03-02/a0.txt", ost(86_400, 200))
    input, outcome, read = first(None)
    assert (outcome.status, read) == ("loaded", 100)
    write(tmp_path, "2026-03-02/a1.txt", ost(86_460, 300))
    later, same, _ = first(outcome.content_hash)
    assert later.size_bytes != input.size_bytes
    assert same.status == "unchanged"
    write(tmp_path, "2026-03-02/b0.txt", ost(90_000, 700, "OST0001"))
    last, ended, read = first(outcome.content_hash)
    assert last.size_bytes != later.size_bytes
    assert (ended.status, read) == ("loaded", 700)


def test_days_without_dumps_are_one_long_interval(tmp_path: Path) -> None:
    """DESIGN 4: a delta that spans a gap keeps the gap's length."""
    write(tmp_path, "2026-03-01/2359.txt", ost(86_340, 100) + jobs({"7": (86_330, 100)}))
    write(tmp_path, "2026-03-05/0000.txt", ost(4 * 86_400, 900) + jobs({"7": (4 * 86_400 - 60, 950)}))
    tables = load(tmp_path)
    rows = {row["ts"]: (row["interval_s"], row["read_bytes"]) for row in tables["lustre_ost"]}
    assert rows == {at(86_340): (3 * 86_400 + 60, 800), at(4 * 86_400): (None, None)}
    assert sum(row["read_bytes"] for row in tables["lustre_jobstats"]) == 950
    assert sum(row["read_bytes"] for row in tables["lustre_fs"]) == 800


def test_what_jobs_did_on_a_target_that_is_new_today_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "2026-03-01/a.txt", ost(0, 1) + jobs({"7": (0, 40)}))
    write(
        tmp_path, "2026-03-02/a.txt", ost(86_400, 1) + jobs({"7": (86_390, 50)}) + jobs({"8": (86_390, 900)}, "OST0001")
    )
    write(tmp_path, "2026-03-02/b.txt", ost(86_460, 1) + jobs({"8": (86_450, 905)}, "OST0001"))
    sums: dict[str, int] = defaultdict(int)
    for row in load(tmp_path)["lustre_jobstats"]:
        sums[row["target"]] += row["read_bytes"]
    assert sums == {"OST0000": 50, "OST0001": 905}


def test_a_job_that_was_idle_worked_since_the_last_look(tmp_path: Path) -> None:
    """Not since it last did something, hours ago."""
    for hour, read, changed in ((1, 10, 3000), (2, 10, 3000), (5, 10, 3000), (6, 70, 21_000)):
        write(tmp_path, f"2026-03-01/{hour}.txt", ost(hour * 3600, 1) + jobs({"7": (changed, read)}))
    rows = {row["ts"]: (row["interval_s"], row["read_bytes"]) for row in load(tmp_path)["lustre_jobstats"]}
    assert rows == {at(3000): (None, 10), at(5 * 3600): (3000.0, 60)}


def test_the_same_dump_twice_is_one(tmp_path: Path) -> None:
    """A copy may be cut short: what either tells is kept."""
    space = "osd-zfs.fs-OST0000.kbytestotal=8\nosd-zfs.fs-OST0000.kbytesfree=4\n"
    for number, read in enumerate((10, 30, 60)):
        whole = space + ost(60 * number, read) + jobs({"7": (60 * number, read), "8": (60 * number, read)})
        write(tmp_path, f"2026-03-01/{number}.txt", whole)
        write(tmp_path, f"2026-03-01/{number}-copy.txt", ost(60 * number, read) + jobs({"7": (60 * number, read)}))
    tables = load(tmp_path)
    assert [(r["interval_s"], r["read_bytes"], r["used_bytes"]) for r in tables["lustre_ost"]] == [
        (60.0, 20, 4096),
        (60.0, 30, 4096),
        (None, None, 4096),
    ]
    assert [(r["interval_s"], r["read_bytes"]) for r in tables["lustre_fs"]] == [(60.0, 20), (60.0, 30)]
    sums: dict[int, int] = defaultdict(int)
    for row in tables["lustre_jobstats"]:
        sums[row["job_id"]] += row["read_bytes"]
    assert sums == {7: 60, 8: 60}


def test_a_parameter_that_one_call_lists_twice_does_not_shorten_the_file_systems_steps(tmp_path: Path) -> None:
    for number in range(4):
        twice = ost(60 * number, 10 * number) + ost(60 * number, 10 * number).replace(".000000000", ".000300000")
        write(tmp_path, f"2026-03-01/{number}.txt", twice)
    assert [row["interval_s"] for row in load(tmp_path)["lustre_fs"]] == [60.0, 60.0, 60.0]


def test_dumps_without_a_time_are_of_their_day(tmp_path: Path) -> None:
    """Of the file's time where that is on its day, else of the day's start: a copied file is as old as the copy."""
    text = 'lustre_read_bytes_total{component="ost",target="fs-OST0000"} 5\n'
    for name, changed in (("2026-03-01/a.prom", T + 3600), ("2026-03-02/a.prom", T + 90 * 86_400)):
        os.utime(write(tmp_path, name, text), (changed, changed))
    assert [row["ts"] for row in load(tmp_path, "%Y-%m-%d/*.prom")["lustre_ost"]] == [at(3600), at(86_400)]


@pytest.mark.parametrize("damage", ["cut", "deflate"])
def test_a_damaged_dump_is_left_out_alone(tmp_path: Path, damage: str) -> None:
    """P5: a reject with its reason, that stops no other."""
    packed = bytearray(gzip.compress(os.urandom(200) + ost(60, 20).encode()))
    packed = packed[:-9] if damage == "cut" else packed[:10] + b"\x07" + packed[11:]
    write(tmp_path, "2026-03-01/a.txt", ost(0, 10))
    write(tmp_path, "2026-03-01/b.txt", "").write_bytes(packed)
    write(tmp_path, "2026-03-01/c.txt", ost(120, 40))
    where = centre(tmp_path)
    (input,) = Params().find(where, Span())
    parts = list(Params().read_many([input], where))
    (reject,) = (part for part in parts if isinstance(part, Reject))
    assert reject.part.endswith("/2026-03-01/b.txt")
    assert "cut off or damaged" in reject.reason
    (rows,) = (pa.table(p.data).to_pylist() for p in parts if isinstance(p, Batch) and p.table.name == "lustre_ost")
    assert [(row["interval_s"], row["read_bytes"]) for row in rows] == [(120.0, 30), (None, None)]
    assert [part.status for part in parts if isinstance(part, Outcome)] == ["loaded"]


@pytest.mark.parametrize("content", [b"", b"\x28\xb5\x2f\xfd\x24\x03", b"error: get_param: param_path\n"])
def test_files_of_a_day_that_tell_nothing_are_named_once(tmp_path: Path, content: bytes) -> None:
    """P5: an unsupported compression, an empty file, or a file of another kind."""
    for name in ("2026-03-01/b.txt", "2026-03-01/c.txt"):
        write(tmp_path, name, "").write_bytes(content)
    write(tmp_path, "2026-03-01/a.txt", ost(0, 10))
    where = centre(tmp_path)
    (input,) = Params().find(where, Span())
    (reject,) = (part for part in Params().read(input, where) if isinstance(part, Reject))
    assert reject.part.endswith("/2026-03-01/b.txt")
    assert reject.reason.startswith("holds no parameters of Lustre targets, one of 2 such files")


def test_what_else_lies_in_a_proc_tree_is_not_missed(tmp_path: Path) -> None:
    """A file is rejected by name only if it lies outside of every tree and has no reading."""
    root = "2026-03-01/proc/fs/lustre"
    write(tmp_path, f"{root}/obdfilter/fs-OST0000/stats", ost(0, 10).partition("\n")[2])
    write(tmp_path, f"{root}/obdfilter/fs-OST0000/brw_stats", "snapshot_time: 1.5 (secs.usecs)\n")
    write(tmp_path, f"{root}/version", "lustre: 2.10.8\n")
    (row,) = load(tmp_path, "%Y-%m-%d/**")["lustre_ost"]
    assert (row["ost"], row["ts"]) == ("OST0000", at(0))


readings = st.lists(
    st.tuples(
        st.integers(0, 5 * 86_400 - 1),  # when
        st.integers(0, 2**40),  # bytes since the reading before
        st.integers(0, 3),  # of them the job's
        st.sampled_from(["own", "shared", "copied"]),  # file
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda reading: reading[0],
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(readings, st.booleans()), min_size=1, max_size=3))
def test_sums_are_the_counters_own_difference(servers: list[tuple[list[tuple[int, int, int, str]], bool]]) -> None:
    """Whatever moments, days, gaps and files a server's readings are in, of jobs alone or not; and each row is once."""
    files: dict[str, str] = defaultdict(str)
    days: dict[str, set[str]] = defaultdict(set)
    for number, (server, with_stats) in enumerate(servers):
        target, read, job, changed = f"OST000{number}", 0, 0, 0
        for seconds, more, more_of_job, kind in sorted(server):
            read, job, changed = read + more, job + more_of_job, seconds if more_of_job else changed
            text = jobs({"7": (changed, job)} if job else {}, target) + (
                ost(seconds, read, target) if with_stats else ""
            )
            day = (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date().isoformat()
            days[target].add(day)
            files[
                f"{day}/shared.txt" if with_stats and kind == "shared" else f"{day}/oss{number}-{seconds:06}.txt"
            ] += text
            if kind == "copied":
                files[f"{day}/{seconds:06}-copy.txt"] += text
    with TemporaryDirectory() as root:
        for name, text in files.items():
            write(Path(root), name, text)
        tables = load(Path(root))
    keys = [(row["ost"], row["ts"]) for row in tables["lustre_ost"]]
    assert len(keys) == len(set(keys)) == sum(len(server) for server, with_stats in servers if with_stats)
    for number, (server, with_stats) in enumerate(servers):
        target = f"OST000{number}"
        between = {day for others in days.values() for day in others if min(days[target]) < day < max(days[target])}
        if not days[target] >= between:
            continue  # no reading for a whole day while others had one: no interval spans that
        moved = [more for _, more, _, _ in sorted(server)]
        shown = [row["read_bytes"] or 0 for row in tables["lustre_ost"] if row["ost"] == target]
        assert sum(shown) == sum(moved[1:]) * with_stats
        of_job = sum(more for _, _, more, _ in server)
        assert sum(row["read_bytes"] for row in tables["lustre_jobstats"] if row["target"] == target) == of_job
