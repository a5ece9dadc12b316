"""Dumps of a Lustre server's parameters, made up here line by line, to rows."""

from __future__ import annotations

import bz2
import gzip
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iolake.extractors.base import Batch, InputError, Outcome, Span
from iolake.extractors.params import Params
from iolake.extractors.params.jobs import identify
from iolake.schemas.site import Site

T = 1_772_366_400  # 2026-03-01 12:00:00 UTC


def dump(
    seconds: int, ost: dict[str, str], jobs: str | None = None, mdt: dict[str, str] | None = None, start: int = 0
) -> str:
    """A `lctl get_param` dump of one OST and one MDT, `seconds` after T."""
    since = f"start_time                {start}.000000000 secs.nsecs\n" if start else ""
    moment = f"snapshot_time             {T + seconds}.000000000 secs.nsecs\n{since}"
    stats = "".join(f"{op}   {line}\n" for op, line in ost.items())
    text = f"health_check=healthy\nobdfilter.my-fs-OST00ad.stats=\n{moment}{stats}"
    text += "osd-ldiskfs.my-fs-OST00ad.kbytestotal=1000\nosd-ldiskfs.my-fs-OST00ad.kbytesfree=600\n"
    text += "osd-ldiskfs.my-fs-OST00ad.kbytesavail=500\nosd-ldiskfs.MGS.kbytestotal=7\n"
    if mdt is not None:
        lines = "".join(f"{op}   {line}\n" for op, line in mdt.items())
        text += f"mdt.my-fs-MDT0000.md_stats=\n{moment}{lines}"
        text += "mdt.my-fs-MDT0000.exports.1@tcp.stats=\nopen 5 samples [reqs]\n"
    if jobs is not None:
        text += f"obdfilter.my-fs-OST00ad.job_stats=\njob_stats:{jobs}\n"
    return text


def job(name: str, seconds: int, wrote: int, start: int | None = None) -> str:
    """One entry of a job_stats list."""
    since = f"  start_time:      {T + start}.000000000 secs.nsecs\n" if start is not None else ""
    return (
        f"\n- job_id:          {name}\n  snapshot_time:   {T + seconds}.000000000 secs.nsecs\n{since}"
        "  read_bytes:      { samples:           0, unit: bytes, min:       0, max:       0, sum:               0 }\n"
        f"  write_bytes:     {{ samples: {wrote // 100}, unit: bytes, min: 100, max: 100, sum: {wrote} }}\n"
        "  punch:           { samples:           2, unit: usecs, min: 1, max: 2, sum: 3, sumsq: 5 }"
    )


def site(root: Path, files: str = "*.txt", **source: Any) -> Site:
    """A site with one file system whose dumps lie in `root`."""
    return Site.model_validate(
        {
            "root": str(root),
            "file_systems": {"scratch": {"backend": "my-fs", "params": {"files": files, **source}}},
        }
    )


def load(root: Path, files: str = "*.txt", **source: Any) -> dict[str, list[dict[str, Any]]]:
    """Table to rows, over all inputs."""
    where, extractor = site(root, files, **source), Params()
    tables: dict[str, list[dict[str, Any]]] = {}
    for input in extractor.find(where, Span()):
        for batch in extractor.read(input, where):
            assert isinstance(batch, Batch)
            tables.setdefault(batch.table.name, []).extend(pa.table(batch.data).to_pylist())
    return tables


