"""Running sacct: its days, its arguments, and the error of a failure. A script stands in for sacct here."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from iolake.extractors.base import Batch, Input, Outcome, Reject, Span
from iolake.extractors.lookback import bounds, find_days
from iolake.extractors.slurm import Slurm
from iolake.schemas.site import Site, SiteError, Source

LA = ZoneInfo("America/Los_Angeles")
NOW = datetime(2017, 3, 20, 6, tzinfo=UTC)  # still the 19th in Los Angeles


def days(span: Span, **options: Any) -> list[Input]:
    return list(find_days("slurm", "c", "sacct:c/", Source(command="sacct", options=options), LA, span, NOW))


def test_without_days_the_look_back_is_asked_up_to_today_on_the_clusters_clock() -> None:
    found = days(Span(), look_back_days=3)
    assert [i.day for i in found] == [date(2017, 3, d) for d in (16, 17, 18, 19)]
    assert [i.uri for i in found][-1] == "sacct:c/2017-03-19"


def test_with_a_first_day_every_day_since_is_found_so_that_gaps_are_filled() -> None:
    assert [i.day for i in days(Span(), first_day=date(2017, 3, 1))] == [date(2017, 3, d) for d in range(1, 20)]


@pytest.mark.parametrize("options", [{"first_day": "2026-01-01"}, {"look_back_days": "a week"}])
def test_an_invalid_day_in_an_option_is_named_with_the_fix(options: dict[str, str]) -> None:
    with pytest.raises(SiteError, match=r"c\.slurm: .*; write a number of days, and a day such as 2026-01-31"):
        days(Span(), **options)


def test_a_span_is_asked_as_it_is_but_not_the_future() -> None:
    assert [i.day for i in days(Span(date(2017, 3, 18), date(2017, 4, 1)))] == [date(2017, 3, 18), date(2017, 3, 19)]
    assert [i.day for i in days(Span(date(2016, 1, 1), date(2016, 1, 2)))] == [date(2016, 1, 1)]


def test_a_day_is_asked_again_within_the_look_back_and_is_the_same_input_after_it() -> None:
    """P2: a settled day is asked for once."""
    found = {i.day: (i.size_bytes, i.mtime) for i in days(Span(date(2017, 3, 10), None), look_back_days=3)}
    assert all(found[date(2017, 3, d)] == (None, None) for d in range(16, 20))
    assert all(None not in found[date(2017, 3, d)] for d in range(10, 16))
    later = find_days("slurm", "c", "", Source(command="x", options={"look_back_days": 3}), LA, Span(date(2017, 3, 10)))
    assert next(iter(later)).mtime == found[date(2017, 3, 10)][1]


def test_a_day_of_the_clusters_clock_has_the_hours_that_it_has() -> None:
    """P8: daylight-saving days are right."""
    lengths = [end - start for start, end in (bounds(date(2017, m, d), LA) for m, d in ((3, 11), (3, 12), (11, 5)))]
    assert lengths == [timedelta(hours=h) for h in (24, 23, 25)]


SCRIPT = """#!/bin/sh
echo "$TZ $SLURM_TIME_FORMAT $*" >> {log}
case "$*" in
  *--helpformat*) echo "JobID JobIDRaw   Submit Start End"; echo "State Sparkle SubmitLine" ;;
  *--state*) cat {folder}/cancelled ;;
  *) cat {folder}/window ;;
esac
{last}
"""


def ask(folder: Path, window: str, cancelled: str, last: str = "") -> tuple[list[Any], str]:
    """(what reading 2017-03-19 gave, the calls) where sacct answers so; lines' `|` become unit separators."""
    script, log = folder / "sacct", folder / "log"
    script.write_text(SCRIPT.format(folder=folder, log=log, last=last))
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    for name, text in (("window", window), ("cancelled", cancelled)):
        (folder / name).write_text(text.replace("|", "\x1f"))
    source = {"command": f"{script} --cluster=c"}
    site = Site.model_validate({"clusters": {"c": {"timezone": "America/Los_Angeles", "slurm": source}}})
    (input,) = Slurm().find(site, Span(date(2017, 3, 19), date(2017, 3, 20)))
    return list(Slurm().read_many([input], site)), log.read_text()


