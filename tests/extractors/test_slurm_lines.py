"""sacct's delimited text: values with delimiters and newlines, rows with too few or too many values."""

from __future__ import annotations

import io
import re
import time
from itertools import combinations, pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iolake.extractors.base import InputError
from iolake.extractors.slurm.lines import read_rows
from iolake.extractors.slurm.mend import align
from iolake.extractors.slurm.quotes import NEWLINE, translate

FIELDS = ("jobidraw", "state", "submitline", "elapsedraw", "comment", "constraints", "end")


def rows(text: str | bytes, block_bytes: int = 1 << 20) -> tuple[list[dict[str, str | None]], list[tuple[str, str]]]:
    data = text.encode() if isinstance(text, str) else text
    blocks = list(read_rows(io.BytesIO(data), "x.txt", block_bytes))
    found = [row for block in blocks for row in block.frame.to_dicts()]
    return found, [problem for block in blocks for problem in block.problems]


def test_values_stand_under_the_headers_names_whatever_their_order_and_case() -> None:
    found, problems = rows("State|JOBIDRAW|End|\nFAILED|7|2017-03-20T01:59:02|\n")
    assert [(r["jobidraw"], r["state"], r["end"]) for r in found] == [("7", "FAILED", "2017-03-20T01:59:02")]
    assert problems == []


@pytest.mark.parametrize("separator", ["|", "\x1f", ",", "\t", ";", "::", "~|~"])
def test_any_separator_is_read_off_the_header(separator: str) -> None:
    text = "\n".join(separator.join(v) for v in (("JobIDRaw", "State", "End"), ("7", "FAILED", "1490000342"))) + "\n"
    assert [(r["jobidraw"], r["state"], r["end"]) for r in rows(text)[0]] == [("7", "FAILED", "1490000342")]


def test_a_short_row_is_named_and_the_others_load() -> None:
    found, problems = rows("JobIDRaw|State|End\n1|FAILED|10\n2|FAI\n3|FAILED|30\n")
    assert [r["jobidraw"] for r in found] == ["1", "3"]
    ((line, reason),) = problems
    assert line == "line 3" and reason.startswith("has 2 values where the header has 3; it is cut off")


def test_a_short_row_takes_nothing_from_the_next_one() -> None:
    found, problems = rows("JobIDRaw|State|SubmitLine|End\n5|FAILED|sbatch a\n6|FAILED|sbatch b|60\n")
    assert [(r["jobidraw"], r["submitline"], r["end"]) for r in found] == [("6", "sbatch b", "60")]
    assert [part for part, _ in problems] == ["line 2"]


def test_a_short_row_takes_nothing_from_a_next_one_of_several_lines() -> None:
    found, problems = rows("JobIDRaw|State|SubmitLine|End\n5|FAILED|sbatch a\n6|FAILED|sbatch b\nmore|60\n")
    assert [(r["jobidraw"], r["submitline"], r["end"]) for r in found] == [("6", "sbatch b\nmore", "60")]
    assert [part for part, _ in problems] == ["line 2"]


def test_a_delimiter_in_a_comment_is_part_of_it() -> None:
    found, problems = rows("JobIDRaw|Comment|Constraints|ElapsedRaw|End\n1|darshan|pipe||20|100\n")
    assert (found[0]["comment"], found[0]["constraints"], found[0]["elapsedraw"]) == ("darshan|pipe", None, "20")
    assert problems == []


def test_where_a_delimiter_can_belong_to_two_fields_both_are_null_and_the_rest_is_read() -> None:
    found, problems = rows("JobIDRaw|Comment|AdminComment|ElapsedRaw|End\n1|a|b|c|20|100\n")
    assert (found[0]["comment"], found[0]["admincomment"], found[0]["elapsedraw"]) == (None, None, "20")
    assert problems == [("line 2", "a stray delimiter makes comment, admincomment uncertain; null")]


@pytest.mark.parametrize("last", ["State", "JobName"])
def test_rows_that_all_end_in_a_delimiter_have_an_empty_last_value_that_the_header_lacks(last: str) -> None:
    found, problems = rows(f"JobIDRaw|End|{last}\n1|10|FAILED|\n2|20|FAILED|\n3|30\n", 20)
    assert [(r["jobidraw"], r["end"], r[last.lower()]) for r in found] == [("1", "10", "FAILED"), ("2", "20", "FAILED")]
    assert [part for part, _ in problems] == ["line 4"]


