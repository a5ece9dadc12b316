"""The benchmarks' floors: they read what a question needs, and do the work that they claim."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from benchmarks.floor import Scan, decode, rows_of, scan, show_cpu, split
from benchmarks.year import QUESTIONS, ask, prepared
from benchmarks.year_lake import Size

_SMALL = Size(days=2, jobs_a_day=12, file_systems=1, osts=2, fs_interval_s=60, ost_interval_s=600)


def test_a_small_year_is_asked_every_question_beside_its_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """P11: one line a question with year, 3 days, ratio, aim, floor and share; a floor scans the rows of its answer."""
    con = prepared(tmp_path / "year", _SMALL)
    capsys.readouterr()
    ask(con, con, repeat=1)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["question", "year", "3", "days", "ratio", "aim", "floor", "share"]
    assert [line[:34].strip() for line in lines[: len(QUESTIONS)]] == [*QUESTIONS]
    assert all(line.endswith("%") for line in lines[: len(QUESTIONS)])
    for name in ("one job's job_summary", "one job's job_lustre", "jobs by BETWEEN"):
        question = QUESTIONS[name]
        answer = con.execute(question.query).fetchall()
        assert answer
        assert len(scan(con, question.floor)()) == len(answer), name
    day = "SELECT (sum(read_bytes) + sum(write_bytes))::BIGINT FROM lustre_fs WHERE date = '2025-12-31'"
    moved = con.execute(day).fetchall()[0][0]
    window = QUESTIONS["20,000 windows of a day"].floor
    assert scan(con, window)()[0][0] == moved
    written = sum(table.num_rows for table in rows_of(tmp_path / "year", ["job_summary"]))
    assert con.execute("SELECT count(*) FROM job_summary").fetchone() == (written,)
    assert scan(con, Scan("job_summary", "count(*)"))() == [(written,)]


def test_a_floor_decodes_all_of_a_file(tmp_path: Path) -> None:
    """P11: packed or not, as text, JSON or an archive, what is counted is what the file holds."""
    text = b"one\ntwo\nthree"
    (tmp_path / "a.txt").write_bytes(text)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.json").write_text(json.dumps([1, 2, 3]))
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    assert {path.name: decode(path) for path in tmp_path.iterdir()} == dict.fromkeys(
        ("a.txt", "a.txt.gz", "a.json", "a.tgz"), 3
    )
    assert split(text) == 3


def test_a_share_below_half_of_the_floor_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """P11: at the floor is 100 %, twice its CPU time 50 %; less is called below half."""
    show_cpu("at the floor", 1.0, 1.0)
    show_cpu("twice", 1.0, 2.0)
    show_cpu("slow", 1.0, 4.0)
    first, second, third = capsys.readouterr().out.splitlines()
    assert "100%" in first and "below" not in first
    assert " 50%" in second and "below" not in second
    assert " 25%" in third and third.endswith("below half")