def test_bytes_are_differences_between_dumps(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text(
        dump(0, {"write_bytes": "10 samples [bytes] 1 9 1000 5", "write": "10 samples [usecs] 1 9 70 5"})
    )
    (tmp_path / "2.txt").write_text(
        dump(60, {"write_bytes": "15 samples [bytes] 1 9 1700 5", "write": "15 samples [usecs] 1 9 90 5"})
    )
    first, last = load(tmp_path)["lustre_ost"]
    assert (first["ost"], first["interval_s"], first["reset"]) == ("OST00ad", 60.0, False)
    assert (first["write_bytes"], first["write_ops"], first["read_bytes"]) == (700, 5, 0)
    assert first["op_time_us"] == [("write", 20)]
    assert (first["total_bytes"], first["used_bytes"], first["available_bytes"]) == (1024000, 409600, 512000)
    assert (last["interval_s"], last["write_bytes"], last["used_bytes"]) == (None, None, 409600)


def test_a_new_start_time_is_a_reset_even_where_counters_have_overtaken(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text(dump(0, {"read_bytes": "1 samples [bytes] 1 9 1000"}, start=5))
    (tmp_path / "2.txt").write_text(dump(60, {"read_bytes": "1 samples [bytes] 1 9 1500"}, start=T + 30))
    tables = load(tmp_path)
    row, fs = tables["lustre_ost"][0], tables["lustre_fs"][0]
    assert (row["read_bytes"], row["reset"]) == (1500, True)
    assert (fs["read_bytes"], fs["osts_missing"]) == (1500, 1), "P12: what it counted before the reset is not known"


def test_operations_of_metadata_targets_have_columns_and_the_rest_a_map(tmp_path: Path) -> None:
    """What servers count for each client is left alone; a name that stands twice is two counters of one operation."""
    before = {
        "open": "5 samples [usecs] 1 1 50",
        "statfs": "7 samples [reqs]",
        "parallel_rename_dir": "1 samples [reqs]",
    }
    after = {
        "open": "8 samples [usecs] 1 1 90",
        "statfs": "9 samples [reqs]",
        "parallel_rename_dir": "4 samples [reqs]",
    }
    (tmp_path / "1.txt").write_text(dump(0, {}, mdt=before))
    (tmp_path / "2.txt").write_text(dump(60, {}, mdt=after))
    row = load(tmp_path)["lustre_mdt"][0]
    assert (row["opens"], row["statfs"], row["closes"]) == (3, 2, 0)
    assert row["other_ops"] == [("parallel_rename_dir", 3)]
    assert row["op_time_us"] == [("open", 40)]
    assert row["read_bytes"] is None


def test_the_whole_file_system_is_the_sum_of_its_targets(tmp_path: Path) -> None:
    for number, (seconds, value) in enumerate([(0, 100), (60, 700), (120, 900)]):
        (tmp_path / f"{number}.txt").write_text(
            dump(seconds, {"write_bytes": f"1 samples [bytes] 1 9 {value}"}, mdt={})
        )
    rows = load(tmp_path)["lustre_fs"]
    assert [row["write_bytes"] for row in rows] == [600, 200]
    assert [row["write_bytes_before"] for row in rows] == [0, 600]
    assert [(row["osts"], row["osts_missing"], row["mdts"]) for row in rows] == [(1, 0, 1)] * 2


def test_jobs_count_from_their_start_and_then_from_dump_to_dump(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text(
        dump(100, {}, job("SLURM_JOB29", 90, 500, start=20) + job('"fio:0:n1"', 95, 100, start=40))
    )
    (tmp_path / "2.txt").write_text(
        dump(200, {}, job("SLURM_JOB29", 190, 800, start=20) + job('"fio:0:n1"', 95, 100, start=40))
    )
    rows = load(tmp_path, job_id=r"SLURM_JOB(?P<job_id>\d+)|(?P<executable>\w+):(?P<uid>\d+):(?P<host>\w+)")[
        "lustre_jobstats"
    ]
    slurm = sorted((r for r in rows if r["job_id"] == 29), key=lambda r: r["ts"])
    assert [(r["interval_s"], r["write_bytes"], r["write_ops"], r["fresh"]) for r in slurm] == [
        (70.0, 500, 5, True),
        (90.0, 300, 3, False),  # from the dump before, in which it had done no more
    ]
    (other,) = (r for r in rows if r["job_id"] is None)
    assert (other["executable"], other["uid"], other["host"], other["write_bytes"]) == ("fio", 0, "n1", 100)
    assert slurm[0]["ops"] == [("punch", 2)]
    assert slurm[0]["op_time_us"] == [("punch", 3)]
    assert len(rows) == 3


def test_an_entry_that_comes_back_from_zero_is_a_new_start(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text(dump(100, {}, job("7", 90, 500)))
    (tmp_path / "2.txt").write_text(dump(200, {}, "{}"))
    (tmp_path / "3.txt").write_text(dump(300, {}, job("7", 290, 600)))
    rows = load(tmp_path)["lustre_jobstats"]
    assert sum(r["write_bytes"] for r in rows) == 1100
    assert all(r["fresh"] for r in rows)
    assert {r["job_id"] for r in rows} == {7}


def test_days_hand_over_to_each_other_without_loss_or_doubling(tmp_path: Path) -> None:
    """P2: the reading that ends a day's last row begins the next day's first."""
    values = [
        ("2026-03-01", 43_100, 100),
        ("2026-03-01", 43_190, 300),
        ("2026-03-02", 43_210, 700),
        ("2026-03-02", 43_300, 800),
    ]
    for day, seconds, value in values:
        (tmp_path / day).mkdir(exist_ok=True)
        text = dump(seconds, {"write_bytes": f"1 samples [bytes] 1 9 {value}"}, job("7", seconds, value, start=0))
        (tmp_path / day / f"{seconds}.txt").write_text(text)
    tables = load(tmp_path, "%Y-%m-%d/*.txt")
    rows = [r for r in tables["lustre_ost"] if r["write_bytes"] is not None]
    assert sorted((r["ts"].hour, r["write_bytes"], r["interval_s"]) for r in rows) == [
        (0, 100, 90.0),
        (23, 200, 90.0),
        (23, 400, 20.0),
    ]
    keys = [(r["ost"], r["ts"]) for r in tables["lustre_ost"]]
    assert len(set(keys)) == len(keys)
    assert sum(r["write_bytes"] for r in tables["lustre_jobstats"]) == 800


def test_a_day_is_another_input_once_the_next_day_has_begun(tmp_path: Path) -> None:
    """So that its last row is read again with its end."""
    where = site(tmp_path, "%Y-%m-%d.txt")
    (tmp_path / "2026-03-01.txt").write_text(dump(0, {}))
    (alone,) = Params().find(where, Span())
    (before,) = (part for part in Params().read_many([alone], where) if isinstance(part, Outcome))
    (tmp_path / "2026-03-02.txt").write_text(dump(86400, {}))
    first, _ = Params().find(where, Span())
    assert first.uri == alone.uri
    assert first.size_bytes != alone.size_bytes
    known = replace(first, known_hash=before.content_hash)
    (after,) = (part for part in Params().read_many([known], where) if isinstance(part, Outcome))
    assert (before.status, after.status) == ("loaded", "loaded")


def test_proc_files_are_one_dump_by_their_tree(tmp_path: Path) -> None:
    folder = tmp_path / "proc/fs/lustre/obdfilter/my-fs-OST0000"
    folder.mkdir(parents=True)
    (folder / "stats").write_text(f"snapshot_time {T}.5 secs.usecs\nwrite_bytes 4 samples [bytes] 1 9 16\n")
    (folder / "kbytestotal").write_text("10\n")
    (folder / "kbytesfree").write_text("4\n")
    (row,) = load(tmp_path, "proc/fs/lustre/*/*/*")["lustre_ost"]
    assert (row["ost"], row["used_bytes"], row["ts"].microsecond) == ("OST0000", 6144, 5)


def test_an_exporters_text_is_a_dump_at_the_time_in_its_name(tmp_path: Path) -> None:
    for minute, value in ((0, 5), (1, 25)):
        (tmp_path / f"2026-03-01-12{minute:02}.prom").write_text(
            "# HELP lustre_write_bytes_total bytes\n"
            f'lustre_write_bytes_total{{component="ost",target="my-fs-OST0007"}} {value}\n'
            f'lustre_job_write_bytes_total{{component="ost",jobid="29",target="my-fs-OST0007"}} {value}\n'
            f'lustre_stats_total{{component="ost",operation="punch",target="my-fs-OST0007"}} {value}e0\n'
        )
    tables = load(tmp_path, "%Y-%m-%d-%H%M.prom")
    first = tables["lustre_ost"][0]
    assert (first["ts"].hour, first["interval_s"], first["write_bytes"], first["other_ops"]) == (
        12,
        60.0,
        20,
        [("punch", 20)],
    )
    assert sum(r["write_bytes"] for r in tables["lustre_jobstats"]) == 25


@pytest.mark.parametrize("text", ["", "nothing of the kind\n"])
def test_a_file_without_targets_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / "1.txt").write_text(text)
    with pytest.raises(InputError, match="holds no parameters of Lustre targets"):
        load(tmp_path)


def test_other_file_systems_are_named(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("osd-ldiskfs.other-OST0000.kbytestotal=7\n")
    with pytest.raises(InputError, match="holds other, not my-fs"):
        load(tmp_path)


def test_odd_bytes_in_a_job_name_are_kept_as_text(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(dump(100, {}, job('"a\xe9:0"', 90, 500, start=20)).encode("latin-1"))
    (row,) = load(tmp_path)["lustre_jobstats"]
    assert row["jobstats_id"] == "a\\xe9:0"


def with_headers(text: str) -> str:
    """The dump as `lctl get_param -H` prints it: the parameter's name before each of its lines."""
    lines, name = [], ""
    for line in text.splitlines():
        if (start := re.match(r"[a-z][^\s=]*=", line)) is not None:
            name = start[0]
            lines += [line] if line != name else []
        else:
            lines.append(name + line)
    return "".join(f"{line}\n" for line in lines)


def test_lines_that_each_carry_the_parameters_name_are_one_dump(tmp_path: Path) -> None:
    """`lctl get_param -H` of Lustre 2.16 (LU-17205); also where dumps are appended to one file."""
    dumps = [
        dump(60 * n, {"read_bytes": f"{n + 1} samples [bytes] 1 9 {4096 * n}"}, job("5", 60 * n, 1000 * (n + 1), -50))
        for n in range(3)
    ]
    for form, name in ((str, "plain"), (with_headers, "headers")):
        for number, text in enumerate(dumps):
            write = tmp_path / name / f"{number}.txt"
            write.parent.mkdir(exist_ok=True)
            write.write_text(form(text))
    (tmp_path / "appended").mkdir()
    (tmp_path / "appended" / "all.txt").write_text("".join(map(with_headers, dumps)))
    plain = load(tmp_path, "plain/*.txt")
    assert [row["read_bytes"] for row in plain["lustre_ost"]] == [4096, 4096, None]
    assert sum(row["write_bytes"] for row in plain["lustre_jobstats"]) == 3000
    for pattern in ("headers/*.txt", "appended/*.txt"):
        found = load(tmp_path, pattern)
        for table in ("lustre_ost", "lustre_fs", "lustre_jobstats"):
            assert found[table] == plain[table]


def test_a_start_time_in_an_exporters_text_is_a_reset_that_counters_have_overtaken(tmp_path: Path) -> None:
    """Of targets and of jobs, in seconds or milliseconds."""
    text = (
        '{name}start_time{{target="my-fs-OST0000"{label}}} {start}\n'
        '{name}read_bytes_total{{target="my-fs-OST0000"{label}}} {value}\n'
    )
    for number, (start, value) in enumerate([(T - 500, 1000), ((T + 30) * 1000, 1500)]):
        both = (("lustre_", ""), ("lustre_job_", ',jobid="7"'))
        content = "".join(text.format(name=n, label=label, start=start, value=value) for n, label in both)
        (tmp_path / f"2026-03-01-120{number}00.prom").write_text(content)
    tables = load(tmp_path, "%Y-%m-%d-%H%M%S.prom")
    row = tables["lustre_ost"][0]
    assert (row["read_bytes"], row["reset"]) == (1500, True)
    assert [row["read_bytes"] for row in tables["lustre_jobstats"]] == [1000, 1500]


def test_the_text_for_a_job_may_name_its_cluster(tmp_path: Path) -> None:
    """Two clusters that mount one file system may run jobs of the same id."""
    (tmp_path / "1.txt").write_text(dump(100, {}, job("a:7", 90, 500, 20) + job("b:7", 95, 100, 40)))
    rows = load(tmp_path, job_id=r"^(?P<cluster>\w+):(?P<job_id>\d+)$")["lustre_jobstats"]
    assert {(row["cluster"], row["job_id"], row["write_bytes"]) for row in rows} == {("a", 7, 500), ("b", 7, 100)}


samples = st.lists(st.tuples(st.integers(1, 90), st.integers(0, 2**40)), min_size=2, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100), samples), min_size=1, max_size=4))
def test_the_file_systems_sums_are_those_of_its_targets(targets: list[tuple[bool, int, list[tuple[int, int]]]]) -> None:
    """P12: whatever the phase of the servers, their gaps, and where each kind of target begins and ends."""
    texts = []
    for number, (is_ost, phase, steps) in enumerate(targets):
        name = f"obdfilter.my-fs-OST{number:04x}.stats" if is_ost else f"mdt.my-fs-MDT{number:04x}.md_stats"
        seconds, value = phase, 0
        for length, more in steps:
            seconds, value = seconds + length, value + more
            line = f"read_bytes 1 samples [bytes] 1 1 {value}" if is_ost else f"open {value} samples [reqs]"
            texts.append(f"{name}=\nsnapshot_time {T + seconds}.000000000 secs.nsecs\n{line}\n")
    with TemporaryDirectory() as root:
        for number, text in enumerate(texts):
            (Path(root) / f"{number}.txt").write_text(text)
        tables = load(Path(root))
    for column, kind in (("read_bytes", "lustre_ost"), ("opens", "lustre_mdt")):
        of_targets = sum(row[column] or 0 for row in tables.get(kind, []))
        assert sum(row[column] or 0 for row in tables["lustre_fs"]) == of_targets
        last = tables["lustre_fs"][-1]
        assert (last[f"{column}_before"] or 0) + (last[column] or 0) == of_targets


@pytest.mark.parametrize("number", ["9" * 4300, "9" * 25, "1e999999999"])
def test_a_number_of_any_length_stops_nothing(tmp_path: Path, number: str) -> None:
    """P5: the kernel's numbers have up to twenty digits."""
    (tmp_path / "1.txt").write_text(
        dump(0, {"write_bytes": f"{number} samples [bytes] 1 9 {number}"}, job(number, 5, 100, 2))
        + f"osd-zfs.my-fs-OST00ad.filesfree={number}\nobdfilter.my-fs-OST0001.stats=\nsnapshot_time {number}.5 secs\n"
    )
    (tmp_path / "2026-03-01-120000.prom").write_text(
        f'lustre_start_time{{target="my-fs-OST0002"}} {number}\n'
        f'lustre_read_bytes_total{{target="my-fs-OST0002"}} {number}\n'
    )
    assert load(tmp_path)["lustre_jobstats"][0]["write_bytes"] == 100
    assert not load(tmp_path, "%Y-%m-%d-%H%M%S.prom").get("lustre_fs")


def test_a_compressed_file_of_zeros_is_rejected_at_once(tmp_path: Path) -> None:
    """P5: a gigabyte in a megabyte is neither unpacked nor parsed."""
    (tmp_path / "1.txt").write_bytes(gzip.compress(bytes(1 << 26)))
    (tmp_path / "2.txt").write_bytes(bz2.compress(b"x" * (1 << 26)))
    (input,) = Params().find(site(tmp_path), Span())
    with pytest.raises(InputError, match=r"is not text|line longer than 1 MiB"):
        list(Params().read(input, site(tmp_path)))


@pytest.mark.parametrize(
    ("text", "job_id"),
    [("12", 12), (f"{2**63 - 1}", 2**63 - 1), (f"{2**63}", None), ("9" * 20, None), ("²", None), ("", None)],
)
def test_a_job_id_outside_of_bigint_is_null(text: str, job_id: int | None) -> None:
    assert identify(text, re.compile("(?P<job_id>.*)"))["job_id"] == job_id
