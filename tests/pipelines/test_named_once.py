"""What comes again in each input, such as a parameter that no table takes, is named once for its owner."""

from __future__ import annotations

from pathlib import Path

from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake

DUMP = """\
obdfilter.{fs}-OST0000.stats=
snapshot_time             {seconds}.0 secs.nsecs
write_bytes               3 samples [bytes] 4096 4096 {written}
"""
ODD = "some.{name}.list=\n- x\n- y\n"
DAY_S = 86_400
FIRST = 1_772_323_200  # 2026-03-01


def _dump(root: Path, day: int, *odd: str, fs: str = "fs") -> None:
    (root / fs).mkdir(exist_ok=True)
    counted = "".join(
        DUMP.format(fs=fs, seconds=FIRST + (day - 1) * DAY_S + 600 * n, written=4096 * (n + 1)) for n in range(2)
    )
    (root / fs / f"2026-03-{day:02}.txt").write_text(counted + "".join(ODD.format(name=name) for name in odd))


def _site(root: Path) -> Site:
    text = 'lake = { uri = "lake" }\n' + "".join(
        f'[file_systems.{fs}]\ntimezone = "UTC"\nbackend = "{fs}"\nparams = {{ files = "{fs}/%Y-%m-%d.txt" }}\n'
        for fs in ("fs", "home")
    )
    (root / "site.toml").write_text(text)
    return Site.read(root / "site.toml")


def _named(root: Path) -> list[tuple[str, str, str]]:
    lake = Lake(root / "lake")
    return lake.sql("SELECT owner, day::VARCHAR, part FROM rejects ORDER BY ALL").fetchall()


def test_a_parameter_that_no_table_takes_is_named_once_a_file_system(tmp_path: Path) -> None:
    """P5: in one run or in several; a new one is named when it comes, and another file system's is its own."""
    for day in (1, 2):
        _dump(tmp_path, day, "odd", "strange")
    _dump(tmp_path, 1, "odd", fs="home")
    site = _site(tmp_path)
    assert not ingest(site, workers=0).failures
    first = [("fs", "2026-03-01", "some.odd.list"), ("fs", "2026-03-01", "some.strange.list")]
    other = [("home", "2026-03-01", "some.odd.list")]
    assert _named(tmp_path) == [*first, *other]
    _dump(tmp_path, 3, "odd", "new", "strange")
    _dump(tmp_path, 4, "odd", "new", "strange")
    report = ingest(site, workers=0)
    assert _named(tmp_path) == [*first, ("fs", "2026-03-03", "some.new.list"), *other]
    assert [reject.part for load in report.loads for reject in load.rejects] == ["some.new.list"]
    loads = Lake(tmp_path / "lake").sql("SELECT DISTINCT found, loaded, rejected FROM loads").fetchall()
    assert loads == [(1, 1, 0)]


def test_an_input_that_is_read_again_keeps_what_it_names(tmp_path: Path) -> None:
    """P2: its new rejects take the place of its old ones, and where it names a thing no more the next one does."""
    for day in (1, 2):
        _dump(tmp_path, day, "odd")
    site = _site(tmp_path)
    ingest(site, workers=0)
    assert _named(tmp_path) == [("fs", "2026-03-01", "some.odd.list")]
    _dump(tmp_path, 1, "odd", "strange")
    ingest(site, workers=0)
    both = [("fs", "2026-03-01", "some.odd.list"), ("fs", "2026-03-01", "some.strange.list")]
    assert _named(tmp_path) == both
    _dump(tmp_path, 1, "strange")
    _dump(tmp_path, 2, "odd", "strange")
    ingest(site, workers=0)
    assert _named(tmp_path) == [("fs", "2026-03-01", "some.strange.list"), ("fs", "2026-03-02", "some.odd.list")]
