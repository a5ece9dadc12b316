"""Mutations of plain and packed files of each source that has no such test of its own, and of JSON that stays JSON."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from iolake.pipelines.registry import extractors
from iolake.schemas.site import Site
from tests.extractors import test_collectd, test_network, test_params, test_schedulers, test_ssd, test_transfers
from tests.extractors.fuzz import MUTATIONS, altered, survives
from tests.extractors.slurm_files import newer_job, text
from tests.extractors.test_lfs import DF, DL, INODES


class Case(NamedTuple):
    source: str
    content: bytes
    name: str = "a"
    backend: str | None = None
    pack: Callable[[bytes], bytes] = bytes


def parquet(csv: bytes) -> bytes:
    content = io.BytesIO()
    pl.read_csv(csv).write_parquet(content)
    return content.getvalue()


SACCT = text("1|1|COMPLETED|2025-01-01T00:00:00|2025-01-01T00:00:10|2025-01-01T00:01:00|50", "1.0|1.0|COMPLETED|||x|")
SACCT_JSON = json.dumps({"jobs": [newer_job()]}).encode()
CSV = b"""\
scheduler_id,start_time,end_time,queue,timelimit_s,ncpus,further,node_list
12[7].pbs,2017-03-20T01:59:02,2017-03-20T10:00:00Z,debug,01:00:00,72,3,n[1-3]
13,1500000000,1500000010,,5,1,1,"a b,c"
"""
DUMPS = "".join(
    test_params.dump(
        60 * i,
        {"write_bytes": f"{10 + i} samples [bytes] 1 9 {1000 * i} 5"},
        test_params.job("12", 60 * i, 100 * i) + test_params.job("x.13", 60 * i, 300, 0),
        {"open": f"{i} samples [reqs]"},
    )
    for i in range(3)
)
PLAIN = (
    Case("slurm", SACCT.encode()),
    Case("slurm", SACCT_JSON),
    Case("df", f"BEGIN 1489998203\n{DF}{INODES}".encode(), backend="big-fs"),
    Case("targets", f"BEGIN 1489998203\n{DL}".encode(), backend="big-fs"),
    Case("params", DUMPS.encode(), backend="my-fs"),
    Case("jobs", CSV),
    Case("jobs", parquet(CSV)),
)
PACKED = (
    Case("slurm", SACCT.encode(), pack=gzip.compress),
    Case("df", f"BEGIN 1489998203\n{DF}{INODES}".encode(), backend="big-fs", pack=bz2.compress),
    Case("params", DUMPS.encode(), backend="my-fs", pack=gzip.compress),
    Case("jobs", CSV, "a.gz", pack=gzip.compress),
    Case("pbs", test_schedulers.PBS.encode(), "a.gz", pack=gzip.compress),
    Case("gridftp", f"{test_transfers.HEAD} FILE=/home/x {test_transfers.TAIL}\n".encode(), pack=gzip.compress),
)
DOCUMENTS = (
    Case("slurm", SACCT_JSON),
    Case("flux", json.dumps(test_schedulers.FLUX).encode()),
    Case("globus", json.dumps([[test_transfers.HIT], []]).encode()),
    Case("collectd", json.dumps(test_collectd.hits(test_collectd.EACH)).encode()),
    Case("esnet_snmp", json.dumps(test_network.rates()).encode()),
    Case("ssd", json.dumps(test_ssd.SMARTCTL).encode(), "nvme0n1.json"),
)


def site_of(case: Case, root: Path) -> Site:
    extractor = extractors()[case.source]
    owner = {"timezone": "UTC", case.source: {"files": str(root / case.name)}}
    owner |= {"backend": case.backend} if case.backend else {}
    return Site.model_validate({f"{extractor.owner}s": {"a": owner}})


@pytest.mark.parametrize("case", [*PLAIN, *PACKED], ids=lambda case: f"{case.source}-{case.pack.__name__}")
def test_whatever_a_file_holds_is_read_or_named(tmp_path: Path, case: Case) -> None:
    """P5: random damages, in packed files before they are packed."""
    count = max(1, MUTATIONS // 4)
    found = survives(
        extractors()[case.source], site_of(case, tmp_path), tmp_path / case.name, case.content, count, pack=case.pack
    )
    assert found > 0


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case.source)
def test_whatever_a_document_says_is_read_or_named(tmp_path: Path, case: Case) -> None:
    """P5: JSON with values and names that its source never writes."""
    file = tmp_path / "n1" / case.name if case.source == "ssd" else tmp_path / case.name
    file.parent.mkdir(exist_ok=True)
    where = site_of(case, file.parent)
    found = survives(extractors()[case.source], where, file, case.content, max(1, MUTATIONS // 4), change=altered)
    assert found > 0
