"""Finding files by a site's patterns."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.base import Span
from extractors.files import find_files, match
from schemas.site import Site

PATTERNS = ["%Y-%m-%d.txt", "%Y/%-m/%-d/x.log", "%Y%m%d/x", "%Y/%j.dat", "d-%y-%m-%d"]


def _make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _found(pattern: str, span: Span | None = None) -> list[tuple[str, date | None]]:
    return [(Path(uri).name, day) for uri, _info, day in match(pattern, span or Span())]


@given(day=st.dates(date(2001, 1, 1), date(2068, 12, 31)), pattern=st.sampled_from(PATTERNS))
def test_a_file_named_for_a_day_is_found_on_that_day_alone(
    tmp_path_factory: pytest.TempPathFactory, day: date, pattern: str
) -> None:
    root = tmp_path_factory.mktemp("files")
    _make(root, day.strftime(pattern))
    whole = str(root / pattern)
    assert [d for _, d in _found(whole)] == [day]
    assert [d for _, d in _found(whole, Span(day, day + timedelta(1)))] == [day]
    assert not _found(whole, Span(day + timedelta(1), day + timedelta(3)))
    assert not _found(whole, Span(day - timedelta(2), day))


def test_a_pattern_without_a_date_is_in_every_span(tmp_path: Path) -> None:
    _make(tmp_path, "a.txt", "b.txt", "c.dat")
    assert _found(str(tmp_path / "*.txt"), Span(date(2020, 1, 1), date(2020, 1, 2))) == [
        ("a.txt", None),
        ("b.txt", None),
    ]


def test_names_that_only_look_like_a_date_are_not_that_day(tmp_path: Path) -> None:
    _make(tmp_path, "2020-13-45.txt", "2020-01-02.txt")
    assert _found(str(tmp_path / "%Y-%m-%d.txt"), Span(date(2020, 1, 1), date(2020, 2, 1))) == [
        ("2020-01-02.txt", date(2020, 1, 2))
    ]


def test_unpadded_directives_take_no_leading_zero_when_the_day_is_known(tmp_path: Path) -> None:
    _make(tmp_path, "2017/3/20/a.darshan", "2017/3/2/b.darshan")
    pattern = str(tmp_path / "%Y/%-m/%-d/*.darshan")
    assert _found(pattern, Span(date(2017, 3, 2), date(2017, 3, 3))) == [("b.darshan", date(2017, 3, 2))]
    assert len(_found(pattern)) == 2


def test_double_star_finds_any_depth(tmp_path: Path) -> None:
    _make(tmp_path, "ada/prog/12/nid1/4.darshan", "top.darshan")
    assert {name for name, _ in _found(str(tmp_path / "**/*.darshan"))} == {"4.darshan", "top.darshan"}


def test_patterns_of_one_source_are_ranked_in_the_sites_order(tmp_path: Path) -> None:
    _make(tmp_path, "2020-01-01.hdf5", "2020-01-01.h5lmt")
    site = Site.model_validate(
        {
            "root": str(tmp_path),
            "file_systems": {"fs": {"hdf5": {"files": ["%Y-%m-%d.hdf5", "%Y-%m-%d.h5lmt"]}}},
        }
    )
    found = [(Path(i.uri).suffix, i.rank, i.day) for i in find_files(site, "file_system", "hdf5", Span())]
    assert found == [(".hdf5", 0, date(2020, 1, 1)), (".h5lmt", 1, date(2020, 1, 1))]


def test_an_input_keeps_its_id_however_it_is_found(tmp_path: Path) -> None:
    _make(tmp_path, "2020-01-01.txt")
    site = Site.model_validate({"root": str(tmp_path), "file_systems": {"fs": {"df": {"files": "%Y-%m-%d.txt"}}}})
    day = date(2020, 1, 1)
    spans = [Span(), Span(day, day + timedelta(1)), Span(day), Span(None, day + timedelta(9))]
    ids = {i.input_id for span in spans for i in find_files(site, "file_system", "df", span)}
    assert len(ids) == 1
