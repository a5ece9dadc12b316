"""mmpmon and GPFS exporters: counters of nodes, which become what was counted between two readings."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iolake.extractors.base import Extractor, InputError, Span
from iolake.extractors.scale.exporter import GpfsExporter
from iolake.extractors.scale.mmpmon import Mmpmon
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import Rows, everything

NAMES = ("read_bytes", "write_bytes", "opens", "closes", "read_ops", "write_ops", "readdirs", "inode_updates")
TEN = datetime(2026, 3, 1, 10)


def reading(at: datetime, counters: tuple[int, ...], node: str = "n1", fs: str = "scratch", rc: int = 0) -> str:
    epoch = int((at - datetime(1970, 1, 1)).total_seconds())
    keys = ("br", "bw", "oc", "cc", "rdc", "wc", "dir", "iu")
    values = " ".join(f"_{key}_ {value}" for key, value in zip(keys, counters, strict=True))
    head = f"_fs_io_s_ _n_ 10.0.0.1 _nn_ {node} _rc_ {rc} _t_ {epoch} _tu_ 500000 _cl_ c _fs_ {fs} _d_ 4"
    return f"{head} {values}\n"


def scrape(counters: tuple[int, ...], fs: str = "scratch") -> str:
    """What gpfs_exporter's tests expect of it, with other numbers."""
    operations = zip(("opens", "closes", "reads", "writes", "read_dir", "inode_updates"), counters[2:], strict=True)
    lines = [
        "# HELP gpfs_perf_info GPFS client information",
        f'gpfs_perf_info{{fs="{fs}",nodename="n1"}} 1',
        f'gpfs_perf_read_bytes_total{{fs="{fs}"}} {counters[0]:.11e}',
        f'gpfs_perf_write_bytes_total{{fs="{fs}"}} {counters[1]}',
        *(f'gpfs_perf_operations_total{{fs="{fs}",operation="{name}"}} {value}' for name, value in operations),
        f'gpfs_fs_size_bytes{{fs="{fs}"}} 1000',
        f'gpfs_fs_free_bytes{{fs="{fs}"}} 400',
        f'gpfs_fs_used_inodes{{fs="{fs}"}} 7',
        f'gpfs_fs_pool_total_bytes{{fs="{fs}",pool="data"}} 900',
        f'gpfs_fs_pool_free_bytes{{fs="{fs}",pool="data"}} 300',
        "go_goroutines 7",
    ]
    return "\n".join(lines) + "\n"


def site(root: Path, source: str, files: str, backend: str | None = None, **options: Any) -> Site:
    system = {"timezone": "UTC", "backend": backend, source: {"files": files, "options": options}}
    return Site.model_validate({"root": str(root), "file_systems": {"scale": system}})


def read(root: Path, extractor: Extractor, files: str = "*", backend: str | None = None, **options: Any) -> Any:
    rows, rejects, _ = everything(extractor, site(root, extractor.source, files, backend, **options))
    return rows, rejects


def clients(rows: Rows) -> list[tuple[Any, ...]]:
    return [
        (r["node"], r["ts"], r["interval_s"], *(r[name] for name in NAMES), r["reset"]) for r in rows["scale_client"]
    ]


def test_a_row_is_what_was_counted_between_two_readings(tmp_path: Path) -> None:
    text = "".join(
        reading(TEN + timedelta(minutes=m), tuple(m * m * k for k in range(1, 9)), node)
        for m in (0, 1, 3)
        for node in ("n1", "n2")
    )
    (tmp_path / "a").write_text("mmpmon starts\n" + text)
    rows, rejects = read(tmp_path, Mmpmon())
    half = timedelta(seconds=0.5)
    assert clients(rows) == [
        (node, TEN + timedelta(minutes=m) + half, length, *(n * k for k in range(1, 9)), False)
        for node in ("n1", "n2")
        for m, length, n in ((0, 60.0, 1), (1, 120.0, 8))
    ]
    assert rejects == {}


def test_both_forms_of_mmpmon_tell_the_same(tmp_path: Path) -> None:
    values = (3592793024, 2552776479, 6758, 6542, 2923, 176495, 1367, 1418)
    keys = ("bytes read", "bytes written", "opens", "closes", "reads", "writes", "readdir", "inode updates")
    text = ""
    for minute, factor in ((0, 1), (1, 2)):
        epoch = int((TEN - datetime(1970, 1, 1)).total_seconds()) + 60 * minute
        counters = "".join(f"{key + ':':<16}{value * factor:>12}\n" for key, value in zip(keys, values, strict=True))
        text += "mmpmon node 10.0.0.1 name n1 fs_io_s OK\ncluster:        c\nfilesystem:     scratch\ndisks: 7\n"
        text += f"timestamp:      {epoch}/500000\n{counters}\n"
    (tmp_path / "long").write_text(text)
    (tmp_path / "short").write_text(
        reading(TEN, values) + reading(TEN + timedelta(minutes=1), tuple(2 * v for v in values))
    )
    long, short = (read(tmp_path, Mmpmon(), name) for name in ("long", "short"))
    assert long == short
    assert clients(short[0])[0][3:-1] == values


