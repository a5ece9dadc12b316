"""The centre's files, read by those whose formats they are, or by readers that know nothing of the demo."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import h5py
import numpy as np
import pytest
import yaml

from iolake.demo.formats.sacct import node_list
from iolake.demo.logs import HEAT_RANKS
from iolake.demo.truth import LogTruth, Truth

PYDARSHAN = """
import json, sys, darshan
for path in sys.stdin.read().split():
    report = darshan.DarshanReport(path, read_all=True)
    found = {"job": report.metadata["job"], "exe": report.metadata["exe"], "modules": list(report.records)}
    for module in ("POSIX", "STDIO", "MPI-IO"):
        if module in report.records:
            frame = report.records[module].to_df()["counters"]
            name = module.replace("-", "")
            found[module] = sorted(
                [report.name_records[i], int(rank), int(r), int(w)]
                for i, rank, r, w in zip(
                    frame["id"], frame["rank"], frame[name + "_BYTES_READ"], frame[name + "_BYTES_WRITTEN"]
                )
            )
    found["osts"] = {
        report.name_records[r["id"]]: [int(o) for o in r["components"][0]["ost_ids"]]
        for r in (report.records["LUSTRE"] if "LUSTRE" in report.records else [])
    }
    if "DXT_POSIX" in report.records:
        found["traced"] = [
            sum(int(frame["length"].sum()) for r in report.records["DXT_POSIX"].to_df() for frame in [r[way]] if len(frame))
            for way in ("read_segments", "write_segments")
        ]
    found["heat"] = {
        name: int(heat.to_df(ops=["read", "write"]).to_numpy().sum()) for name, heat in report.heatmaps.items()
    }
    print(json.dumps(found))
"""  # noqa: E501


def logs_to_judge(truth: Truth) -> list[LogTruth]:
    """One log of each program, and all that play a part."""
    kept = [log for log in truth.logs if log["fate"] in ("kept", "misfiled")]
    return list({log["exe"]: log for log in kept}.values()) + [log for log in kept if log["fate"] == "misfiled"]


def test_pydarshan_reads_what_the_truth_says(root: Path, truth: Truth) -> None:
    logs = logs_to_judge(truth)
    paths = " ".join(str(root / log["path"]) for log in logs)
    done = subprocess.run(
        [sys.executable, "-c", PYDARSHAN], input=paths, capture_output=True, text=True, check=True, timeout=120
    )
    for log, line in zip(logs, done.stdout.splitlines(), strict=True):
        found = json.loads(line)
        assert found["job"]["jobid"] == log["job_id"]
        assert found["job"]["nprocs"] == log["nprocs"]
        assert found["job"]["run_time"] == pytest.approx(log["end"] - log["start"], abs=1e-5)
        assert found["exe"].startswith(log["exe"])
        for module, interfaces in {"POSIX": ("POSIX", "MPI-IO"), "MPI-IO": ("MPI-IO",), "STDIO": ("STDIO",)}.items():
            mine = [file for file in log["files"] if file["interface"] in interfaces]
            moved = [[f["path"], f["rank"], f["read_bytes"], f["write_bytes"]] for f in mine]
            assert found.get(module, []) == sorted(moved)
            total = sum(f["read_bytes"] + f["write_bytes"] for f in mine)
            if log["nprocs"] <= HEAT_RANKS:
                assert found["heat"].get(module.replace("-", ""), 0) == total
        assert found["osts"] == {f["path"]: f["osts"] for f in log["files"] if f["osts"]}
        assert ("traced" in found) == log["traced"]
        if log["traced"]:
            posix = [file for file in log["files"] if file["interface"] == "POSIX"]
            assert found["traced"] == [sum(f[way] for f in posix) for way in ("read_bytes", "write_bytes")]


def test_h5py_reads_every_step_of_the_tts_days(root: Path, truth: Truth) -> None:
    """The files' own names tell the columns; what is missing is -0.0, and nothing else is."""
    seen, missing = truth.traffic["lagoon"], truth.faults["lagoon"].missing[:-1]
    names = [f"lag01-OST{ost:04x}" for ost in range(seen.fs.osts)]
    for dataset, moved in {"readbytes": seen.read, "writebytes": seen.written}.items():
        values, times = [], []
        orders = set()
        for path in sorted(root.glob("tts/*/lag01.hdf5")):
            with h5py.File(path) as file:
                group = file["datatargets"]
                columns = [name.decode() for name in group[dataset].attrs["columns"]]
                orders.add(tuple(columns))
                values.append(group[dataset][:][:, [columns.index(name) for name in names]])
                times.append(group["timestamps"][:])
                assert file.attrs["start"] == times[-1][0]
                assert file.attrs["end"] == times[-1][-1] + seen.step_s
        table = np.concatenate(values)
        assert (np.concatenate(times) == seen.times()).all()
        assert (np.signbit(table) == missing).all()
        assert (table[~missing] == moved[~missing]).all()
        assert not table[missing].any()
        assert len(orders) == (2 if dataset == "writebytes" else 1)


