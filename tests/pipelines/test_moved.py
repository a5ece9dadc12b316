"""A lake of 0.1.0 identifies inputs by their whole path; moved with its inputs, it reads none of them again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake
from iolake.warehouse.rebuild import rebuild
from iolake.warehouse.warehouse import Warehouse

SITE = """
[lake]
uri = "{lake}"
[file_systems.fs]
mounts = ["/fs"]
df = {{ files = ["df/%Y-%m-%d.txt", "%Y-%m-%d.txt"] }}
[file_systems.other]
mounts = ["/other"]
backend = "fs"
df = {{ files = "other/df/%Y-%m-%d.txt" }}
"""
BEGIN = 1_577_880_000  # noon of 2020-01-01
FILES = {"df/2020-01-01.txt": 60, "df/2020-01-02.txt": 61, "other/df/2020-01-01.txt": 70, "2020-01-01.txt": 80}
ROWS = [("fs", 1, 60), ("fs", 1, 80), ("fs", 2, 61), ("other", 1, 70)]
USED = "SELECT file_system, day(date), used_bytes // 1024 FROM lustre_df ORDER BY ALL"


def write(path: Path, used: int) -> None:
    """A dump of one target. All dumps have the same time, and the same size whatever their content."""
    at = BEGIN + 86400 * (int(path.stem[-2:]) - 1) + (3600 if path.parent.name != "df" else 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"BEGIN {at}\nUUID 1K-blocks Used Available Use% Mounted on\nfs-OST0000_UUID 999 {used} 9 60% /fs[OST:0]\n"
    )
    os.utime(path, (BEGIN, BEGIN))


def centre(root: Path, lake: str = "lake") -> Site:
    for name, used in FILES.items():
        write(root / name, used)
    (root / "site.toml").write_text(SITE.format(lake=lake))
    return Site.read(root / "site.toml")


def moved(site: Site, to: Path) -> Site:
    shutil.move(site.root, to)
    return Site.read(to / "site.toml")


def rows(site: Site) -> list[tuple[str, int, int]]:
    return Lake(site.lake_uri).sql(USED).fetchall()


def counts(site: Site) -> dict[str, int]:
    """What a run says of the inputs, by status, without those of count 0."""
    loads = ingest(site, workers=0).loads
    found = {status: sum(load.count(status) for load in loads) for status in ("loaded", "unchanged", "rejected")}
    return {status: count for status, count in found.items() if count}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A centre whose lake knows its inputs by their whole paths."""
    site = centre(tmp_path_factory.mktemp("written") / "first")
    with pytest.MonkeyPatch.context() as older:
        older.setattr(Site, "place", lambda self, uri: "")
        ingest(site, workers=0)
    return Path(site.root)


@pytest.fixture(params=["below", "elsewhere"])
def new(request: pytest.FixtureRequest, tmp_path: Path, written: Path) -> Site:
    """The centre at another place, with its lake below site.toml's folder or elsewhere."""
    shutil.copytree(written, tmp_path / "new")
    if request.param == "elsewhere":
        shutil.move(tmp_path / "new" / "lake", tmp_path / "lakes" / "lake")
        (tmp_path / "new" / "site.toml").write_text(SITE.format(lake=tmp_path / "lakes" / "lake"))
    return Site.read(tmp_path / "new" / "site.toml")


def test_a_moved_lake_recognises_its_inputs_and_reads_the_changed_one(new: Site, tmp_path: Path) -> None:
    """P2: the others stay unchanged in this run, the next one, and after further moves."""
    write(tmp_path / "new" / "df" / "2020-01-02.txt", 65)
    os.utime(tmp_path / "new" / "df" / "2020-01-02.txt")
    assert counts(new) == {"loaded": 1, "unchanged": 3}
    now = [(fs, day, 65 if used == 61 else used) for fs, day, used in ROWS]
    assert rows(new) == now
    assert ingest(new, workers=0).snapshots == []
    again = moved(new, tmp_path / "second" / "place")
    write(tmp_path / "second" / "place" / "2020-01-02.txt", 90)
    assert counts(again) == {"loaded": 1, "unchanged": 4}
    assert rows(again) == sorted([*now, ("fs", 2, 90)])
    back = moved(again, tmp_path / "new")
    assert counts(back) == {"unchanged": 5}
    uris = Lake(back.lake_uri).sql("SELECT uri FROM inputs").fetchall()
    assert all(uri.startswith(f"{tmp_path}/new/") for (uri,) in uris)


@pytest.mark.parametrize("new", ["elsewhere"], indirect=True)
def test_inputs_copied_without_their_times_are_known_by_content(new: Site, tmp_path: Path) -> None:
    """P2: also with a catalog that was rebuilt from data files, whose footers have the first paths."""
    rebuild(Warehouse(new.lake_uri))
    for name in FILES:
        os.utime(tmp_path / "new" / name)
    assert counts(new) == {"unchanged": 4}
    assert rows(new) == ROWS
    assert ingest(new, workers=0).snapshots == []


@pytest.mark.parametrize("new", ["elsewhere"], indirect=True)
def test_other_inputs_of_the_same_names_replace_nothing(new: Site, tmp_path: Path) -> None:
    """P2, P5: files of the same names, sizes and times in another folder are new inputs."""
    for name, used in FILES.items():
        write(tmp_path / "new" / name, used + 10)
    assert counts(new) == {"loaded": 4}
    found = {(fs, day) for fs, day, _ in ROWS}
    assert {(fs, day) for fs, day, _ in rows(new)} == found
    assert Lake(new.lake_uri).sql("SELECT count(*) FROM inputs").fetchall() == [(8,)]


@pytest.mark.parametrize("new", ["below"], indirect=True)
def test_inputs_that_stayed_are_known_where_they_are(new: Site, tmp_path: Path, written: Path) -> None:
    """P2: lake and site.toml moved, the inputs of one file system did not."""
    site = tmp_path / "new" / "site.toml"
    site.write_text(site.read_text().replace('"other/df', f'"{written}/other/df'))
    assert counts(Site.read(site)) == {"unchanged": 4}
    assert rows(new) == ROWS


@pytest.mark.parametrize("new", ["elsewhere"], indirect=True)
def test_an_input_that_changes_after_the_move_replaces_its_rows(new: Site, tmp_path: Path) -> None:
    """P2: after the first run the ledger has today's path, which needs no content to compare."""
    assert counts(new) == {"unchanged": 4}
    for name, used in FILES.items():
        write(tmp_path / "new" / name, used + 5)
        os.utime(tmp_path / "new" / name)
    assert counts(new) == {"loaded": 4}
    assert rows(new) == [(fs, day, used + 5) for fs, day, used in ROWS]


@pytest.mark.parametrize("new", ["elsewhere"], indirect=True)
def test_one_equal_input_does_not_prove_a_folder_of_others(new: Site, tmp_path: Path) -> None:
    """P2, P5: three of four have another size: none of their rows is replaced."""
    for name in list(FILES)[1:]:
        path = tmp_path / "new" / name
        path.write_text(path.read_text() + "\n\n")
    assert counts(new) == {"loaded": 4}
    assert Lake(new.lake_uri).sql("SELECT count(*) FROM inputs").fetchall() == [(8,)]
