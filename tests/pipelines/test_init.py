"""`iolake init`: what it writes for a folder finds the files that are there, and is a site that ingests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from iolake.extractors.base import Span
from iolake.pipelines.finding import find
from iolake.pipelines.ingest import ingest
from iolake.pipelines.init import Answers, survey, write
from iolake.pipelines.patterns import generalised
from iolake.schemas.site import Site
from iolake.warehouse import Lake

IOLAKE = str(Path(sys.executable).with_name("iolake"))


def _found(site: Site) -> dict[str, set[str]]:
    """The files that a site finds, by source and owner."""
    found: dict[str, set[str]] = {}
    for (source, owner, _day), inputs in find(site, (), Span()).items():
        found.setdefault(f"{source} {owner}", set()).update(i.uri for i in inputs)
    return found


def test_init_writes_the_demo_centres_own_site(demo_centre: Path, tmp_path: Path) -> None:
    """The demo's own site.toml is the oracle: the same owners, sources and files, and late logs as well.

    No file names the endpoint. mmpmon, the exporter and mmlsfs name estuary's device; mmperfmon, mmdf and mmlsdisk do
    not, and are its own because there is no other Storage Scale file system.
    """
    unnamed = {"harbour": "transfers", "estuary": "est01"}
    folder = tmp_path / "centre"
    folder.mkdir()
    for path in demo_centre.iterdir():
        if path.name not in ("lake", "site.toml", "pages", ".prefect"):
            (folder / path.name).symlink_to(path)
    done = subprocess.run(
        [IOLAKE, "init", "--timezone", "Europe/Berlin"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, env={k: v for k, v in os.environ.items() if not k.startswith("IOLAKE")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mine, its = (
        {
            f"{source} {unnamed.get(owner, owner)}": uris
            for (source, owner), uris in (
                (key.split(" ", 1), uris) for key, uris in _found(Site.read(at / "site.toml")).items()
            )
        }
        for at in (folder, demo_centre)
    )
    assert mine.keys() == its.keys()
    for key, uris in its.items():
        below = {uri.replace(str(demo_centre), str(folder)) for uri in uris}
        found = {uri.replace("/nid*/nvme0.json", "/*/*.json") for uri in mine[key]}  # the site's pattern is wider
        late = {uri for uri in found if "/late/" in uri}
        assert found - late == {uri for uri in below if "/late/" not in uri}, key
    mounts = {fs.mounts for fs in Site.read(folder / "site.toml").file_systems.values()}
    assert mounts == {("/lagoon",), ("/fjord",), ()}
    checked = subprocess.run([IOLAKE, "site", "check"], cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "nothing is there" not in checked.stdout
    report = ingest(Site.read(folder / "site.toml"), ("df", "targets"), workers=0)
    assert not report.failures
    assert Lake(folder / "lake").sql("SELECT count(*) > 0 FROM lustre_df").fetchall() == [(True,)]


def test_init_never_writes_over_a_site(tmp_path: Path) -> None:
    """One line and status 1; also for a folder without anything that iolake reads."""
    (tmp_path / "notes.txt").write_text("nothing of use\n")
    for said in ("nothing that iolake reads was found (1 .txt)", "is there already"):
        done = subprocess.run(
            [IOLAKE, "init"], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert said in done.stderr
        (tmp_path / "site.toml").write_text("")


def test_what_is_recognised_but_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A file that only resembles `lfs df` is named in a comment, with the reason."""
    (tmp_path / "df.txt").write_text("UUID 1K-blocks Used Available Use% Mounted on\n")
    (tmp_path / "good.darshan").write_bytes(b"")
    text = write(survey(tmp_path, [tmp_path], Answers(clusters=("c",))))
    assert Site.parse(text, tmp_path / "site.toml").owners("file_system") == {}
    assert "# df of file_system: " in text


