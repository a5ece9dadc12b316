"""Finding files by a site's patterns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.base import Span
from iolake.extractors.files import find_files, match, named_time, walk
from iolake.schemas.site import Site

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


def test_a_day_number_beyond_the_end_of_the_year_is_ignored(tmp_path: Path) -> None:
    """As finding day by day does: 2021 has no day 366, and no year has a day 0."""
    _make(tmp_path, "2020366.txt", "2021366.txt", "2021000.txt")
    assert _found(str(tmp_path / "%Y%j.txt")) == [
        ("2020366.txt", date(2020, 12, 31)),
        ("2021000.txt", None),
        ("2021366.txt", None),
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


def test_special_characters_in_site_tomls_folder_match_themselves(tmp_path: Path) -> None:
    """Only what site.toml says is one, a name without any included."""
    root = tmp_path / "run [a-c]*"
    _make(root, "logs/2017-03-20.txt", "logs/b.txt", "list.csv")
    _make(tmp_path / "run b", "logs/2017-03-21.txt")
    site = Site.model_validate(
        {
            "root": str(root),
            "file_systems": {"fs": {"df": {"files": ["logs/%Y-%m-%d.txt", "logs/[!c].txt", "list.csv"]}}},
        }
    )
    found = [Path(i.uri).relative_to(root).name for i in find_files(site, "file_system", "df", Span())]
    assert found == ["2017-03-20.txt", "b.txt", "list.csv"]


def test_an_input_keeps_its_id_however_it_is_found(tmp_path: Path) -> None:
    _make(tmp_path, "2020-01-01.txt")
    site = Site.model_validate({"root": str(tmp_path), "file_systems": {"fs": {"df": {"files": "%Y-%m-%d.txt"}}}})
    day = date(2020, 1, 1)
    spans = [Span(), Span(day, day + timedelta(1)), Span(day), Span(None, day + timedelta(9))]
    ids = {i.input_id for span in spans for i in find_files(site, "file_system", "df", span)}
    assert len(ids) == 1


NAMES = ("a", "ab", "b.log", "ab.log", "2020-01-02", "[x]", ".hidden", "é\nb")
PARTS = ("*", "**", "a*", "?b", "*.log", "[ab]*", "[!a]*", "20[0-9][0-9]-*", "a", "b.log", "*b")


@given(
    tree=st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), max_size=15),
    pattern=st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).filter(lambda p: set("".join(p)) & set("*?[")),
)
def test_a_walk_finds_what_fsspec_would(
    tmp_path_factory: pytest.TempPathFactory,
    tree: list[list[str]],
    pattern: Sequence[str],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for number, names in enumerate(tree):
        path = root.joinpath(*names)
        if not path.exists() and not any(parent.is_file() for parent in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x" * number)
    glob = str(root.joinpath(*pattern))
    listed = fsspec.filesystem("file").glob(glob, detail=True)
    assert dict(walk(glob)) == {
        name: {key: info[key] for key in ("type", "size", "mtime")}
        for name, info in listed.items()
        if info["type"] == "file"
    }


def test_links_are_followed_where_the_pattern_names_them(tmp_path: Path) -> None:
    """An archive is often a link to another volume, and so is a file of it."""
    _make(tmp_path, "volume/03/a.log", "b.log")
    (tmp_path / "2020").symlink_to("volume")
    (tmp_path / "volume/03/b.log").symlink_to(tmp_path / "b.log")
    (tmp_path / "volume/03/gone.log").symlink_to("nowhere")
    (tmp_path / "volume/03/round").symlink_to("..")
    (tmp_path / "itself").symlink_to("itself")
    for pattern in ("%Y/%m/*.log", "20*/*/*.log", "2020/**/*.log"):
        assert _found(f"{tmp_path}/{pattern}") == [("a.log", None), ("b.log", None)], pattern
    assert {Path(name).name: info["size"] for name, info in walk(f"{tmp_path}/20*/03/*")} == {"a.log": 15, "b.log": 5}
    assert len(list(walk(f"{tmp_path}/**/*.log"))) == 3


def test_a_walk_goes_on_past_folders_that_it_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "closed/a.log", "open/a.log")
    listed = os.scandir

    def scandir(folder: str) -> Any:
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [name for name, _ in walk(f"{tmp_path}/*/*.log")] == [f"{tmp_path}/open/a.log"]


def test_a_walk_leaves_out_what_vanishes_while_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "x/a.log", "x/b.log", "y/a.log")
    listed = os.scandir

    class Racing:
        """A listing after which a file and a folder are gone."""

        def __init__(self, folder: str) -> None:
            with listed(folder) as entries:
                self._entries = list(entries)
            (tmp_path / "x/a.log").unlink(missing_ok=True)
            if (tmp_path / "y").exists():
                (tmp_path / "y/a.log").unlink()
                (tmp_path / "y").rmdir()

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._entries

        def __exit__(self, *_: object) -> None:
            pass

    with listed(tmp_path / "x") as entries:
        assert {entry.name for entry in entries} == {"a.log", "b.log"}
    monkeypatch.setattr(os, "scandir", Racing)
    assert [name for name, _ in walk(f"{tmp_path}/x/*.log")] == [f"{tmp_path}/x/b.log"]
    assert [name for name, _ in walk(f"{tmp_path}/*/*.log")] == [f"{tmp_path}/x/b.log"]


def test_a_name_whose_digits_are_no_time_of_a_day_tells_no_time() -> None:
    assert named_time("/a/df-%Y-%m-%d-%H.txt", "/a/df-2024-01-01-24.txt") is None
    assert named_time("/a/df-%Y-%m-%d-%H.txt", "/a/df-2024-01-01-23.txt") == datetime(2024, 1, 1, 23)