def test_a_counter_that_fell_was_reset_and_gives_a_lower_bound(tmp_path: Path) -> None:
    """The project's counter rules: the file system was mounted anew, and all counters with it."""
    text = reading(TEN, (100,) * 8) + reading(TEN + timedelta(minutes=1), (5,) * 2 + (200,) * 6)
    (tmp_path / "a").write_text(text)
    ((*_, last),) = [clients(read(tmp_path, Mmpmon())[0])[0]]
    assert last is True
    assert clients(read(tmp_path, Mmpmon())[0])[0][3:-1] == (5,) * 2 + (200,) * 6


def test_a_days_last_row_ends_with_the_next_days_first_reading(tmp_path: Path) -> None:
    """P4: and that reading begins a row of its own day, not of this one."""
    for day, at in ((1, datetime(2026, 3, 1, 23, 50)), (2, datetime(2026, 3, 2, 0, 10))):
        (tmp_path / f"2026-03-0{day}.txt").write_text(reading(at, (day * 10,) * 8))
    rows, _ = read(tmp_path, Mmpmon(), "%Y-%m-%d.txt")
    assert [(r["ts"].day, r["interval_s"], r["read_bytes"]) for r in rows["scale_client"]] == [(1, 1200.0, 10)]


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    """P5."""
    good = reading(TEN, (1,) * 8) + reading(TEN + timedelta(minutes=1), (2,) * 8)
    bad = reading(TEN, (1,) * 8, rc=1) + reading(TEN, (1,) * 8).replace("_br_ 1", "_br_ x")
    (tmp_path / "a").write_text(good + bad + reading(TEN, (-1,) * 8))
    rows, rejects = read(tmp_path, Mmpmon())
    assert len(rows["scale_client"]) == 1
    assert rejects == {str(tmp_path / "a"): "mmpmon answered with the code 1 (one of 3 such)"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "holds no fs_io_s readings of mmpmon"),
        (reading(TEN, (1,) * 8) + reading(TEN, (1,) * 8, fs="home"), r"several file systems \(home, scratch\)"),
        ("\x00", "is not text"),
    ],
)
def test_a_file_without_a_reading_is_rejected(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "a").write_text(content)
    where = site(tmp_path, "mmpmon", "*")
    with pytest.raises(InputError, match=reason):
        list(Mmpmon().read(next(Mmpmon().find(where, Span())), where))


def test_the_exporters_text_gives_mmpmons_rows_and_the_space(tmp_path: Path) -> None:
    """A scrape is as old as its name says; counters, space and inodes are each in their table."""
    for minute, n in ((0, 1), (5, 3)):
        text = scrape(tuple(n * 1000 * k for k in range(1, 9))) + scrape((0,) * 8, "home")
        (tmp_path / f"2026-03-01T10-{minute:02}.prom").write_text(text)
    rows, rejects = read(tmp_path, GpfsExporter(), "%Y-%m-%dT%H-%M.prom", "scratch")
    assert clients(rows) == [("n1", TEN, 300.0, *(2000 * k for k in range(1, 9)), False)]
    five = TEN + timedelta(minutes=5)
    sizes = ("total_bytes", "used_bytes", "free_bytes", "used_inodes", "total_inodes")
    assert [(r["ts"], *(r[name] for name in sizes)) for r in rows["scale_capacity"]] == [
        (at, 1000, 600, 400, 7, None) for at in (TEN, five)
    ]
    assert [(r["pool"], r["ts"], r["total_bytes"], r["used_bytes"]) for r in rows["scale_pool"]] == [
        ("data", at, 900, 600) for at in (TEN, five)
    ]
    assert rejects == {}


def test_a_counter_that_the_first_scrape_lacks_is_unknown_and_not_all_since_the_boot(tmp_path: Path) -> None:
    """P6: an exporter may leave a metric out."""
    for minute, n in ((0, 1), (5, 3), (10, 4)):
        lines = scrape(tuple(n * 1000 * k for k in range(1, 9))).splitlines(keepends=True)
        kept = [line for line in lines if minute or "write_bytes" not in line]
        (tmp_path / f"2026-03-01T10-{minute:02}.prom").write_text("".join(kept))
    rows, _ = read(tmp_path, GpfsExporter(), "%Y-%m-%dT%H-%M.prom", "scratch")
    assert [(r["read_bytes"], r["write_bytes"]) for r in rows["scale_client"]] == [(2000, None), (1000, 2000)]


def test_a_sample_with_a_time_of_its_own_has_that(tmp_path: Path) -> None:
    """The other exporters' names of mmpmon's counters; the node is the option's where no label names one."""
    epoch_ms = int((TEN - datetime(1970, 1, 1)).total_seconds() * 1000)
    lines = [
        f'gpfs_bytes_read{{fs="s"}} {v} {epoch_ms + v}\ngpfs_requests_open{{fs="s"}} {v} {epoch_ms + v}'
        for v in (0, 250)
    ]
    (tmp_path / "a").write_text("\n".join(lines))
    rows, rejects = read(tmp_path, GpfsExporter(), node="login1")
    (row,) = rows["scale_client"]
    assert (row["node"], row["ts"], row["interval_s"]) == ("login1", TEN, 0.25)
    assert (row["read_bytes"], row["opens"], row["write_bytes"], rejects) == (250, 250, None, {})
    assert "set options.node" in read(tmp_path, GpfsExporter())[1][""]


