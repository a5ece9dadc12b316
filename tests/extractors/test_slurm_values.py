"""Parsing sacct's texts."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iolake.extractors.slurm import ids, maps, values

MIB = 1 << 20


def strings(*texts: str | None) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("58564", 58564),
        ("0", 0),
        ("12196K", 12196 * 1024),
        ("274.50M", 274 * MIB + MIB // 2),
        ("2G", 2 << 30),
        ("1T", 1 << 40),
        ("9007199254740993", 9007199254740993),
        ("18446744073709551614", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_a_suffix_stands_for_a_power_of_1024(text: str | None, number: int | None) -> None:
    assert values.numbers(strings(text, "1K")).to_list() == [number, 1024]


def test_energy_has_suffixes_of_1000() -> None:
    assert values.numbers(strings("2.60M", "1.5K"), base=1000).to_list() == [2_600_000, 1500]


def test_a_frequency_is_in_kilohertz_unless_its_suffix_says_so() -> None:
    texts = strings("2.50G", "2500000K", "2500000", "0", "x", None)
    assert values.frequencies(texts).to_list() == [2_500_000_000, 2_500_000_000, 2_500_000_000, 0, None, None]


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_its_seconds_in_each_way_of_writing(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    texts = strings(f"{days}-{hours:02}:{minutes:02}:{seconds:02}", str(total), f"{minutes:02}:{seconds:02}.250", None)
    assert values.durations(texts).to_list() == [total, total, minutes * 60 + seconds + 0.25, None]


@pytest.mark.parametrize("text", ["UNLIMITED", "1:2:3:4", "a:b", "1-", "-", "2-3-4:5"])
def test_what_is_not_a_duration_is_null(text: str) -> None:
    assert values.durations(strings(text)).to_list() == [None]


def test_memory_of_older_versions_is_for_each_node_or_cpu() -> None:
    nodes, cpus = pl.Series([2, 2, 2, None]), pl.Series([8, 8, 8, 8])
    found = values.memory(strings("800M", "4000Mn", "2Gc", "1Gn"), nodes, cpus)
    assert found.to_list() == [800 * MIB, 8000 * MIB, 16 << 30, None]


def written(texts: pl.Series) -> list[dict[str, int] | None]:
    """The maps of all rows."""
    found = maps.count_maps(texts).arrow(pl.repeat(True, len(texts), eager=True))
    found.validate(full=True)
    return [None if pairs is None else dict(pairs) for pairs in found.to_pylist()]


def test_maps_hold_base_units_and_leave_out_what_is_not_known() -> None:
    texts = strings(
        "billing=4,cpu=4,gres/gpu:a100=2,mem=800M",
        None,
        "cpu=00:00:01.5,energy=18446744073709551614,fs/disk=57.19K",
        "nonsense",
    )
    assert written(texts) == [
        {"billing": 4, "cpu": 4, "gres/gpu:a100": 2, "mem": 800 * MIB},
        None,
        {"cpu": 1500, "fs/disk": 58563},
        None,
    ]


@given(st.lists(st.none() | st.dictionaries(st.sampled_from(["cpu", "mem", "node"]), st.integers(0, 99)), max_size=6))
def test_each_row_gets_its_own_map(given: list[dict[str, int] | None]) -> None:
    texts = [None if not m else ",".join(f"{k}={v}" for k, v in m.items()) for m in given]
    assert written(strings(*texts)) == [text or None for text in given]


@pytest.mark.parametrize(("key", "expected"), [("mem", [1024, None, None]), ("cpu", [7, 8, None]), ("x", [None] * 3)])
def test_one_key_of_a_map_is_a_column_and_its_first_value_counts(key: str, expected: list[int | None]) -> None:
    assert maps.count_maps(strings("cpu=7,mem=1K,cpu=9", "cpu=8", None)).of(key).to_list() == expected


COLUMNS = ["job_id", "array_job_id", "array_task_id", "array_tasks", "het_job_id", "het_offset", "step_id"]


@pytest.mark.parametrize(
    ("shown", "raw", "expected"),
    [
        ("7", "7", (7, None, None, None, None, None, None)),
        ("7.batch", "7.batch", (7, None, None, None, None, None, "batch")),
        ("2_5", "21", (21, 2, 5, None, None, None, None)),
        ("2_5.0", "21.0", (21, 2, 5, None, None, None, "0")),
        ("2_[3-7%2]", "2", (2, 2, None, "[3-7%2]", None, None, None)),
        ("11+0", "11", (11, None, None, None, 11, 0, None)),
        ("11+1", "12", (12, None, None, None, 11, 1, None)),
        ("11+0.batch", "11.batch", (11, None, None, None, 11, 0, "batch")),
        ("11.0+1", "11.0+1", (11, None, None, None, None, None, "0+1")),
        (None, "21.extern", (21, None, None, None, None, None, "extern")),
        ("7.extern", None, (7, None, None, None, None, None, "extern")),
        ("2_[3-7]", None, (2, 2, None, "[3-7]", None, None, None)),
        ("11+0", None, (11, None, None, None, 11, 0, None)),
        ("2_5", None, (None, 2, 5, None, None, None, None)),
        ("11+1", None, (None, None, None, None, 11, 1, None)),
        ("5_4294967294", "6", (6, 5, None, None, None, None, None)),
        ("5+4294967294", None, (5, None, None, None, None, None, None)),
        ("5+4294967295.batch", "6.batch", (6, None, None, None, None, None, "batch")),
        ("5_4294967295.batch", "6.batch", (6, 5, None, None, None, None, "batch")),
        ("nonsense", None, (None, None, None, None, None, None, None)),
    ],
)
def test_ids_are_raw_ids_and_what_sacct_shows_beside_them(
    shown: str | None, raw: str | None, expected: tuple[object, ...]
) -> None:
    given = {"jobid": shown, "jobidraw": raw}
    frame = pl.DataFrame({name: [text] for name, text in given.items() if text}, schema_overrides={"jobid": pl.String})
    assert ids.parse(frame).row(0, named=True) == dict(zip(COLUMNS, expected, strict=True))
