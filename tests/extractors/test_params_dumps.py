"""Made-up parameter dumps, and the readings that they give: target, time and values."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from iolake.extractors.params.dumps import Dump, Job, Reading, read_dumps
from iolake.extractors.params.jobs import JobRows
from iolake.extractors.params.rows import target_batches
from iolake.schemas.gate import conform

T = 1_772_323_200  # 2026-03-01 00:00:00 UTC
US = 1_000_000
OST = ("fs", "OST0000")


def only(text: str) -> Reading:
    """What the text's one dump says of the OST."""
    (dump,) = read_dumps(text)
    return dump[OST]


def stats(seconds: int, read: int) -> str:
    """The OST's stats."""
    return (
        f"obdfilter.fs-OST0000.stats=\nsnapshot_time {T + seconds}.5 secs.usecs\n"
        f"read_bytes 1 samples [bytes] 1 1 {read}\n"
    )


def job_stats(*lines: str) -> dict[str, Job]:
    """The jobs of a list of these lines."""
    jobs = only("obdfilter.fs-OST0000.job_stats=\njob_stats:\n" + "".join(f"{line}\n" for line in lines)).jobs
    assert jobs is not None
    return jobs


def rows(table: str, readings: list[Reading]) -> list[dict[str, Any]]:
    """The OST's rows of a table, of the columns that the table declares."""
    (batch,) = (batch for batch in target_batches({"OST0000": readings}) if batch.table.name == table)
    data = conform(batch.table, batch.data, batch.table.batch_schema)
    return list(data.to_pylist())


def job_rows(readings: list[Reading], pattern: str = "x") -> list[dict[str, Any]]:
    """The rows of `lustre_jobstats` from the OST's lists, in order of job and time."""
    jobs = JobRows(re.compile(pattern), ())
    for reading in readings:
        if reading.jobs is not None:
            assert jobs.add("OST0000", reading.us or 0, reading.jobs)
    (batch,) = jobs.batches(last=True)
    found = conform(batch.table, batch.data, batch.table.batch_schema).to_pylist()
    return sorted(found, key=lambda row: (row["ts"], row["jobstats_id"]))


def test_a_parameter_that_comes_again_is_of_the_next_dump() -> None:
    """Dumps may be appended to one file; a name that stands twice in one list is two counters of one operation."""
    pings = "ping 2 samples [reqs]\nping 3 samples [reqs]\n"
    space = "osd-zfs.fs-OST0000.kbytesfree={}\n"
    text = stats(0, 10) + space.format(7) + stats(60, 30) + pings + space.format(5)
    first, second = (dump[OST] for dump in read_dumps(text))
    assert (first.us, first.counters, first.space) == (
        T * US + 5,
        {("read_bytes", "sum"): 10, ("read_bytes", "count"): 1},
        {"kbytesfree": 7},
    )
    assert second.us == (T + 60) * US + 5
    assert second.counters == {("read_bytes", "sum"): 30, ("read_bytes", "count"): 1, ("ping", "count"): 5}
    assert second.space == {"kbytesfree": 5}


def minute(number: int) -> str:
    """A dump of a server of 2.14: the OST's stats and three jobs, `number` minutes after T, counted since before."""
    since = f"{T - 1000}.000000005 secs.nsecs"
    at = f"{T + 60 * number}.000000000 secs.nsecs"
    text = f"obdfilter.fs-OST0000.stats=\nsnapshot_time             {at}\nstart_time                {since}\n"
    text += f"write_bytes               {100 + number} samples [bytes] 4096 4096 {10**9 + 1000 * number} {10**15}\n"
    text += f"statfs                    {5 + number} samples [reqs]\nobdfilter.fs-OST0000.job_stats=\njob_stats:\n"
    for job in (7, 8, 9):
        text += (
            f"- job_id:          {job}\n  snapshot_time:   {at}\n  start_time:      {since}\n"
            f"  read_bytes:      {{ samples: {job}, unit: bytes, min: 1, max: 1, sum: {1000 * job + 10 * number} }}\n"
            f"  punch:           {{ samples: {20 + number}, unit: usecs, min: 1, max: 1, sum: {40 + number} }}\n"
        )
    return text


