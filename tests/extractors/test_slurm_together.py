"""Small Slurm files are read together, with the same result as each alone."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Batch, Input, Outcome, Reject, Span
from iolake.extractors.slurm import Slurm
from iolake.pipelines.ingest import ingest
from iolake.schemas.site import Site
from iolake.warehouse import Lake
from tests.extractors.slurm_files import HEADER, newer_job, text

FILES: dict[str, str | bytes] = {
    "a.txt": text("1|1|COMPLETED|10|20|30|10", "1.0|1.0|COMPLETED|20|20|30|10", "2|2|FAILED|10|20|3x|1"),
    "b.txt": text("1.1|1.1|COMPLETED|20|20|30|10", "3|3|RUNNING|10|20|Unknown|1"),
    "c.txt": text("4|4|COMPLETED|10|20|30|many", "4|4|COMPLETED|10|20|30|10"),
    "d.txt": "not sacct's\n",
    "e.txt": text("5|10|20|x|many", header="JobIDRaw|Start|End|Sparkle|NCPUS"),
    "f.txt": text("1|c|10|20", "2|other|10|20", header="JobIDRaw|Cluster|Start|End"),
    "g.txt": text("1|no|10|20", "2|other|10|20", header="JobIDRaw|Cluster|Start|End"),
    "h.txt": text("x|ada", header="JobIDRaw|User"),
    "i.txt": text(),
    "j.txt": gzip.compress(text("6|6|COMPLETED|10|20|30|10").encode()),
    "k.txt": bz2.compress(json.dumps({"jobs": [newer_job(job_id=7)]}).encode()),
    "l.txt": lzma.compress(text("8|8|COMPLETED|10|20|30|10").encode())[:-9],
    "m.txt": gzip.compress(
        text("9|9|COMPLETED|10|20|30|10", *["9.1|9.1|COMPLETED|10|20|30|" + "1" * 99] * 9999).encode()
    ),
    "n.txt": b"SQLite format 3\0 and more",
    "o.txt": text("10|10|COMPLETED|10|20|30|10", header="\ufeff" + HEADER).replace("\n", "\r\n"),
}
Found = dict[str, tuple[list[Any], dict[str, str], str]]


def found(inputs: list[Input], site: Site) -> Found:
    """(rows, rejects by part, outcome) of each input."""
    rows: dict[str, list[Any]] = {i.input_id: [] for i in inputs}
    rejects: dict[str, dict[str, str]] = {i.input_id: {} for i in inputs}
    ended: dict[str, str] = {}
    for result in Slurm().read_many(inputs, site):
        if isinstance(result, Batch):
            for row in result.data.to_pylist():
                rows[row["input_id"]].append((result.table.name, row))
        elif isinstance(result, Reject):
            rejects[result.input.input_id][result.part] = result.reason
        else:
            assert isinstance(result, Outcome)
            ended[result.input.input_id] = result.status
    return {i.uri: (rows[i.input_id], rejects[i.input_id], ended[i.input_id]) for i in inputs}


def test_files_read_together_give_what_each_gives_alone(tmp_path: Path) -> None:
    """P2, P5: neither rows nor rejects depend on the files read together."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    site = Site.model_validate({"clusters": {"c": {"slurm": {"files": str(tmp_path / "*.txt")}}}})
    inputs = list(Slurm().find(site, Span()))
    alone: Found = {}
    for input in inputs:
        alone |= found([input], site)
    assert found(inputs, site) == alone
    assert sum(len(rows) for rows, _, _ in alone.values()) == 13


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_reader_is_called_as_often_for_thirty_small_files_as_for_two(tmp_path: Path, pack: Any) -> None:
    """Reading a file alone takes a fixed time of 0.1 s, whatever it holds."""
    site = Site.model_validate({"clusters": {"c": {"slurm": {"files": str(tmp_path / "*.json")}}}})
    batches = []
    for count in (2, 30):
        for number in range(count):
            document = {"jobs": [newer_job(job_id=number, comment={"job": "x" * number})]}
            (tmp_path / f"{number}.json").write_bytes(pack(json.dumps(document).encode()))
        results = list(Slurm().read_many(list(Slurm().find(site, Span())), site))
        batches.append([r.table.name for r in results if isinstance(r, Batch)])
        assert sum(r.data.num_rows for r in results if isinstance(r, Batch)) == 2 * count
    assert batches[0] == batches[1] == ["slurm_jobs", "slurm_steps"]


@pytest.mark.parametrize("pattern", ["*.txt", "%Y-%m-%d.txt"])
def test_a_job_that_two_small_files_hold_is_one_row_and_the_fuller_one_stays(tmp_path: Path, pattern: str) -> None:
    """P2: as if the files had been loaded one after the other."""
    full, bare = text("1|1|COMPLETED|10|20|30|10"), text("1|10|20|30", header="JobIDRaw|Submit|Start|End")
    for day, content in enumerate((full, bare, bare), 1):
        (tmp_path / f"2026-01-0{day}.txt").write_text(content)
    site = Site.model_validate(
        {
            "lake": {"uri": str(tmp_path / "lake")},
            "clusters": {"c": {"slurm": {"files": str(tmp_path / pattern)}}},
            "root": str(tmp_path),
        }
    )
    ingest(site, workers=0)
    query = "SELECT run_id, state FROM slurm_jobs"
    assert Lake(tmp_path / "lake").sql(query).fetchall() == [("1.10", "COMPLETED")]
    assert HEADER.count("|") == 6