@pytest.mark.parametrize(
    ("paths", "others", "patterns"),
    [
        (["2026/3/7/a.x", "2026/11/12/b.x"], [], ["%Y/%-m/%-d/a.x", "%Y/%-m/%-d/b.x"]),
        (["2026/03/07/a.x", "2026/11/12/a.x"], [], ["%Y/%m/%d/a.x"]),
        (["2026-03-07.txt", "2026-03-08.txt"], [], ["%Y-%m-%d.txt"]),
        (["df-20260307.gz"], [], ["df-%Y%m%d.gz"]),
        ([f"p/{n}.txt" for n in range(9)], [], ["p/*.txt"]),
        ([f"p/df{n}.txt" for n in range(9)], ["p/other1.txt"], ["p/df*.txt"]),
        (["100%[a].txt"], [], ["100?[[]a].txt"]),
        (["v1.2.3/12345678.txt"], [], ["v1.2.3/12345678.txt"]),
        ([f"2026-03-0{d}/nid{n:05}/a.txt" for n in range(9) for d in (1, 2)], [], ["%Y-%m-%d/nid*/a.txt"]),
        ([f"nid{n}/a.txt" for n in range(3)], ["nid7/a.txt"], [f"nid{n}/a.txt" for n in range(3)]),
        ([f"c1/login{n}/a.txt" for n in range(3)], [f"c2/login{n}/a.txt" for n in range(3)], ["c1/login*/a.txt"]),
        ([f"c1-{n}.txt" for n in range(6)], [f"c2-{n}.txt" for n in range(6)], ["c1-*.txt"]),
        (
            [f"node{n}/2026-11-0{d}.txt" for n in (1, 2, 3) for d in (1, 2)],
            ["node4/2026-11-01.txt"],
            [f"node{n}/%Y-%m-%d.txt" for n in (1, 2, 3)],
        ),
        (
            [f"node{n}/2026/03/07/a.txt" for n in (1, 2, 3)],
            ["node4/2026/11/12/a.txt"],
            [f"node{n}/%Y/%m/%d/a.txt" for n in (1, 2, 3)],
        ),
        ([f"nid{n}/[a]/b.txt" for n in range(3)], ["nid7/[a]/c.txt"], ["nid*/[[]a]/b.txt"]),
    ],
)
def test_patterns_name_their_files_and_no_others(
    tmp_path: Path, paths: list[str], others: list[str], patterns: list[str]
) -> None:
    """Dates become strftime codes with the same padding; many names become one glob that matches no other file."""
    made = generalised(tmp_path, [tmp_path / p for p in paths], {tmp_path / p for p in others})
    assert made.keys() == set(patterns)
    assert made.total() == len(paths)
    for path in (*paths, *others):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    site = Site.model_validate({"file_systems": {"f": {"df": {"files": list(made)}}}, "root": str(tmp_path)})
    seen = Counter(i.uri for inputs in find(site, (), Span()).values() for i in inputs)
    assert seen.keys() == {str(tmp_path / path) for path in paths}


def _sacct(folder: Path, job: int) -> None:
    folder.mkdir(parents=True)
    head = "JobIDRaw|Submit|Start|End|State"
    times = "2026-03-01T00:00:00|2026-03-01T00:00:00|2026-03-01T01:00:00"
    (folder / "sacct.txt").write_text(f"{head}\n{job}|{times}|COMPLETED\n")


def test_each_numbered_cluster_reads_its_own_files_alone(tmp_path: Path) -> None:
    """P5: a row under another owner is a wrong row."""
    for at in range(6):
        _sacct(tmp_path / f"cori{at // 3 + 1}" / f"login{at % 3 + 1}", at + 1)
    site = Site.parse(write(survey(tmp_path, [tmp_path], Answers(timezone="UTC"))), tmp_path / "site.toml")
    assert _found(site) == {
        f"slurm cori{c}": {str(tmp_path / f"cori{c}/login{n}/sacct.txt") for n in (1, 2, 3)} for c in (1, 2)
    }


@pytest.mark.parametrize("named", [[2], [2, 3, 4]])
def test_no_file_outside_the_named_folders_is_read(tmp_path: Path, named: list[int]) -> None:
    """Folders beside them, with names that differ in a number alone, belong to something else."""
    for at in range(15):
        _sacct(tmp_path / f"store{at // 3 + 1}" / f"login{at % 3 + 1}", at + 1)
    draft = survey(tmp_path, [tmp_path / f"store{n}" for n in named], Answers(clusters=("c",), timezone="UTC"))
    found = _found(Site.parse(write(draft), tmp_path / "site.toml"))
    assert found == {"slurm c": {str(tmp_path / f"store{s}/login{n}/sacct.txt") for s in named for n in (1, 2, 3)}}
    assert len(draft.patterns["cluster", "c", "slurm"]) == len(named)
