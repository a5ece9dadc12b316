"""The analyses that papers and pytokio published, on their own inputs: the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from iolake.pipelines.cli import cli
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site

pytest.importorskip("scipy", reason="needs iolake[analysis]")

SIZES = ("0-100", "100-1K", "1K-10K", "10K-100K", "100K-1M", "1M-4M", "4M-10M", "10M-100M", "100M-1G", "1G+")


@pytest.mark.parametrize(
    ("way", "sizes", "cov"),
    [
        ("Read", [9, 9, 28, 90, 90, 157, 157], 21.21),
        ("Write", [5, 8, 9, 10, 28, 35, 80, 98, 127, 137], 12.85),
    ],
)
def test_the_families_of_the_lion_study(samples: Path, way: str, sizes: list[int], cov: float) -> None:
    from iolake.analysis import families, spread

    runs = pl.read_parquet(samples / "lion" / "run_info.parquet")
    features = [f"Amount of {way} I/O", *(f"{way} {size}" for size in SIZES)]
    found = spread(families(runs, "Application", features, least=5), f"{way} Performance")
    assert sorted(found["runs"]) == sizes
    assert found["cov"].median() == pytest.approx(cov, abs=0.005)


@pytest.fixture(scope="module")
def lake(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake of pytokio's logs of slow and good targets, and of the logs of LION."""
    root = tmp_path_factory.mktemp("analysis")
    logs = root / "logs"
    logs.mkdir()
    for log in (*(samples / "pytokio").glob("sample-*ost.darshan"), *(samples / "lion" / "logs").glob("*.darshan")):
        (logs / log.name).symlink_to(log)
    (root / "site.toml").write_text(
        f'[lake]\nuri = "lake"\n[clusters.c]\ntimezone = "UTC"\ndarshan = {{ files = "{logs}/*.darshan" }}\n'
        '[file_systems.scratch]\nmounts = ["/scratch2", "/global/cscratch1", "/scratch", "/scratch1", "/scratch3"]\n'
    )
    ingest(Site.read(root / "site.toml"), workers=0)
    return str(root / "lake")


def ask(lake: str, *arguments: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(cli, [*arguments, "--format", "json", "--lake", lake], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def test_ost_14_is_the_one_slow_target_of_sample_badost(lake: str) -> None:
    ((log_id,),) = _sql(lake, "SELECT log_id FROM darshan_logs WHERE file_name LIKE 'sample-badost%'")
    worst, *others = ask(lake, "bad-osts", "--log", str(log_id))
    assert (worst["target"], worst["ost"]) == ("OST000e", 14)
    assert worst["r"] == pytest.approx(-0.7031362972573599, abs=1e-7)  # pytokio reads times rounded to microseconds
    assert worst["p"] == pytest.approx(2.5e-305, rel=0.05)
    assert all(abs(other["r"]) < 0.5 for other in others)  # type: ignore[arg-type]


def test_sample_goodost_has_no_slow_target(lake: str) -> None:
    ((log_id,),) = _sql(lake, "SELECT log_id FROM darshan_logs WHERE file_name LIKE 'sample-goodost%'")
    assert all(ost["p"] is None or ost["p"] >= 0.01 for ost in ask(lake, "bad-osts", "--log", str(log_id)))  # type: ignore[operator]


def test_a_published_table_is_correlated_without_a_lake(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = samples / "lion" / "run_info.parquet"
    monkeypatch.chdir(tmp_path)
    asked = ["--of", "Read Performance", "--with", "Amount of Read I/O", "--format", "json"]
    done = CliRunner().invoke(cli, ["correlate", f"FROM '{table}'", *asked], catch_exceptions=False)
    (row,) = [json.loads(line) for line in done.output.splitlines()]
    frame = pl.read_parquet(table)
    assert row["n"] == len(frame)
    right = frame.select(pl.corr("Read Performance", "Amount of Read I/O")).item()
    assert row["r"] == pytest.approx(right)


def _sql(lake: str, query: str) -> list[tuple[object, ...]]:
    from iolake import Lake

    return Lake(lake).sql(query).fetchall()
