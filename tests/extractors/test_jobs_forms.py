"""Forms of files of jobs: times, encodings, and Parquet's types."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from iolake.extractors.jobs import table
from tests.extractors.test_jobs import csv, read

HEADER = "scheduler_id,start_time,end_time\n"


def parquet(folder: Path, **columns: Any) -> tuple[list[dict[str, Any]], dict[str, str], str]:
    """What a Parquet file of one job with these columns gives."""
    job = {"scheduler_id": ["1"], "start_time": [10], "end_time": [20]}
    pl.DataFrame(job | columns).write_parquet(folder / "jobs.parquet")
    return read(files=str(folder / "jobs.parquet"))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2020-01-01T00:00:00.5", datetime(2020, 1, 1, 8, 0, 0, 500_000)),
        ("2020-01-01 00:00:00.123456789Z", datetime(2020, 1, 1, 0, 0, 0, 123_456)),
        ("2020-01-01T01:00:00+0100", datetime(2020, 1, 1)),
        ("2020-01-01T01:00:00.25-00:30", datetime(2020, 1, 1, 1, 30, 0, 250_000)),
        ("2020-01-01T05:00+05", datetime(2020, 1, 1)),
        ("2020-01-01T01:00Z", datetime(2020, 1, 1, 1)),
        ("2020-01-01 01:00:00 UTC", datetime(2020, 1, 1, 1)),
        ("2020-01-01T01:00:00z", datetime(2020, 1, 1, 1)),
        ("2020-01-01T01:00", datetime(2020, 1, 1, 9)),
        ("2020-01-01", datetime(2020, 1, 1, 8)),
        ("1577836800", datetime(2020, 1, 1)),
        ("1577836800.7", datetime(2020, 1, 1, 0, 0, 0, 700_000)),
    ],
)
def test_each_form_of_a_time_is_read_to_its_microsecond(tmp_path: Path, text: str, utc: datetime) -> None:
    (job,), rejects, _ = csv(tmp_path, HEADER + f'1,{text},"2020-06-01T00:00:00Z"\n')
    assert (job["start_time"], rejects) == (utc, {})


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        (1577836800.7, datetime(2020, 1, 1, 0, 0, 0, 700_000)),
        (1577836800, datetime(2020, 1, 1)),
        (date(2020, 1, 1), datetime(2020, 1, 1, 8)),
        (datetime(2020, 1, 1, 0, 0, 0, 5), datetime(2020, 1, 1, 8, 0, 0, 5)),
        (datetime(2020, 1, 1, 0, 0, 0, 5, tzinfo=UTC), datetime(2020, 1, 1, 0, 0, 0, 5)),
    ],
)
def test_parquets_times_may_be_numbers_days_and_times(tmp_path: Path, value: object, utc: datetime) -> None:
    (job,), rejects, _ = parquet(tmp_path, start_time=[value], end_time=[datetime(2020, 6, 1)])
    assert (job["start_time"], rejects) == (utc, {})


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59", "9999-12-31T23:59:59Z", "1600000000000", "99999999999999999999", "-5", "inf",
        "2020-13-01T00:00:00", "2020-01-01T00:00:00 PST",
    ],
)  # fmt: skip
def test_a_time_that_no_job_has_costs_its_row_and_no_other(tmp_path: Path, text: str) -> None:
    """P6: a bad value loses its own row only, and a reject names it."""
    rows, rejects, outcome = csv(tmp_path, HEADER + f"1,10,{text}\n2,10,20\n")
    assert [row["scheduler_id"] for row in rows] == ["2"]
    assert rejects == {
        "column end_time": f"1 values not understood, such as {text!r}; null",
        "rows": "1 rows lack one of scheduler_id, start_time, end_time",
    }
    assert outcome == "loaded"


def test_a_job_that_ends_before_it_starts_is_named(tmp_path: Path) -> None:
    """P6: the row is loaded as written, and a reject says what is wrong with it."""
    rows, rejects, _ = csv(tmp_path, HEADER + "1,10,20\n2.pbs,20,10\n3,20,20\n")
    assert [row["scheduler_id"] for row in rows] == ["1", "2.pbs", "3"]
    assert rejects == {"order": "1 jobs end before they start, such as '2.pbs'; their elapsed time is null"}


def test_parquets_times_beyond_reason_cost_their_row(tmp_path: Path) -> None:
    times = [datetime(9999, 12, 31), datetime(2020, 1, 1)]
    rows, rejects, _ = parquet(tmp_path, scheduler_id=["1", "2"], start_time=[10, 10], end_time=times)
    assert [row["scheduler_id"] for row in rows] == ["2"]
    assert set(rejects) == {"column end_time", "rows"}


@pytest.mark.parametrize("cut", [3, 20, 60])
def test_a_compressed_file_that_is_cut_off_is_one_line_with_the_mend(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress((HEADER + "".join(f"{i},{i},{i * i + 9}\n" for i in range(100))).encode(), mtime=0)
    (tmp_path / "jobs.csv.gz").write_bytes(whole[:cut])
    rows, rejects, outcome = read(files=str(tmp_path / "jobs.csv.gz"))
    assert (rows, outcome) == ([], "rejected")
    assert rejects[""].startswith("is cut off or damaged (") and rejects[""].endswith("; copy it again")


def test_a_compressed_file_with_damage_inside_is_one_line_with_the_mend(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress((HEADER + "1,10,20\n").encode(), mtime=0))
    whole[10] = 0xFF
    (tmp_path / "jobs.csv.gz").write_bytes(whole)
    _, rejects, outcome = read(files=str(tmp_path / "jobs.csv.gz"))
    assert outcome == "rejected" and rejects[""].startswith("is cut off or damaged (")


@pytest.mark.parametrize(("count", "reason"), [(0, "holds 0 files"), (1, ""), (2, "holds 2 files; unpack it")])
def test_a_zip_of_other_than_one_file_is_rejected(tmp_path: Path, count: int, reason: str) -> None:
    """P1, P5: fsspec reads the first entry only."""
    with zipfile.ZipFile(tmp_path / "jobs.csv.zip", "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.csv", f"{HEADER}{number},10,20\n")
    rows, rejects, _ = read(files=str(tmp_path / "jobs.csv.zip"))
    assert (len(rows), reason in rejects.get("", "")) == (count == 1, True)


def test_parquets_durations_and_lists_are_time_limits_and_nodes(tmp_path: Path) -> None:
    (job,), rejects, _ = parquet(tmp_path, timelimit_s=[timedelta(hours=1, milliseconds=500)], node_list=[["n1", "n2"]])
    assert (job["timelimit_s"], job["node_list"], job["nodes"], job["nnodes"]) == (3600.5, "n1,n2", ["n1", "n2"], 2)
    assert rejects == {}


def test_a_column_of_another_type_is_left_out_and_named(tmp_path: Path) -> None:
    """P6: an unreadable column is null, and the others are read."""
    (job,), rejects, _ = parquet(tmp_path, queue=[{"a": 1}], ncpus=[timedelta(1)], nodes=[["n1"]], uid=[7])
    assert (job["queue"], job["ncpus"], job["nodes"], job["uid"]) == (None, None, None, 7)
    assert set(rejects) == {"column queue", "column ncpus", "column nodes"}
    assert rejects["column queue"] == "has the type Struct({'a': Int64}), which is not one of other_jobs'; left out"


def test_a_column_of_another_type_that_every_job_needs_rejects_the_file(tmp_path: Path) -> None:
    _, rejects, outcome = parquet(tmp_path, end_time=[[20]])
    assert outcome == "rejected" and "end_time" in rejects[""]


def test_an_invalid_number_is_null(tmp_path: Path) -> None:
    (job,), rejects, _ = parquet(tmp_path, ncpus=[float("nan")], nnodes=[3.0])
    assert (job["ncpus"], job["nnodes"], rejects) == (None, 3, {})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csvs_separator_is_that_of_its_header(tmp_path: Path, separator: str) -> None:
    text = f'{HEADER[:-1]},node_list\n1,10,20,"n1"\n'.replace(",", separator).replace("n1", "n1,n2")
    (job,), rejects, _ = csv(tmp_path, "\ufeff" + text)
    assert (job["scheduler_id"], job["nodes"], rejects) == ("1", ["n1", "n2"], {})


def test_a_csv_in_another_encoding_is_rejected_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_bytes((HEADER[:-1] + ",user_name\n1,10,20,josé\n").encode("latin-1"))
    _, rejects, outcome = read(files=str(tmp_path / "jobs.csv"))
    assert outcome == "rejected"
    assert rejects == {"": "is neither Parquet nor UTF-8 at byte 54; save it as UTF-8"}


def test_a_row_with_more_values_than_the_header_is_named_and_the_others_load(tmp_path: Path) -> None:
    """P5: it stops no other row; an empty text after the last delimiter is no value."""
    lines = ("1,10,20\n", "2,a,b,10,20\n", '3,"2020-01-01T00:00:00",1600000000,\n', "4,10\n")
    jobs, rejects, outcome = csv(tmp_path, HEADER + "".join(lines))
    assert ([job["scheduler_id"] for job in jobs], outcome) == (["1", "3"], "loaded")
    assert rejects == {
        "lines": "1 rows have more values than the header, such as line 3; left out",
        "rows": "1 rows lack one of scheduler_id, start_time, end_time",
    }


@pytest.mark.parametrize(
    ("header", "good", "long"),
    [
        ("scheduler_id,start_time,end_time,job_name,user_name,extra", "1,10,20,a,b,x", "2,10,20,run a,b,alice,x"),
        ("extra,scheduler_id,start_time,end_time,job_name,user_name", "x,1,10,20,a,b", "x,y,2,10,20,run a,b"),
        ("scheduler_id,start_time,end_time,job_name,user_name,extra", '1,10,20,a,b,"x,y"', '2,10,20,"run\na",c,d,e'),
    ],
)
def test_a_row_with_more_values_than_the_header_is_named_where_a_column_is_not_read(
    tmp_path: Path, header: str, good: str, long: str
) -> None:
    """P5: no value of such a row moves into another column."""
    jobs, rejects, outcome = csv(tmp_path, f"{header}\n{good}\n{long}\n")
    assert ([(job["scheduler_id"], job["job_name"], job["user_name"]) for job in jobs], outcome) == (
        [("1", "a", "b")],
        "loaded",
    )
    line = 3 + long.count("\n")
    assert rejects["lines"] == f"1 rows have more values than the header, such as line {line}; left out"


def test_a_long_list_of_nodes_loads_beside_a_column_that_is_not_read(tmp_path: Path) -> None:
    """P5: commas in quotes separate no values, however long the list is."""
    nodes = ",".join(f"n{node}" for node in range(30_000))
    (job,), rejects, _ = csv(tmp_path, f'scheduler_id,start_time,end_time,node_list,extra\n1,10,20,"{nodes}",x\n')
    assert (job["nnodes"], "lines" in rejects) == (30_000, False)


def test_a_malformed_list_of_nodes_is_kept_as_text_and_rejected(tmp_path: Path) -> None:
    (job,), rejects, _ = csv(tmp_path, "scheduler_id,start_time,end_time,node_list\n1,10,20,n[1-\n")
    assert (job["node_list"], job["nodes"], job["nnodes"]) == ("n[1-", None, None)
    assert rejects == {"column node_list": "1 values not understood, such as 'n[1-'; null"}


def test_a_list_of_slots_names_each_node_once(tmp_path: Path) -> None:
    """PBS lists each slot: 9,000 nodes of 32 are 288,000 names in a line of 3 MB."""
    slots = "+".join(f"n{node}/{slot}" for node in range(9_000) for slot in range(32))
    (job,), rejects, _ = csv(tmp_path, f"scheduler_id,start_time,end_time,node_list\n1,10,20,{slots}\n")
    assert (len(job["nodes"]), job["nnodes"], job["nodes"][-1], rejects) == (9_000, 9_000, "n8999", {})


def test_lists_past_the_most_names_of_a_file_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list counts once: two lists of three nodes are six names."""
    monkeypatch.setattr(table, "_MOST_NAMES", 6)
    rows = "".join(f'{n},{n}0,{n}5,"n[{n}1-{n}3]"\n' for n in (1, 2, 3))
    jobs, rejects, _ = csv(tmp_path, "scheduler_id,start_time,end_time,node_list\n" + rows)
    assert [len(job["nodes"] or ()) for job in jobs] == [3, 3, 0]
    assert rejects == {
        "column node_list": "1 node lists are past 6 names in one file; null; write a file a month or a day"
    }