def totals(*texts: str) -> dict[Any, int]:
    """What the dumps' rows add up to: of the OST, and of each job."""
    readings = [only(text) if text else Reading() for text in texts]
    for number, reading in enumerate(readings):
        reading.us = reading.us or (T + 60 * number) * US
    found: Counter[Any] = Counter()
    for row in rows("lustre_ost", readings):
        found["written"] += row["write_bytes"] or 0
        found["statfs"] += dict(row["other_ops"] or []).get("statfs", 0)
    for row in job_rows(readings, "(?P<job_id>.*)"):
        found[row["job_id"]] += row["read_bytes"]
        found[row["job_id"], "punch"] += dict(row["ops"]).get("punch", 0)
        found[row["job_id"], "time"] += dict(row["op_time_us"]).get("punch", 0)
    return found


def test_a_dump_that_is_cut_off_anywhere_counts_nothing_twice() -> None:
    """A cut list does not end its target's or jobs' counters; a number at the very end may be cut, and is left out."""
    whole = totals(minute(0), minute(1), minute(2))
    assert whole["written"] == 2000
    assert (whole[8], whole[8, "punch"], whole[8, "time"]) == (8020, 22, 42)
    text = minute(1)
    amid = range(text.index("4096 4096 1") + 11, text.index(f" {10**15}"))
    for end in set(range(text.index("\n") + 1, len(text))).difference(amid):
        assert totals(minute(0), text[:end], minute(2)) == whole, text[:end]


@pytest.mark.parametrize(
    ("starts", "reset"),
    [
        ((5, 5), False),
        ((5, 6), True),
        ((None, T * US - 9), False),  # a list that is cut off, or of a version that does not tell
        ((None, T * US + 9), True),
        ((5, None), False),
    ],
)
def test_counters_that_count_since_later_were_reset(starts: tuple[int | None, int | None], reset: bool) -> None:
    """Even where they have overtaken; a list that does not tell its start is no other start."""
    readings = [
        Reading((T + 60 * number) * US, start, {("read_bytes", "sum"): 100 + 50 * number})
        for number, start in enumerate(starts)
    ]
    row, _ = rows("lustre_ost", readings)
    assert (row["read_bytes"], row["reset"]) == (150 if reset else 50, reset)


def test_a_list_of_jobs_that_is_cut_off_is_not_known() -> None:
    """Also of a version that does not tell since when a job is counted; one that ends with a whole line is known."""
    text = "".join(line for line in minute(0).splitlines(True) if "start_time" not in line)
    assert only(text.rstrip()).jobs == only(text).jobs
    assert (
        only(text[:-3]).jobs
        is only(text[: text.index("punch")]).jobs
        is only(text[: text.index("_stats:")]).jobs
        is None
    )


def test_a_job_that_a_list_leaves_out_goes_on_if_it_began_when_it_did() -> None:
    """Servers omit entries while they drop others. An entry with a later start, or without one, is a new entry."""

    def look(number: int, **read: tuple[int | None, int]) -> Reading:
        jobs = {job: Job(None, start, {("read_bytes", "sum"): value}) for job, (start, value) in read.items()}
        return Reading((T + 60 * number) * US, jobs=jobs)

    first, last = {"a": (5, 100), "b": (5, 100), "c": (None, 100)}, {"a": (5, 130), "b": (6, 130), "c": (None, 130)}
    looks = [Reading(T * US, jobs={}), look(1, **first), look(2), look(3, **last)]
    found = job_rows(looks)
    assert [(r["jobstats_id"], r["ts"].minute, r["interval_s"], r["read_bytes"], r["fresh"]) for r in found[3:]] == [
        ("a", 1, 120.0, 30, False),
        ("b", 2, 60.0, 130, True),
        ("c", 2, 60.0, 130, True),
    ]