def test_a_delimiter_at_the_end_of_one_row_alone_is_part_of_its_last_value() -> None:
    found, _ = rows("JobIDRaw|End|JobName\n1|10|x|\n2|20|y\n")
    assert [r["jobname"] for r in found] == ["x|", "y"]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("JobIDRaw|State|End", "1|FAILED|10|more"),
        ("JobIDRaw|JobName|State|End", "1|x|9|9|10"),
        ("JobIDRaw|JobName|State|Comment|End", "1|x|9|y|9|10"),
        ("JobName|State|Comment|End", "1|"),
        ("JobName|State|Comment|End", "1"),
        ("JobName|State|Comment|End", "9|" * 20 + "10"),
        ("JobIDRaw|JobName|State|Constraints|Comment|End", "1|x" + "|y" * 20 + "|10"),
    ],
)
def test_lines_that_never_fit_take_time_in_proportion_to_their_number(header: str, line: str) -> None:
    def seconds(lines: int) -> float:
        text = f"{header}\n" + f"{line}\n" * lines
        begin = time.process_time()
        found, problems = rows(text)
        assert (found, len(problems)) == ([], lines)
        return time.process_time() - begin

    assert seconds(1600) < 8 * 2 * max(seconds(200), 0.02)  # in squares it would be 64 times as long


PIECES = st.lists(st.sampled_from(["", "a", "7", "FAILED"]), min_size=1, max_size=6)
SOME_FIELDS = st.lists(
    st.sampled_from(["jobidraw", "state", "comment", "jobname", "elapsedraw"]), min_size=1, max_size=5
)


@given(pieces=PIECES, fields=SOME_FIELDS)
@settings(max_examples=300, deadline=None)
def test_a_value_is_kept_if_every_way_to_split_the_line_gives_it(pieces: list[str], fields: list[str]) -> None:
    looks = {"jobidraw": r"7", "state": r"FAILED|", "elapsedraw": r"7|", "comment": r"[\s\S]*", "jobname": r"[\s\S]*"}
    ways = []
    for cuts in combinations(range(1, len(pieces)), len(fields) - 1):
        edges = (0, *cuts, len(pieces))
        values = ["|".join(pieces[a:b]) for a, b in pairwise(edges)]
        if all(re.fullmatch(looks[name], value) for name, value in zip(fields, values, strict=True)):
            ways.append(values)
    agreed = [column[0] if len(set(column)) == 1 else None for column in zip(*ways, strict=True)]
    assert align(pieces, fields, "|") == (agreed or None)


def test_a_repeated_header_is_not_a_row() -> None:
    header = "JobIDRaw|State|End\n"
    assert [r["jobidraw"] for r in rows(f"{header}1|FAILED|10\n{header}2|FAILED|20\n")[0]] == ["1", "2"]


def test_a_last_line_without_a_newline_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    found, _ = rows("\ufeffJobIDRaw|State|End\r\n1|FAILED|10\r\n2|FAILED|20")
    assert [(r["jobidraw"], r["end"]) for r in found] == [("1", "10"), ("2", "20")]


@pytest.mark.parametrize("block_bytes", [10, 40, 1000])
@pytest.mark.parametrize(("separator", "newline"), [("|", "\n"), ("::", "\n"), ("|", "\r\n")])
def test_a_header_inside_that_differs_counts_from_there(block_bytes: int, separator: str, newline: str) -> None:
    """Files that were joined: their values stand under their own headers' names."""
    lines = (
        *("JobIDRaw|State|Start|End", "1|FAILED|5|10", "JobIDRaw|Start|End|State", "2|6|20|FAILED", "3|7|30|x|y"),
        *("state|end|start|jobidraw|submitline", "FAILED|40|8|4|a", "FAILED|50|9|5|b", "JobID|End", "6|60"),
    )
    found, problems = rows(newline.join(lines).replace("|", separator) + newline, block_bytes)
    shown = [(r.get("jobidraw") or r.get("jobid"), r.get("start"), r["end"], int(r["line"] or 0)) for r in found]
    assert shown == [
        *(("1", "5", "10", 2), ("2", "6", "20", 4), ("4", "8", "40", 7), ("5", "9", "50", 8), ("6", None, "60", 10)),
    ]
    assert [part for part, _ in problems] == ["line 5"]


@pytest.mark.parametrize("block_bytes", [10, 1000])
def test_bytes_that_are_not_utf_8_are_replaced_and_their_line_is_named(block_bytes: int) -> None:
    found, problems = rows(b"JobIDRaw|JobName|End\n1|\xc3\xa9|10\n2|caf\xe9 \xc3\xa9|20\n", block_bytes)
    assert [r["jobname"] for r in found] == ["é", "caf\ufffd é"]
    assert problems == [("line 3", "holds bytes that are not UTF-8; read as U+FFFD")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("sacct: error: Invalid user id: ada\nJobID|End\n1|10\n", "begins with a message: 'sacct: error: Invalid user"),
        ("1|FAILED|10\n2|FAILED|20\n", "names no field of sacct"),
        ("JobID           JobName\n------------ ----------\n1  steps\n", "cuts long values"),
        (
            "       JobID    JobName      State\n------------ ---------- ----------\n1  steps  FAILED\n",
            "cuts long values",
        ),
    ],
)
def test_what_is_not_delimited_text_with_a_header_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        rows(text)


