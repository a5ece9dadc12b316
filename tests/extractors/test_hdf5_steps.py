"""When the steps of TTS datasets lie: their own timestamps, gaps, and files that still grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.extractors.base import InputError
from tests.extractors.hdf5_files import MISSING, OSTS, T0, load, tts

RATE = 1e9


def at(seconds: int) -> datetime:
    """A moment after the first step's start, as a row has it."""
    return (datetime.fromtimestamp(T0, UTC) + timedelta(seconds=seconds)).replace(tzinfo=None)


def with_times(path: Path, datasets: dict[str, Any], times: list[int], group: str = "datatargets") -> None:
    """A TTS file whose steps start at these seconds, for two storage targets."""
    tts(path, {group: datasets}, OSTS)
    with h5py.File(path, "a") as file:
        del file[f"{group}/timestamps"]
        file[f"{group}/timestamps"] = np.array([T0 + t if t >= 0 else 0 for t in times])


def test_a_gap_in_the_timestamps_has_unknown_traffic(tmp_path: Path) -> None:
    """P6: the step before it is as long as the others, and the rest of the gap a null row."""
    with_times(tmp_path / "a.h5", {"readrates": [[RATE, RATE]] * 4, "writebytes": [[7, 7]] * 4}, [0, 5, 3600, 3605])
    tables, rejects = load(tmp_path / "a.h5")
    rows = [r for r in tables["lustre_ost"] if r["ost"] == "OST0001"]
    assert [(r["ts"], r["interval_s"], r["read_bytes"], r["write_bytes"]) for r in rows] == [
        (at(0), 5, 5 * RATE, 7),
        (at(5), 5, 5 * RATE, 7),
        (at(10), 3590, None, None),
        (at(3600), 5, 5 * RATE, 7),
        (at(3605), 5, 5 * RATE, 7),
    ]
    whole = tables["lustre_fs"]
    assert [(r["interval_s"], r["osts_missing"], r["read_bytes"]) for r in whole][2] == (3590, 2, None)
    assert (whole[-1]["read_bytes_before"], whole[-1]["ost_seconds_before"]) == (3 * 2 * 5 * RATE, 3 * 2 * 5)
    assert rejects == []


@settings(max_examples=40, deadline=None)
@given(steps=st.sets(st.integers(0, 2000), min_size=20, max_size=60), step=st.sampled_from([1, 5, 60]))
def test_counts_stay_with_their_own_step_whatever_is_missing_between(
    tmp_path_factory: pytest.TempPathFactory, steps: set[int], step: int
) -> None:
    """Times on a grid, most of them next to another: amounts are as stored, and the rows cover all time once."""
    times = sorted({*steps, *(s + 1 for s in steps)})
    counts = np.arange(1.0, len(times) + 1)
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    with_times(path, {"readbytes": np.stack([counts, counts], axis=1)}, [t * step for t in times])
    rows = [r for r in load(path)[0]["lustre_ost"] if r["ost"] == "OST0000"]
    held = {r["ts"]: (r["interval_s"], r["read_bytes"]) for r in rows if r["read_bytes"] is not None}
    assert held == {at(t * step): (step, count) for t, count in zip(times, counts, strict=True)}
    ends = [r["ts"] + timedelta(seconds=r["interval_s"]) for r in rows]
    assert ends == [*(r["ts"] for r in rows[1:]), at((times[-1] + 1) * step)]


