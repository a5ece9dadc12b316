"""The period of bursts, against pulse trains whose period and width are known, and against scipy's periodogram."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from iolake import Lake
from iolake.analysis import periods
from iolake.analysis.errors import AnalysisError
from iolake.demo.truth import Truth
from iolake.pipelines.cli import cli
from iolake.reports.runs import periods_of, the_run
from tests.conftest import Fill

signal = pytest.importorskip("scipy.signal", reason="needs iolake[analysis]")


def train(period: int, width: int, count: int, offset: int, noise: float, seed: int) -> pl.DataFrame:
    """Bursts of `width` steps each `period` steps, over some noise, one step a second."""
    steps = np.arange(period * count)
    values = 100.0 * ((steps + offset) % period < width)
    values += noise * np.random.default_rng(seed).random(len(steps))
    return pl.DataFrame({"at": steps, "bytes": values})


@given(
    period=st.integers(12, 60), share=st.floats(0.1, 0.45), count=st.integers(8, 20), offset=st.integers(0, 60),
    noise=st.floats(0, 2), seed=st.integers(0, 9),
)  # fmt: skip
def test_the_period_and_width_of_bursts_are_found(
    period: int, share: float, count: int, offset: int, noise: float, seed: int
) -> None:
    width = max(2, round(period * share))
    found = periods(train(period, width, count, offset, noise, seed), "at", "bytes").row(0, named=True)
    assert found["period_s"] == pytest.approx(period)
    assert 0.94 * width - 1 <= found["burst_s"] <= width + 1
    assert found["duty_cycle"] == pytest.approx(found["burst_s"] / period)
    assert 0.9 < found["confidence"] <= 1


def test_the_strongest_frequency_is_that_of_scipys_periodogram() -> None:
    random = np.random.default_rng(3)
    at = np.arange(600) * 10.0
    values = 5 + np.sin(2 * np.pi * at / 240) + 0.3 * random.standard_normal(600)
    frequency, power = signal.periodogram(values, 0.1, detrend="constant")
    found = periods(pl.DataFrame({"at": at, "x": values}), "at", "x").row(0, named=True)
    assert found["frequency_hz"] == pytest.approx(frequency[np.argmax(power)])
    z = (power[1:].max() - power[1:].mean()) / power[1:].std()
    assert found["z"] == pytest.approx(z, rel=0.02)
    assert found["step_s"] == 10.0


@pytest.mark.parametrize("values", [[1.0] * 64, [0.0] * 64, list(range(64))])
def test_what_does_not_repeat_has_no_period(values: list[float]) -> None:
    found = periods(pl.DataFrame({"at": range(64), "x": values}), "at", "x").row(0, named=True)
    assert found["period_s"] is None and found["steps"] == 64


@pytest.mark.parametrize(
    ("at", "values", "message"),
    [
        ([*range(9), 20], [1.0] * 10, "unequal steps"),
        (range(10), [None, *[1.0] * 9], "unknown values"),
        (range(4), [1.0] * 4, "at least 8"),
    ],
)
def test_a_series_that_can_tell_nothing_is_refused(at: list[int], values: list[float], message: str) -> None:
    """P6, P12: a gap is unknown, not zero."""
    with pytest.raises(AnalysisError, match=message):
        periods(pl.DataFrame({"at": list(at), "x": values}), "at", "x")


def test_times_are_as_good_as_seconds() -> None:
    bursts = train(20, 5, 10, 0, 0, 0)
    at = [datetime(2026, 1, 1) + timedelta(seconds=s) for s in bursts["at"]]
    found = periods(bursts.with_columns(at=pl.Series(at)), "at", "bytes").row(0, named=True)
    assert (found["period_s"], found["burst_s"]) == (20.0, 5.0)


def test_the_command_finds_the_pace_of_a_job_from_its_trace(lake: Lake, fill: Fill) -> None:
    """Bursts of 12 s each minute for 20 minutes, of writes alone: reads have no pace."""
    start = datetime(2026, 1, 1, 12)
    end = start + timedelta(minutes=20)
    of_job = {"cluster": "c", "date": end.date(), "job_id": 7}
    fill("slurm_jobs", of_job | {"submit_time": start, "submit_known": True, "start_time": start, "end_time": end})
    fill("darshan_logs", of_job | {"log_id": "log", "nprocs": 1, "start_time": start, "end_time": end})
    fill(
        "darshan_dxt",
        *(
            of_job | {"log_id": "log", "record_id": 1, "rank": 0, "segment": burst, "module": "DXT_POSIX"}
            | {"operation": "write", "length": 1 << 20, "start_s": 60.0 * burst, "end_s": 60.0 * burst + 12}
            for burst in range(20)
        ),
    )  # fmt: skip
    found = periods_of(lake, the_run(lake, "7", "c"), bins=600).rows_by_key("moved", named=True, unique=True)
    assert found["write"]["period_s"] == found["both"]["period_s"] == pytest.approx(60)
    assert found["write"]["burst_s"] == pytest.approx(12, abs=2)
    assert found["read"]["period_s"] is None


def test_the_command_writes_a_row_a_direction_and_refuses_a_job_without_logs(
    demo_centre: Path, demo_truth: Truth
) -> None:
    site = ["--site", str(demo_centre / "site.toml")]
    job = next(job for job in demo_truth.jobs if job["role"] == "undisturbed")
    asked = ["periods", str(job["job_id"]), "--cluster", job["cluster"], "--format", "json", *site]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["moved"] for line in done.stdout.splitlines()] == ["read", "write", "both"]
    bare = next(job for job in demo_truth.jobs if job["role"] == "cancelled")
    done = CliRunner().invoke(cli, ["periods", str(bare["job_id"]), "--cluster", bare["cluster"], *site])
    assert done.exit_code == 1
    assert "no Darshan log tells when it moved bytes" in str(done.exception)