TIMED = [
    line
    for minute, n in ((0, 1), (5, 3))
    for line in scrape((n * 1000,) * 8).replace("\n", f" {minute}\n").splitlines()
    if line.startswith("gpfs_")
]
"""Samples of two scrapes, each with the minute at its end."""


def at(minute: str, scale: int) -> str:
    seconds = int((TEN - datetime(1970, 1, 1)).total_seconds()) + 60 * int(minute)
    return f"{seconds * 1000}" if scale == 1000 else f"{seconds}" if scale == 1 else f"{seconds}.000"


@pytest.mark.parametrize(
    "form",
    [
        lambda line, minute: f"{line} {at(minute, 1000)}",
        lambda line, minute: f"{line} {at(minute, 1)}",
        lambda line, minute: f"{line} {at(minute, 0)}",
        lambda line, minute: f'{line} {at(minute, 0)} # {{trace_id="a}}b"}} 1',
        lambda line, minute: f"  {line.replace('fs=', 'fs = ')} {at(minute, 1000)}\r",
        lambda line, minute: f"{line.replace('fs=', 'filesystem=').replace('}', ',}')} {at(minute, 1000)}",
    ],
    ids=["milliseconds", "seconds", "decimals", "exemplar", "spaces", "filesystem"],
)
def test_a_samples_time_means_the_same_in_each_dialect(tmp_path: Path, form: Any) -> None:
    """P8: OpenMetrics has seconds where Prometheus' text has milliseconds; an exemplar is neither value nor label."""
    lines = [form(*line.rsplit(" ", 1)) for line in TIMED]
    (tmp_path / "a").write_text("\n".join(lines) + "\n# EOF\n")
    rows, rejects = read(tmp_path, GpfsExporter(), backend="scratch")
    assert clients(rows) == [("n1", TEN, 300.0, *(2000,) * 8, False)]
    assert [(r["ts"], r["total_bytes"]) for r in rows["scale_capacity"]] == [
        (TEN + timedelta(minutes=minute), 1000) for minute in (0, 5)
    ]
    assert rejects == {}


def test_a_text_of_several_nodes_scrapes_gives_each_its_own(tmp_path: Path) -> None:
    """gpfs_exporter names the node in gpfs_perf_info alone: all counters of such a text were the last node's."""
    for minute, n in ((0, 1), (5, 3)):
        one, two = (scrape((n * k * 1000,) * 8) for k in (1, 2))
        text = one + two.replace('nodename="n1"', 'nodename="n2"')
        (tmp_path / f"2026-03-01T10-{minute:02}.prom").write_text(text)
    rows, _ = read(tmp_path, GpfsExporter(), "%Y-%m-%dT%H-%M.prom", "scratch")
    assert [(node, amount) for node, _, _, amount, *_ in clients(rows)] == [("n1", 2000), ("n2", 4000)]


def test_lines_that_mmdsh_marks_with_their_node_are_readings(tmp_path: Path) -> None:
    text = reading(TEN, (1,) * 8) + reading(TEN + timedelta(minutes=1), (3,) * 8)
    (tmp_path / "a").write_text("".join(f"node7.example.org:  {line}\n" for line in text.splitlines()))
    rows, rejects = read(tmp_path, Mmpmon())
    assert clients(rows)[0][3:-1] == (2,) * 8
    assert rejects == {}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**15), min_size=2, max_size=20))
def test_amounts_add_up_to_the_counters_difference(tmp_path: Path, gains: list[int]) -> None:
    """A law: without resets nothing is lost and nothing made."""
    totals = [sum(gains[: i + 1]) for i in range(len(gains))]
    (tmp_path / "a").write_text("".join(reading(TEN + timedelta(seconds=i), (t,) * 8) for i, t in enumerate(totals)))
    rows = read(tmp_path, Mmpmon())[0]["scale_client"]
    assert sum(r["read_bytes"] for r in rows) == totals[-1] - totals[0]
    assert sum(r["interval_s"] for r in rows) == len(gains) - 1


@pytest.mark.parametrize("extractor", [Mmpmon(), GpfsExporter()], ids=["mmpmon", "exporter"])
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, extractor: Extractor) -> None:
    """300 random damages."""
    readings = "".join(reading(TEN + timedelta(seconds=i), (i,) * 8) for i in range(5))
    epoch_ms = int((TEN - datetime(1970, 1, 1)).total_seconds() * 1000)
    timed = "".join(f'gpfs_bytes_read{{fs="scratch",node="n"}} {v} {epoch_ms + v}\n' for v in range(5))
    content = readings if extractor.source == "mmpmon" else scrape((1,) * 8) + timed
    where = site(tmp_path, extractor.source, "a", "scratch")
    count = int(os.environ.get("IOLAKE_FUZZ", "300"))
    assert survives(extractor, where, tmp_path / "a", content.encode(), count) > 0