def series(seconds: int | None, read: int) -> str:
    """An exporter's series, with a time or without."""
    when = f" {(T + seconds) * 1000}" if seconds is not None else ""
    return (
        f'# TYPE lustre_read_bytes_total counter\nlustre_read_bytes_total{{target="fs-OST0000"}} {read}{when}\n'
        f'lustre_job_read_bytes_total{{jobid="7",target="fs-OST0000"}} {read}{when}\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        series(0, 10) + series(60, 30),
        "".join(a + b for a, b in zip(series(0, 10).splitlines(True), series(60, 30).splitlines(True), strict=True)),
    ],
    ids=["one after the other", "by metric"],
)
def test_scrapes_of_several_times_are_several_readings(text: str) -> None:
    found = [dump[OST] for dump in read_dumps(text)]
    assert [(reading.us, reading.counters) for reading in found] == [
        (T * US, {("read_bytes", "sum"): 10}),
        ((T + 60) * US, {("read_bytes", "sum"): 30}),
    ]
    assert [reading.jobs and reading.jobs["7"].counters for reading in found] == [
        {("read_bytes", "sum"): 10},
        {("read_bytes", "sum"): 30},
    ]


def test_scrapes_without_a_time_begin_where_a_series_comes_again() -> None:
    found = [dump[OST].counters for dump in read_dumps(series(None, 10) + series(None, 30))]
    assert found == [{("read_bytes", "sum"): 10}, {("read_bytes", "sum"): 30}]


def test_the_unit_tells_bytes_from_times() -> None:
    """Old servers call a job's bytes `read` and `write`; newer ones call times so."""
    old = job_stats(
        "- job_id:          7",
        f"  snapshot_time:   {T}",
        "  read:            { samples:           2, unit: bytes, min:    4096, max:    4096, sum:            8192 }",
        "  write:           { samples:           0, unit: bytes, min:       0, max:       0, sum:               0 }",
        "  setattr:         { samples:           1, unit:  reqs }",
    )
    assert old["7"].counters == {("read_bytes", "sum"): 8192, ("read_bytes", "count"): 2, ("setattr", "count"): 1}
    new = job_stats(
        "- job_id:          7",
        f"  snapshot_time:   {T}.000000000 secs.nsecs",
        "  read_bytes:      { samples:           2, unit: bytes, min:    4096, max:    4096, sum:            8192 }",
        "  read:            { samples:           2, unit: usecs, min:       3, max:       4, sum:               7 }",
    )
    assert new["7"].counters == {
        ("read_bytes", "sum"): 8192,
        ("read_bytes", "count"): 2,
        ("read", "time"): 7,
        ("read", "count"): 2,
    }


def test_a_space_before_the_colon_is_part_of_the_same_header() -> None:
    (job,) = job_stats(
        '- job_id:          "7"',
        f"  snapshot_time   : {T + 9}.250000000 secs.nsecs",
        f"  start_time      : {T}.000000001 secs.nsecs",
        "  elapsed_time    : 9.249999999 secs.nsecs",
        "  open            : { samples:           2, unit: reqs }",
    ).values()
    assert job == Job((T + 9) * US + 250_000, T * US, {("open", "count"): 2})


def test_time_since_boot_is_not_a_date() -> None:
    """The time of the list dates its values; an entry's own start still shows a new entry."""

    def look(minute: int, opens: int, start: int) -> Reading:
        (job,) = job_stats(
            "- job_id:          7",
            f"  snapshot_time   : {1_896_247 + minute}.780050045 secs.nsecs",
            f"  start_time      : {start}.150439687 secs.nsecs",
            f"  open:            {{ samples: {opens}, unit: reqs }}",
        ).values()
        assert job.us is None
        return Reading((T + 60 * minute) * US, jobs={"7": job})

    looks = [Reading(T * US, jobs={}), look(1, 5, 379_440), look(2, 9, 379_440), look(3, 9, 1_896_300)]
    found = job_rows(looks, r"(?P<job_id>\d+)")
    assert [(r["ts"] - datetime(2026, 3, 1), r["interval_s"], r["ops"], r["fresh"]) for r in found] == [
        (timedelta(minutes=0), 60.0, [("open", 5)], True),
        (timedelta(minutes=1), 60.0, [("open", 4)], False),
        (timedelta(minutes=2), 60.0, [("open", 9)], True),
    ]
    assert only(f"obdfilter.fs-OST0000.stats=\nsnapshot_time : {1_896_247}.5 secs.nsecs\n").us is None


