"""Accounting that lists several clusters: an input's own rows are read, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from iolake.extractors.base import Input, InputError
from iolake.extractors.slurm.lines import Rows, read_rows
from iolake.extractors.slurm.tables import read_tables
from tests.extractors.slurm_files import newer_job, read, text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sacct.txt"


def test_only_the_clusters_own_rows_are_read(path: Path) -> None:
    body = text("1|edison|10|20", "2|cori|10|20", header="JobIDRaw|Cluster|Start|End")
    tables, rejects, _ = read(path, body, cluster="edison")
    assert [j["job_id"] for j in tables["slurm_jobs"]] == [1]
    assert rejects == {"cluster cori": "is not the input's own; left out"}


def clusters_text(*clusters: str) -> str:
    rows = (f"{i}|{name}|10|20" for i, name in enumerate(clusters, 1))
    return text(*rows, header="JobIDRaw|Cluster|Start|End")


def clusters_json(*clusters: str) -> str:
    return json.dumps({"jobs": [newer_job(job_id=i, cluster=name, steps=[]) for i, name in enumerate(clusters, 1)]})


@pytest.mark.parametrize("content", [clusters_text, clusters_json])
def test_which_rows_are_the_clusters_own_is_the_same_however_the_input_is_cut(
    path: Path, content: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iolake.extractors.slurm.lines.read_rows", partial(read_rows, block_bytes=20))
    monkeypatch.setattr("iolake.extractors.slurm.json._JOBS_A_BLOCK", 2)
    for order in (["aa"] * 5 + ["C", ""] + ["bb"] * 5, ["C", ""] + ["bb"] * 5 + ["aa"] * 5):
        tables, rejects, _ = read(path, content(*order))
        assert [j["job_id"] for j in tables["slurm_jobs"]] == [
            i for i, name in enumerate(order, 1) if name in ("C", "")
        ]
        assert rejects == {f"cluster {name}": "is not the input's own; left out" for name in ("aa", "bb")}
    _, rejects, outcome = read(path, content(*["aa"] * 5, *["bb"] * 5))
    assert outcome == "rejected" and "holds the clusters aa, bb, none of them this one" in rejects[""]


def test_an_answer_that_can_be_read_but_once_is_refused_where_another_cluster_comes_before_its_own() -> None:
    blocks = [Rows(pl.DataFrame({"jobidraw": ["1"], "cluster": [name], "end": ["20"], "line": [2]})) for name in "ac"]
    with pytest.raises(InputError, match="holds the clusters a, c in an order"):
        list(read_tables(blocks, Input("slurm", "c", "sacct:c/"), ZoneInfo("UTC")))


@pytest.mark.parametrize("content", [clusters_text, clusters_json])
def test_an_input_of_one_cluster_may_have_its_own_name_for_it_but_not_that_of_another_of_the_site(
    path: Path, content: Callable[..., str]
) -> None:
    tables, rejects, _ = read(path, content("slurm-c", "slurm-c"))
    assert ([j["job_id"] for j in tables["slurm_jobs"]], rejects) == ([1, 2], {})
    _, rejects, outcome = read(path, content("Cori", "Cori"), others=("cori",))
    assert outcome == "rejected" and "holds the clusters cori, none of them this one" in rejects[""]
