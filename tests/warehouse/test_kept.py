"""An empty catalog is made once a user and version, and nothing else is ever taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iolake.warehouse import kept


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths at which a catalog was made; the cache is a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "_WORTH_KEEPING_S", -1.0)
    return []


def ask(made: list[Path], path: Path, declared: str = "a") -> str:
    def make(there: Path) -> None:
        made.append(there)
        there.write_text(f"catalog of {declared}")

    kept.fetch_or_make(declared, path, make)
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
    monkeypatch.setattr(kept, "_code", lambda: "other code")
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