@pytest.mark.parametrize("word", ["NA", "N/A", "None", "NULL", "null", "NaN", "-", "--", r"\N", "(null)", '"NA"'])
def test_a_word_for_nothing_is_null_in_every_column_but_a_jobs_name(tmp_path: Path, word: str) -> None:
    """P6: R writes NA and Python None; neither is a node, a user or a damaged number."""
    header = "scheduler_id,submit_time,start_time,end_time,job_name,user_name,queue,nnodes,timelimit_s,node_list\n"
    rows = f"1,5,{word},20,{word},{word},{word},{word},{word},{word}\n2,5,10,20,n,u,q,1,1,a\n"
    (job, _), rejects, _ = csv(tmp_path, header + rows)
    names = ("start_time", "user_name", "queue", "nnodes", "timelimit_s", "node_list", "nodes")
    assert [job[name] for name in names] == [None] * len(names)
    assert (job["job_name"], rejects) == (word.strip('"'), {})


@pytest.mark.parametrize("word", ["none", "nan", "Unknown", "None assigned", "[]"])
def test_a_word_for_nothing_may_be_a_users_name(tmp_path: Path, word: str) -> None:
    """P6: a node list has no node of that name, but a user may have it."""
    (job,), rejects, _ = csv(tmp_path, f"scheduler_id,start_time,end_time,user_name,node_list\n1,10,20,{word},{word}\n")
    assert (job["user_name"], job["nodes"], job["nnodes"], rejects) == (word, None, None, {})