@pytest.mark.parametrize(
    "after", ["health_check=healthy\n", "error: get_param: param_path 'osd-*/*/filestotal': No such file\n", "", "\r\n"]
)
def test_space_is_what_stands_on_its_line(after: str) -> None:
    text = f"osd-zfs.fs-OST0000.kbytestotal=1000\nosd-zfs.fs-OST0000.kbytesfree=400\n{after}" + stats(0, 1)
    assert only(text).space == {"kbytestotal": 1000, "kbytesfree": 400}


@pytest.mark.parametrize(("when", "us"), [(f"{T}", 0), (f"{T}.25", 250_000), (f"{T}250", 250_000)])
def test_a_metrics_time_is_in_seconds_or_milliseconds(when: str, us: int) -> None:
    """In seconds in OpenMetrics, in milliseconds in Prometheus' own text."""
    text = f'lustre_write_bytes_total{{component="ost",target="fs-OST0000"}} 5 {when}\n# EOF\n'
    assert only(text).us == T * US + us


def test_an_exporter_tells_the_sum_of_an_operations_times_or_bytes() -> None:
    """By one name, as Whamcloud's exporter does."""
    text = "".join(
        f'lustre_stats{name}_total{{component="mdt",operation="{op}",target="fs-OST0000"}} {value}\n'
        for op, samples, total in (("open", 3, 70), ("write_bytes", 2, 8192))
        for name, value in (("", samples), ("_time", total), ("_time_max", 9))
    )
    assert only(text).counters == {
        ("open", "count"): 3,
        ("open", "time"): 70,
        ("write_bytes", "count"): 2,
        ("write_bytes", "sum"): 8192,
    }


@pytest.mark.parametrize("seconds", ["9" * 11, "9" * 25])
def test_an_invalid_time_is_not_a_date(seconds: str) -> None:
    """One damaged digit must not reject the other dumps of the day."""
    assert only(stats(0, 5).replace(str(T), seconds)).us is None
    assert only(f'lustre_read_bytes_total{{target="fs-OST0000"}} 5 {seconds}\n').us is None
    (job,) = job_stats("- job_id: 7", f"  snapshot_time: {seconds}", "  open: { samples: 1, unit: reqs }").values()
    assert job.us is None


def test_what_the_disk_file_system_counts_is_not_the_targets() -> None:
    below = stats(0, 777).replace("obdfilter", "osd-zfs")
    assert only(stats(0, 10) + below).counters == only(below + stats(0, 10)).counters == only(stats(0, 10)).counters


def test_a_job_name_may_hold_a_newline() -> None:
    first, second = job_stats(
        "- job_id:          foo",
        "bar: 5.0",
        f"  snapshot_time:   {T}",
        "  open:            { samples:           2, unit: reqs }",
        "- job_id:          8",
        f"  snapshot_time:   {T}",
        "  open:            { samples:           3, unit: reqs }",
    ).items()
    assert (first[0], first[1].counters) == ("foo\nbar: 5.0", {("open", "count"): 2})
    assert (second[0], second[1].counters) == ("8", {("open", "count"): 3})


def test_an_exporters_values_are_taken_digit_for_digit() -> None:
    """Above 2**53 floating point numbers leave integers out."""
    text = 'lustre_{}_bytes_total{{component="ost",target="fs-OST0000"}} {}\n'
    reading = only(text.format("read", "9007199254740993") + text.format("write", "9.007199254740993e+15"))
    assert reading.counters == {("read_bytes", "sum"): 2**53 + 1, ("write_bytes", "sum"): 2**53 + 1}


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1", "1e400", "x"])
def test_an_exporters_list_with_an_invalid_count_is_unknown(value: str) -> None:
    """Otherwise a counter would seem to stand still, and a job to start again."""
    text = (
        f'lustre_read_bytes_total{{target="fs-OST0000"}} {value}\nlustre_write_bytes_total{{target="fs-OST0000"}} 5\n'
        f'lustre_job_read_bytes_total{{jobid="7",target="fs-OST0001"}} {value}\n'
        'lustre_read_bytes_total{target="fs-OST0001"} 6\n'
    )
    dump: Dump
    (dump,) = read_dumps(text)
    assert dump[OST].counters is None
    assert dump["fs", "OST0001"] == Reading(counters={("read_bytes", "sum"): 6})