def test_lines_that_end_in_a_delimiter_are_rows_only_where_the_first_ones_do() -> None:
    """A submit line may end like a record, and fill the last block alone."""
    whole = "End|State|SubmitLine|JobIDRaw\n" + "10|FAILED||1\n" * 4 + "10|FAILED|a|7|\n|2\n"
    for block_bytes in (10, 1000):
        found, problems = rows(whole, block_bytes)
        assert [(r["submitline"], r["jobidraw"]) for r in found] == [(None, "1")] * 4 + [("a|7|\n", "2")]
        assert problems == []


TEXT = st.text(st.sampled_from("ab |\n\"'é"), max_size=12)
JOB = st.fixed_dictionaries(
    {
        "jobidraw": st.integers(1, 999).map(str),
        "state": st.sampled_from(["FAILED", "COMPLETED", "CANCELLED by 0"]),
        "submitline": TEXT,
        "elapsedraw": st.integers(0, 9999).map(str),
        "comment": TEXT.map(lambda t: t.replace("\n", "")),
        "constraints": st.sampled_from(["", "knl", "knl|haswell"]),
        "end": st.integers(1, 10**9).map(str),
    }
)


@given(jobs=st.lists(JOB, max_size=8), block_bytes=st.integers(10, 300))
@settings(max_examples=150, deadline=None)
def test_whatever_users_write_no_value_lands_in_another_field(jobs: list[dict[str, str]], block_bytes: int) -> None:
    """Unless quotes stand as a CSV writer sets them, around what needs them: then nothing tells the two apart."""
    text = "|".join(FIELDS) + "\n" + "".join("|".join(job[f] for f in FIELDS) + "\n" for job in jobs)
    unquoted = translate(text.encode(), b"|")
    assume(unquoted is None or not {b"|", NEWLINE.encode()} & {bytes([byte]) for byte in unquoted})
    found, problems = rows(text, block_bytes)
    kept = [job for job in jobs if any(r["jobidraw"] == job["jobidraw"] and r["end"] == job["end"] for r in found)]
    assert len(kept) + len(problems) >= len(jobs)
    for row in found:
        same = [job for job in jobs if all(row[f] in (None, job[f]) for f in FIELDS)]
        assert same, row


@given(jobs=st.lists(JOB, min_size=1, max_size=8), block_bytes=st.integers(10, 300))
@settings(max_examples=100, deadline=None)
def test_with_a_delimiter_that_no_value_holds_everything_is_read(jobs: list[dict[str, str]], block_bytes: int) -> None:
    text = "\x1f".join(FIELDS) + "\n" + "".join("\x1f".join(job[f] for f in FIELDS) + "\n" for job in jobs)
    found, problems = rows(text, block_bytes)
    assert problems == []
    assert [{f: row[f] or "" for f in FIELDS} for row in found] == jobs


def test_a_line_with_a_value_for_each_field_but_no_end_goes_on_in_the_next() -> None:
    job = {"jobidraw": "1", "state": "FAILED", "submitline": "a||||\nb", "elapsedraw": "5", "end": "20"}
    text = "|".join(FIELDS) + "\n" + "|".join(job.get(name, "") for name in FIELDS) + "\n"
    for block_bytes in (10, 1000):
        found, problems = rows(text, block_bytes)
        assert [(row["jobidraw"], row["state"], row["end"]) for row in found] == [("1", "FAILED", "20")]
        assert problems == [("line 2", "a stray delimiter makes submitline, elapsedraw, comment uncertain; null")]


VALUES = st.lists(st.sampled_from(["", "1", "x"]), min_size=1, max_size=4).filter(lambda v: len(v) < 4 or v[3])


@given(rows_of_values=st.lists(VALUES, max_size=5))
@settings(max_examples=200, deadline=None)
def test_only_lines_with_a_value_for_each_field_are_rows(rows_of_values: list[list[str]]) -> None:
    """Too many values in one line and too few in another may cancel out in a count over all of them."""
    found, _ = rows("JobIDRaw|State|End\n" + "".join("|".join(values) + "\n" for values in rows_of_values))
    whole = [values for values in rows_of_values if len(values) == 3 and values[0] == "1" == values[2]]
    assert [[row["jobidraw"], row["state"] or "", row["end"]] for row in found] == whole