HEADER = "jobid|jobidraw|submitline|submit|start|end|state\n"
NOON = int(datetime(2017, 3, 19, 19, tzinfo=UTC).timestamp())


def test_both_answers_of_a_day_are_one_and_what_belongs_to_other_days_is_left_to_them(tmp_path: Path) -> None:
    day_before = f"1|1|x|{NOON - 90000}|{NOON - 90000}|{NOON - 80000}|COMPLETED\n"
    ended = f"2|2|a\n b|{NOON}|{NOON}|{NOON + 60}|CANCELLED by 0\n"
    never = f"3|3|x|{NOON}|None|{NOON + 60}|CANCELLED by 0\n"
    runs = f"4|4|x|{NOON}|{NOON}|Unknown|RUNNING\n"
    older = f"5|5|x|{NOON - 90000}|{NOON}|Unknown|RUNNING\n"
    results, calls = ask(tmp_path, HEADER + day_before + ended + runs + older, HEADER + ended + never)
    rows = [(r.table.name, row["job_id"]) for r in results if isinstance(r, Batch) for row in r.data.to_pylist()]
    assert sorted(rows) == [("slurm_jobs", 2), ("slurm_jobs", 3), ("slurm_running", 4)]
    assert [type(r) for r in results if not isinstance(r, Batch)] == [Outcome]
    asked = calls.splitlines()
    assert asked[0] == "  --cluster=c --helpformat"
    wanted = (
        "UTC %s --cluster=c --allusers --duplicates --noconvert --starttime=2017-03-19T06:00:00 "
        "--endtime=2017-03-20T08:00:00 {}--parsable2 --delimiter=\x1f "
        "--format=jobid,jobidraw,submitline,submit,start,end,state"
    )
    assert asked[1:] == [wanted.format(""), wanted.format("--state=CANCELLED ")]


@pytest.mark.parametrize("answer", [HEADER, ""])
def test_a_failing_sacct_is_rejected_in_its_own_words_and_tried_again(tmp_path: Path, answer: str) -> None:
    last = 'case "$*" in *--helpformat*) ;; *) echo "sacct: error: slurmdbd is down" >&2; exit 1 ;; esac'
    (reject, outcome), _ = ask(tmp_path, answer, answer, last)
    assert isinstance(reject, Reject) and isinstance(outcome, Outcome)
    assert (outcome.status, reject.transient) == ("rejected", True)
    assert "sacct failed: sacct: error: slurmdbd is down" in reject.reason


@pytest.mark.parametrize("signal", [9, 13, 15])
def test_a_sacct_killed_by_a_signal_is_tried_again(tmp_path: Path, signal: int) -> None:
    """P5: nothing vanishes."""
    last = f'case "$*" in *--helpformat*) ;; *) kill -{signal} $$ ;; esac'
    answer = HEADER + f"2|2|x|{NOON}|{NOON}|{NOON + 60}|COMPLETED\n"
    (*_, reject, outcome), _ = ask(tmp_path, answer, answer, last)
    assert isinstance(reject, Reject) and isinstance(outcome, Outcome)
    assert (outcome.status, reject.transient) == ("rejected", True)
    assert reject.reason.endswith(f"sacct failed: ended by signal {signal}")


def test_an_answer_of_another_program_is_rejected_as_such_even_if_cut_off(tmp_path: Path) -> None:
    (reject, outcome), _ = ask(tmp_path, "nonsense\n" * 500_000, HEADER)
    assert isinstance(reject, Reject) and isinstance(outcome, Outcome)
    assert (outcome.status, reject.transient) == ("rejected", False)
    assert "names no field of sacct" in reject.reason


def test_a_missing_command_is_named(tmp_path: Path) -> None:
    site = Site.model_validate({"clusters": {"c": {"slurm": {"command": str(tmp_path / "nothing")}}}})
    (input,) = Slurm().find(site, Span(date(2017, 3, 19), date(2017, 3, 20)))
    reject, _ = Slurm().read_many([input], site)
    assert isinstance(reject, Reject) and f"{tmp_path / 'nothing'} can't be run" in reject.reason