def test_a_counter_that_an_exporter_tells_under_two_names_is_one() -> None:
    text = (
        'lustre_read_samples_total{target="fs-OST0000"} 4\n'
        'lustre_stats_total{operation="read_bytes",target="fs-OST0000"} 4\n'
    )
    assert only(text).counters == {("read_bytes", "count"): 4}


def test_an_exporter_tells_space() -> None:
    """By the names of HPE's and Whamcloud's exporters."""
    sizes = {"capacity_kilobytes": 10, "free_kilobytes": 6, "available_kilobytes": 5}
    sizes |= {"inodes_maximum": 9, "inodes_free": 7}
    text = "".join(f'lustre_{n}{{component="ost",target="fs-OST0000"}} {v}\n' for n, v in sizes.items())
    reading = only(text)
    reading.us = T * US
    (row,) = rows("lustre_ost", [reading])
    assert (row["total_bytes"], row["used_bytes"], row["available_bytes"]) == (10240, 4096, 5120)
    assert (row["total_inodes"], row["used_inodes"]) == (9, 2)


def test_more_free_than_there_is_tells_of_no_use() -> None:
    """P6: the size of a ZFS target changes between two questions; no gauge is negative."""
    sizes = {"kbytestotal": 10, "kbytesfree": 11, "filestotal": 9, "filesfree": 9}
    (row,) = rows("lustre_ost", [Reading(T * US, space=sizes)])
    assert (row["total_bytes"], row["used_bytes"]) == (10240, None)
    assert (row["total_inodes"], row["used_inodes"]) == (9, 0)


def test_a_dump_of_jobs_alone_gives_no_row_of_the_target() -> None:
    readings = [
        Reading(T * US, counters={("read_bytes", "sum"): 5}),
        Reading((T + 5) * US, jobs={}),
        Reading((T + 60) * US, counters={("read_bytes", "sum"): 9}),
        Reading((T + 65) * US, jobs={}),
    ]
    found = rows("lustre_ost", readings)
    assert [(row["interval_s"], row["read_bytes"]) for row in found] == [(60.0, 4), (None, None)]


def test_counters_of_the_kernels_64_bits_have_their_difference() -> None:
    """Where the difference exceeds an int64, the amount is null, and the other rows stay."""
    values = [2**63 + 4096, 2**63 + 8192, 7, 2**64 - 1, 10**25]
    readings = [only(stats(60 * number, value)) for number, value in enumerate(values)]
    amounts = [row["read_bytes"] for row in rows("lustre_ost", readings)]
    assert amounts[:3] == [4096, 7, None]
    start = Reading(T * US, jobs={})
    jobs = [{"7": Job(counters={("read_bytes", "sum"): value, ("open", "count"): 1})} for value in (2**63, 2**63 + 9)]
    looks = [start, *(Reading((T + 60 + i) * US, jobs=job) for i, job in enumerate(jobs))]
    found = job_rows(looks)
    assert [(row["read_bytes"], row["ops"]) for row in found] == [(None, [("open", 1)]), (9, [])]


@pytest.mark.parametrize("changed", ["\n    ", "\r\n"], ids=["indented", "as on Windows"])
def test_a_list_is_read_whatever_stands_around_its_lines(changed: str) -> None:
    """P6: an indented list of counters is not a list of zeros."""
    found = only(stats(10, 700).rstrip("\n").replace("\n", changed) + "\n")
    assert (found.us, found.counters) == (only(stats(10, 700)).us, only(stats(10, 700)).counters)
    assert found.counters