def samples(root: Path) -> Iterator[tuple[str, int, str, int, int]]:
    with closing(sqlite3.connect(root / "lmt" / "fjd02.sqlite3")) as db:
        yield from db.execute("""
            SELECT OST_NAME, TS_ID, TIMESTAMP, READ_BYTES, WRITE_BYTES
            FROM OST_DATA JOIN OST_INFO USING (OST_ID) JOIN TIMESTAMP_INFO USING (TS_ID) ORDER BY OST_NAME, TS_ID""")


def test_sqlite_shows_counters_that_add_up_to_the_truth(root: Path, truth: Truth) -> None:
    """Each counter's own difference is what its target moved, but for what its resets lost."""
    seen, faults = truth.traffic["fjord"], truth.faults["fjord"]
    rows: list[Any] = list(samples(root))
    for ost in range(seen.fs.osts):
        mine = [row for row in rows if row[0] == f"fjd02-OST{ost:04x}"]
        resets = [reset for reset in faults.resets if reset.ost == ost]
        for column, moved in ((3, seen.read), (4, seen.written)):
            values = [row[column] for row in mine]
            falls = [at for at in range(1, len(values)) if values[at] < values[at - 1]]
            assert len(falls) == len(resets)
            if not resets:
                assert values[-1] - values[0] == moved[:, ost].sum()
                continue
            (reset,), (fall,) = resets, falls
            lost = int(moved[reset.step, ost] * reset.part)
            assert values[-1] == moved[reset.step :, ost].sum() - lost
            assert values[fall - 1] - values[0] <= moved[: reset.step, ost].sum()


def test_the_wall_clock_repeats_an_hour_in_the_order_of_ts_id(root: Path, truth: Truth) -> None:
    seen = truth.traffic["fjord"]
    with closing(sqlite3.connect(root / "lmt" / "fjd02.sqlite3")) as db:
        texts = [text for (text,) in db.execute("SELECT TIMESTAMP FROM TIMESTAMP_INFO ORDER BY TS_ID")]
    jumps = [(a, b) for a, b in pairwise(texts) if b < a]
    assert jumps == [("2025-10-26 02:59:00", "2025-10-26 02:00:00")]
    ticks = (~truth.faults["fjord"].missing).any(axis=1)
    wall = [
        datetime.fromtimestamp(seen.first + k * seen.step_s, ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M:%S")
        for k in np.flatnonzero(ticks).tolist()
    ]
    assert sorted(set(texts)) == sorted(set(wall))
    assert len(texts) == len(wall) + 1, "one tick has two ids"


def test_an_idle_counter_stands_at_zero(root: Path, truth: Truth) -> None:
    idle = f"fjd02-OST{truth.world.file_system('fjord').osts - 1:04x}"
    values = {row[3:] for row in samples(root) if row[0] == idle}
    assert values == {(0, 0)}


def test_csv_reads_sacct_and_finds_every_job_with_its_local_times(root: Path, truth: Truth) -> None:
    for cluster in truth.world.clusters:
        shown: dict[tuple[str, str, str], dict[str, str]] = {}
        for path in sorted((root / "slurm" / cluster.name).glob("*.txt")):
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE):
                    assert None not in row.values()
                    if "." not in row["JobID"]:
                        shown[row["JobID"], row["Submit"], row["Start"]] = row
        mine = [job for job in truth.jobs if job["cluster"] == cluster.name]
        assert len(shown) == len(mine)
        for job in mine:
            submit, start, end = (
                "None" if at is None else datetime.fromtimestamp(at, cluster.tz).strftime("%Y-%m-%dT%H:%M:%S")
                for at in (job["submit"], job["start"], job["end"])
            )
            row = shown[job["shown_id"], submit, start]
            assert row["JobIDRaw"] == str(job["job_id"])
            assert row["End"] == ("Unknown" if job["end"] is None else end)
            assert row["State"] == job["state"]
            assert row["AllocNodes"] == str(len(job["nodes"]))


