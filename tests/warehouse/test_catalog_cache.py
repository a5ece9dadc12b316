"""An empty catalog is made once for each user and version; a damaged or foreign file is never used in its place."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from iolake.warehouse import catalog_cache


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths at which a catalog was made; the cache is a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(catalog_cache, "_WORTH_KEEPING_S", -1.0)
    return []


def ask(made: list[Path], path: Path, declared: str = "a") -> str:
    def make(there: Path) -> None:
        made.append(there)
        there.write_text(f"catalog of {declared}")

    catalog_cache.fetch_or_make(declared, path, make)
    return path.read_text()


def test_a_catalog_is_made_once_for_the_same_declarations_and_code(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P9: a copy that was damaged, and one of other code, is made anew."""
    for expected in (1, 1):
        assert ask(made, tmp_path / "one") == "catalog of a"
        assert len(made) == expected
    assert ask(made, tmp_path / "two", "b") == "catalog of b"
    (copy,) = (p for p in (tmp_path / "cache" / "iolake").iterdir() if p.read_text() == "catalog of a")
    copy.write_text("damaged")
    assert ask(made, tmp_path / "three") == "catalog of a"
    assert len(made) == 3
    monkeypatch.setattr(catalog_cache, "_code", lambda: "other code")
    ask(made, tmp_path / "four")
    assert len(made) == 4


def test_few_copies_are_kept_and_none_where_no_folder_can_be(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(12):
        ask(made, tmp_path / "one", str(at))
    assert len([*(tmp_path / "cache" / "iolake").iterdir()]) == 8
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        assert ask(made, tmp_path / "one") == "catalog of a"
    assert len(made) == 14


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOENT])
def test_a_copy_serves_where_its_time_of_use_cannot_be_written(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The folder is read-only, or another process removed the copy meanwhile."""
    ask(made, tmp_path / "one")

    def fails(path: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "utime", fails)
    assert ask(made, tmp_path / "two") == "catalog of a"
    assert made == [tmp_path / "one"]


def test_a_catalog_is_made_at_a_path_without_what_a_full_disk_left(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(made, tmp_path / "one")
    write = Path.write_bytes

    def cut_short(path: Path, content: bytes) -> int:
        write(path, content[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", cut_short)
    there: list[bool] = []

    def make(path: Path) -> None:
        there.append(path.exists())
        path.touch()

    catalog_cache.fetch_or_make("a", tmp_path / "two", make)
    assert there == [False]
    assert len([*(tmp_path / "cache" / "iolake").iterdir()]) == 1


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o700])
def test_a_folder_that_another_user_can_write_to_is_left_alone(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """Names of copies can be guessed, so a folder that another user owns is not used."""
    ask(made, tmp_path / "one")
    folder = tmp_path / "cache" / "iolake"
    folder.chmod(mode)
    if mode == 0o700:
        owner = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    before = [*folder.iterdir()]
    ask(made, tmp_path / "two")
    ask(made, tmp_path / "two", "b")
    assert len(made) == 3
    assert [*folder.iterdir()] == before