@pytest.mark.parametrize(
    "header",
    ["Scheduler_ID,START_TIME,End_Time,User_Name", "scheduler_id, start_time , end_time,\tuser_name"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_header_may_have_other_letters_blanks_and_ends_of_lines(tmp_path: Path, header: str, newline: str) -> None:
    """P5: a file that Excel for Macintosh saved gave no row and no reason."""
    (job,), rejects, _ = csv(tmp_path, f"{header}{newline}1,10,20,u{newline}")
    assert (job["scheduler_id"], job["end_time"], job["user_name"]) == ("1", datetime(1970, 1, 1, 0, 0, 20), "u")
    assert rejects == {}


def test_of_two_columns_of_one_name_the_one_that_is_spelt_like_it_counts(tmp_path: Path) -> None:
    (job,), rejects, _ = csv(tmp_path, f"User_Name,{HEADER.strip()},user_name\nx,1,10,20,u\n")
    assert (job["user_name"], list(rejects)) == ("u", ["column User_Name"])


def test_blank_lines_are_no_jobs(tmp_path: Path) -> None:
    (_,), rejects, _ = csv(tmp_path, f"\n{HEADER}\n1,10,20\n\n\n")
    assert rejects == {}


def test_the_separator_is_that_of_the_header_below_blank_lines(tmp_path: Path) -> None:
    (job,), rejects, _ = csv(tmp_path, "\n\nscheduler_id;start_time;end_time\n1;10;20\n")
    assert (job["scheduler_id"], rejects) == ("1", {})


@pytest.mark.parametrize("lost", [",,,,kept", "-,NA,-,-,", "-,,,,kept"])
def test_a_row_that_holds_anything_counts_as_one_that_was_left_out(tmp_path: Path, lost: str) -> None:
    """P5: a row with a value in an unread column alone, or with words for nothing, vanished in silence."""
    header = "scheduler_id,start_time,end_time,user_name,ticket"
    (_,), rejects, _ = csv(tmp_path, f"\r\n\n{header}\n1,10,20,u,x\n\n,,,,\n{lost}\n , ,,,\n")
    assert rejects.pop("column ticket")
    assert rejects == {"rows": "1 rows lack one of scheduler_id, start_time, end_time"}
