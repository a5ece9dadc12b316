"""A run fails if a source gave nothing, and says which and why (P5); the other sources are published."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from iolake.extractors.base import Span
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site

TODAY = datetime.now(UTC).date()
_DF = """BEGIN {epoch}
UUID 1K-blocks Used Available Use% Mounted on
fs-OST0000_UUID 1000 100 900 10% /fs[OST:0]
"""


def _df(folder: Path, day: date, text: str | None = None) -> None:
    epoch = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    (folder / f"df-{day}.txt").write_text(_DF.format(epoch=epoch) if text is None else text)


def _failures(folder: Path, site: str, span: Span | None = None) -> list[str]:
    return ingest(Site.parse(site, folder / "site.toml"), span=span, workers=0).failures


FS = '[file_systems.fs]\ndf = { files = "df-%Y-%m-%d.txt" }\n'


def test_a_source_of_which_some_input_is_loaded_does_not_fail(tmp_path: Path) -> None:
    """P5: one rejected input of two is a row of `rejects`, not a failed source."""
    _df(tmp_path, TODAY)
    _df(tmp_path, TODAY - timedelta(days=1), "")
    assert _failures(tmp_path, FS) == []


def test_a_source_fails_by_owner(tmp_path: Path) -> None:
    """P5: all of one file system's inputs are bad, the other's are good; run again, it fails again."""
    _df(tmp_path, TODAY)
    (tmp_path / "bad.txt").write_text("no df at all\n")
    site = FS + '[file_systems.other]\ndf = { files = "bad.txt" }\n'
    for _ in range(2):
        (failure,) = _failures(tmp_path, site)
        assert failure.startswith("df of other: its one input was rejected")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('slurm = { command = "no-such-sacct" }', "no-such-sacct can't be run"),
        ('slurm = { command = "sh sacct" }', "cannot reach slurmdbd"),
    ],
)
def test_a_command_that_cannot_be_asked_fails_its_source(tmp_path: Path, source: str, said: str) -> None:
    """P5: each day without an answer from the command is a reject, and the source has failed."""
    (tmp_path / "sacct").write_text("echo 'sacct: error: cannot reach slurmdbd' >&2; exit 1\n")
    source = source.replace("sh sacct", f"sh {tmp_path}/sacct")
    (failure,) = _failures(tmp_path, f"[clusters.c]\n{source}\n", Span(TODAY - timedelta(days=1)))
    assert "slurm of c: all 2 inputs were rejected" in failure
    assert said in failure


def test_a_command_that_fails_for_one_day_only_fails_its_source(tmp_path: Path) -> None:
    """P5: a day without an answer fails the source, although other days have one."""
    yesterday = TODAY - timedelta(days=1)
    script = tmp_path / "sacct"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in *helpformat*) echo JobID JobIDRaw State Submit Start End;;\n'
        f"*starttime={yesterday - timedelta(days=1)}*) echo 'connection refused' >&2; exit 1;;\n"
        "*) printf 'JobID\\037JobIDRaw\\037State\\037Submit\\037Start\\037End\\n';; esac\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (failure,) = _failures(tmp_path, f'[clusters.c]\nslurm = {{ command = "{script}" }}\n', Span(yesterday))
    assert failure.startswith("slurm of c: the command did not answer for 1 of 2 inputs")
    assert "connection refused" in failure


@pytest.mark.parametrize("uri", ["mysql://reader@127.0.0.1:1/lmt", "sqlite:///gone.db"])
def test_a_database_that_cannot_be_asked_fails_its_source(tmp_path: Path, uri: str) -> None:
    """P5: a server that is down, a database file that is gone."""
    (failure,) = _failures(
        tmp_path, f'[file_systems.fs]\nlmt = {{ uri = "{uri}" }}\n', Span(TODAY, TODAY + timedelta(1))
    )
    assert failure.startswith("lmt of fs: ")


def test_a_source_without_any_input_fails(tmp_path: Path) -> None:
    """P5: nothing at the place that site.toml names."""
    _df(tmp_path, TODAY)
    site = FS + 'targets = { files = "targets-%Y-%m-%d.txt" }\n'
    for span in (None, Span(TODAY - timedelta(days=3))):
        (failure,) = _failures(tmp_path, site, span)
        assert failure.startswith("targets of fs: nothing was found")


def test_a_source_of_files_that_has_a_uri_alone_says_so(tmp_path: Path) -> None:
    """P5: no mount is missing; the source does not read what is named."""
    (failure,) = _failures(tmp_path, '[clusters.c]\npbs = { uri = "sqlite:///x" }\n')
    assert failure == 'pbs of c: nothing was found; site.toml names no files for it; most sources read files = "..."'


def test_a_mount_that_is_lost_fails_its_source(tmp_path: Path) -> None:
    """P5: the lake has the source's inputs of last week, and all of them are gone."""
    _df(tmp_path, TODAY - timedelta(days=5))
    assert _failures(tmp_path, FS) == []
    (tmp_path / f"df-{TODAY - timedelta(days=5)}.txt").unlink()
    for span in (None, Span(TODAY - timedelta(days=3))):
        (failure,) = _failures(tmp_path, FS, span)
        assert failure.startswith("df of fs: nothing was found")


def test_a_source_that_has_nothing_new_does_not_fail(tmp_path: Path) -> None:
    """P5: the last inputs are still there; `iolake check` judges their age."""
    _df(tmp_path, TODAY - timedelta(days=5))
    assert _failures(tmp_path, FS) == []
    assert _failures(tmp_path, FS, Span(TODAY - timedelta(days=3))) == []


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(Span(TODAY - timedelta(days=3)), id="a source that ended two months ago"),
        pytest.param(Span(TODAY - timedelta(days=90), TODAY - timedelta(days=80)), id="days before a source began"),
        pytest.param(Span(TODAY), id="a day that has just begun"),
    ],
)
def test_nothing_is_expected_of(tmp_path: Path, span: Span) -> None:
    """P5: no alarm where a centre would not look for one."""
    _df(tmp_path, TODAY - timedelta(days=60))
    assert _failures(tmp_path, FS) == []
    assert _failures(tmp_path, FS, span) == []