def test_a_job_over_midnight_is_in_both_days_files(root: Path, truth: Truth) -> None:
    jobs = [job for job in truth.jobs if job["role"] == "over midnight"]
    assert jobs
    for job in jobs:
        files = [
            path.stem
            for path in (root / "slurm" / job["cluster"]).glob("*.txt")
            if re.search(rf"^{re.escape(job['shown_id'])}\|", path.read_text(), re.MULTILINE)
        ]
        assert len(files) == 2


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["n1"], "n1"),
        (["nid00003", "nid00004", "nid00007"], "nid[00003-00004,00007]"),
        (["cn009", "cn010", "cn011"], "cn[009-011]"),
        ([], "None assigned"),
    ],
)
def test_node_names_fold_as_slurm_folds_them(names: list[str], folded: str) -> None:
    assert node_list(names) == folded


def test_snapshots_of_both_file_systems_begin_with_their_time(root: Path, truth: Truth) -> None:
    """Each snapshot names each target once; used and available never exceed the size."""
    targets = sum(fs.osts + fs.mdts for fs in truth.world.file_systems)
    for path in sorted(root.glob("lfs/*/df.txt.gz")):
        parts = re.split(r"^BEGIN (\d+)\n", gzip.decompress(path.read_bytes()).decode(), flags=re.MULTILINE)[1:]
        assert len(parts) == 2 * 48
        for text in parts[1::2]:
            lines = re.findall(
                r"^(\S+)_UUID +(\d+) +(\d+) +(\d+) +(\d+)% (\S+)\[(OST|MDT):(\d+)\]$", text, re.MULTILINE
            )
            assert len({line[0] for line in lines}) == len(lines) == targets
            for name, total, used, available, *_, index in lines:
                assert int(used) + int(available) <= int(total)
                assert int(name[-4:], 16) == int(index)
    for path in sorted(root.glob("lfs/*/targets.txt.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        assert text.count("BEGIN ") == 48
        assert len(re.findall(r"^ *\d+ UP (?:osc|mdc) \S+ \S+ 5 \S+@o2ib2$", text, re.MULTILINE)) == 48 * targets


def test_while_a_target_fails_its_partner_serves_it(root: Path) -> None:
    text = "".join(gzip.decompress(p.read_bytes()).decode() for p in sorted(root.glob("lfs/*/targets.txt.gz")))
    serving = re.findall(r"lag01-OST0002-osc\S* \S+ 5 (\S+)@", text)
    assert set(serving) == {"10.100.101.6", "10.100.101.7"}
    assert serving[0] == serving[-1] == "10.100.101.6"
    assert serving.count("10.100.101.7") == 4


def test_yaml_reads_job_stats_whose_last_words_add_up_to_the_truth(root: Path, truth: Truth) -> None:
    """What a job's entry says last before it leaves, or starts anew, is all that it did since it came."""
    stays: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for path in sorted(root.glob("params/*/*.txt")):
        parts = re.split(r"^obdfilter\.(\S+)\.job_stats=\n", path.read_text(), flags=re.MULTILINE)[1:]
        for target, text in zip(parts[::2], parts[1::2], strict=True):
            for entry in yaml.safe_load(text)["job_stats"] or []:
                moved = entry["read_bytes"]["sum"], entry["write_bytes"]["sum"]
                stay = stays.setdefault((target, entry["job_id"]), {})
                before = stay.get(entry["start_time"], (0, 0))
                assert moved >= before, "a counter does not fall while its job stays"
                assert float(entry["snapshot_time"].split()[0]) <= int(path.stem)
                stay[entry["start_time"]] = moved
    found = {key: tuple(map(sum, zip(*stay.values(), strict=True))) for key, stay in stays.items()}
    happened: dict[tuple[str, str], tuple[int, int]] = {}
    for job in truth.jobs:
        for ost, read, written in job["on_targets"].get("lagoon", []):
            key = f"lag01-OST{ost:04x}", f"{job['cluster']}:{job['job_id']}"
            known = happened.get(key, (0, 0))
            happened[key] = known[0] + read, known[1] + written
    assert found == happened