@pytest.mark.parametrize("name", ["/datatargets/own", "datatargets/own", "own", b"/datatargets/own"])
def test_timestamps_that_a_dataset_names_are_its_alone(tmp_path: Path, name: str | bytes) -> None:
    tts(tmp_path / "a.h5", {"datatargets": {"readbytes": [[1, 2], [3, 4]], "writebytes": [[5, 6], [7, 8]]}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["datatargets/own"] = T0 + np.array([5, 10])
        file["datatargets/readbytes"].attrs["timestamps"] = name
    tables, rejects = load(tmp_path / "a.h5")
    rows = [(r["ts"], r["read_bytes"], r["write_bytes"]) for r in tables["lustre_ost"] if r["ost"] == "OST0000"]
    assert rows == [(at(0), None, 5), (at(5), 1, 7), (at(10), 3, None)]
    assert rejects == []


def test_datasets_whose_steps_overlap_the_others_are_left_out_and_named(tmp_path: Path) -> None:
    """P5: a target has at most one row for a time."""
    names = ("readbytes", "writebytes", "readops")
    tts(tmp_path / "a.h5", {"datatargets": {name: [[1, 2], [3, 4]] for name in names}}, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["datatargets/minutes"] = T0 + np.array([0, 60])
        file["datatargets/readbytes"].attrs["timestamps"] = "/datatargets/minutes"
    tables, rejects = load(tmp_path / "a.h5")
    first = tables["lustre_ost"][0]
    assert (first["read_bytes"], first["write_bytes"], first["read_ops"]) == (None, 1, 1)
    assert [(r.part, r.reason.split(":")[0]) for r in rejects] == [
        ("/datatargets/readbytes", "has steps that overlap the others' of its group")
    ]


def test_a_growing_file_is_read_up_to_its_last_timestamp(tmp_path: Path) -> None:
    values = [[1, 2], [3, 4], [0, 0], [MISSING, MISSING]]
    with_times(tmp_path / "a.h5", {"readbytes": values}, [0, 5, -1, -1])
    tables, rejects = load(tmp_path / "a.h5")
    assert [(r["ts"], r["read_bytes"]) for r in tables["lustre_ost"]] == [
        (at(0), 1),
        (at(5), 3),
        (at(0), 2),
        (at(5), 4),
    ]
    assert rejects == []


def test_the_first_step_of_a_growing_file_is_as_long_as_the_others_will_be(tmp_path: Path) -> None:
    with_times(tmp_path / "a.h5", {"readrates": [[8, 8]] * 4}, [0, -1, -1, -1])
    rows = load(tmp_path / "a.h5")[0]["lustre_ost"]
    assert [(r["interval_s"], r["read_bytes"]) for r in rows] == [(5, 40), (5, 40)]


def test_without_a_root_end_only_what_has_a_single_step_is_left_out(tmp_path: Path) -> None:
    groups = {"datatargets": {"readbytes": [[1, 2], [3, 4]]}, "fullness": {"bytes": [[1, 2]]}}
    tts(tmp_path / "a.h5", groups, OSTS)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file.attrs["end"]
    tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [1, 3, 2, 4]
    assert [(r.part, r.reason) for r in rejects] == [
        ("/fullness/bytes", "has one step, and the file has no attribute `end` that gives its length")
    ]


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ([-1, -1], "has no timestamps yet"),
        ([5, 0], "has timestamps in /fullness/timestamps that do not rise"),
        ([T0 * 999, T0 * 999 + 5], "has timestamps in /fullness/timestamps that are not seconds since 1970"),
        (None, "has no timestamps"),
    ],
)
def test_a_group_without_usable_timestamps_is_left_out_and_named(
    tmp_path: Path, times: list[int] | None, reason: str
) -> None:
    """P5: the other groups are read; a file that has no other is rejected."""
    with_times(tmp_path / "a.h5", {"bytes": [[1, 2], [3, 4]]}, times or [], "fullness")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        if times is None:
            del file["fullness/timestamps"]
    with pytest.raises(InputError, match=f"has no part that can be used: /fullness/bytes {reason}; archive it again"):
        load(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        made = file.create_dataset("datatargets/readbytes", data=np.ones((2, 2)))
        made.attrs["columns"] = np.array([b"fs-OST0000", b"fs-OST0001"])
        file["datatargets/timestamps"] = [T0, T0 + 5]
    tables, rejects = load(tmp_path / "a.h5")
    assert [r["read_bytes"] for r in tables["lustre_ost"]] == [1, 1, 1, 1]
    assert [(r.part, r.reason) for r in rejects] == [("/fullness/bytes", reason)]
