"""PBS, LSF and Flux by their own files, and Slurm's topology; texts follow the forms of their manuals."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from iolake.extractors.base import Extractor
from iolake.extractors.jobs.flux import Flux
from iolake.extractors.jobs.lsf import Lsf
from iolake.extractors.jobs.pbs import Pbs
from iolake.extractors.topology import Topology
from iolake.schemas.site import Site
from tests.extractors.fuzz import survives
from tests.extractors.reading import everything

Read = tuple[list[dict[str, Any]], dict[str, str], str]


def read(folder: Path, extractor: Extractor, text: str, name: str = "in.txt") -> Read:
    (folder / name).write_text(text)
    tables, rejects, outcome = everything(extractor, site(folder, extractor, name))
    return tables[extractor.tables[0].name], rejects, outcome


def site(folder: Path, extractor: Extractor, name: str = "in.txt") -> Site:
    return Site.model_validate({"clusters": {"c": {extractor.source: {"files": str(folder / name)}}}})


PBS = """\
03/20/2017 01:00:00;Q;4478544.sdb;queue=debug
03/20/2017 01:10:00;S;4478544.sdb;user=ada queue=debug start=1490000400
03/20/2017 02:00:00;E;4478544.sdb;user=ada group=phys account="my project" jobname=vpic queue=debug ctime=1490000000 \
qtime=1490000000 etime=1490000000 start=1490000400 exec_host=n1/0*4+n2/0*4+n1/1 exec_vnode=(n1:ncpus=4)+(n2:ncpus=4) \
Resource_List.ncpus=8 Resource_List.nodect=2 Resource_List.walltime=01:00:00 session=7 end=1490001000 Exit_status=271 \
resources_used.walltime=00:10:00 run_count=1
03/20/2017 02:00:01;E;12[7].sdb;user=bob queue=q ctime=1490000000 start=1490000400 end=1490000500 Exit_status=3
03/20/2017 02:00:02;R;13.sdb;user=bob queue=q ctime=1490000000 start=1490000400 end=1490000450 Exit_status=-11
03/20/2017 02:00:03;D;14.sdb;requestor=ada@login
"""


def test_pbs_accounting_gives_the_runs_that_ended(tmp_path: Path) -> None:
    jobs, rejects, _ = read(tmp_path, Pbs(), PBS)
    assert rejects == {}
    assert [(j["scheduler_id"], j["job_id"], j["state"]) for j in jobs] == [
        *(("4478544.sdb", 4478544, "finished"), ("12[7].sdb", 12, "finished"), ("13.sdb", 13, "rerun")),
    ]
    job = jobs[0]
    assert (job["account"], job["queue"], job["timelimit_s"], job["ncpus"]) == ("my project", "debug", 3600.0, 8)
    assert (job["nodes"], job["nnodes"], job["run_id"]) == (["n1", "n2"], 2, "4478544.sdb.1490000400")
    assert (job["start_time"], job["end_time"]) == (datetime(2017, 3, 20, 9), datetime(2017, 3, 20, 9, 10))
    assert [(j["exit_code"], j["exit_signal"]) for j in jobs] == [(0, 15), (3, 0), (None, None)]


RUSAGE = " ".join(["1.5"] * 19)
LSF = (
    '"JOB_NEW" "10.1" 1490000000 101 500 33816578 16\n'
    '"JOB_FINISH" "10.1" 1490001000 101 500 33816578 16 1490000000 0 0 1490000400 "ada" "normal" "span[hosts=1]" "" "" '
    f'"login1" "/home/ada" "" "out" "" "1490.101" 0 4 "h1" "h1" "h2" "h2" 64 60.0 "my ""job""" "a.out -x" {RUSAGE} "" '
    '"physics" 0 16 "" "" 7 1024 0 "" "" -1 "" "" -1\n'
    '"JOB_FINISH" "10.1" 1490001000 102 500 33816578 16 1490000000 0 0 0 "ada" "normal" "" "" "" "login1" "/home" "" '
    f'"" "" "1490.102" 2 "h1" "h2" 0 32 60.0 "never" "a.out" {RUSAGE} "" "default" 130 16 "" "" 0 0\n'
)


def test_lsf_accounting_gives_the_jobs_that_finished(tmp_path: Path) -> None:
    jobs, rejects, _ = read(tmp_path, Lsf(), LSF)
    assert rejects == {}
    first, never = jobs
    assert (first["scheduler_id"], first["job_id"], first["job_name"], first["state"]) == (
        "101[7]",
        101,
        'my "job"',
        "DONE",
    )
    assert (first["nodes"], first["ncpus"], first["account"], first["uid"]) == (["h1", "h2"], 16, "physics", 500)
    assert first["submit_time"] == datetime.fromtimestamp(1490000000, UTC).replace(tzinfo=None)
    assert (never["start_time"], never["ncpus"], never["state"], never["exit_signal"]) == (None, 0, "EXIT", 2)
    assert never["run_id"] == "102.1490000000"


def test_a_job_that_lsf_never_started_had_no_nodes_and_no_processors(tmp_path: Path) -> None:
    """P6: LSF writes that it ran on 0 hosts, so that the number is known."""
    jobs, _, _ = read(tmp_path, Lsf(), LSF)
    assert [(job["nnodes"], job["nodes"]) for job in jobs] == [(2, ["h1", "h2"]), (0, None)]


FLUX = {
    "jobs": [
        {"id": "ƒ2", "userid": 500, "username": "ada", "t_submit": 1490000000.25, "t_run": 1490000400.5}
        | {"t_cleanup": 1490000999.0, "t_inactive": 1490001000.0, "state": "INACTIVE", "name": "a.out", "ntasks": 4}
        | {"ncores": 8, "nnodes": 2, "nodelist": "n[1-2]", "duration": 3600.0, "result": "COMPLETED", "returncode": 0},
        {"id": 59, "t_submit": 1490000000.0, "t_run": 0, "t_inactive": 1490001000.0, "result": "CANCELED"}
        | {"waitstatus": 9, "ncores": 8},
        {"id": "ƒ3", "t_submit": 1490000000.0, "t_run": 1490000400.0, "state": "RUN"},
    ]
}


def test_flux_jobs_gives_the_jobs_that_are_inactive(tmp_path: Path) -> None:
    jobs, rejects, _ = read(tmp_path, Flux(), json.dumps(FLUX))
    assert rejects == {}
    assert [(j["scheduler_id"], j["job_id"]) for j in jobs] == [("ƒ2", 1), ("59", 59)]
    assert (jobs[0]["nodes"], jobs[0]["exit_code"], jobs[0]["timelimit_s"]) == (["n1", "n2"], 0, 3600.0)
    assert jobs[0]["start_time"] == datetime(2017, 3, 20, 9, 0, 0, 500_000)
    assert (jobs[1]["start_time"], jobs[1]["ncpus"], jobs[1]["exit_signal"]) == (None, 0, 9)
    assert jobs[0]["run_id"] == "ƒ2.1490000400"
    lines = "\n".join(json.dumps(job) for job in FLUX["jobs"])
    assert read(tmp_path, Flux(), lines)[0] == jobs


@pytest.mark.parametrize(
    ("extractor", "text"), [(Pbs(), "no log\n"), (Lsf(), "no log\n"), (Flux(), "no log"), (Flux(), '{"a": 1}')]
)
def test_a_file_of_another_kind_is_refused_in_a_line(tmp_path: Path, extractor: Extractor, text: str) -> None:
    """P5: it is a reject with a reason and a remedy."""
    _, rejects, outcome = read(tmp_path, extractor, text)
    assert outcome == "rejected" and ";" in rejects[""] and "\n" not in rejects[""]


TOPOLOGY = """\
# a fat tree
SwitchName=s0 Nodes=tux[0-2]
switchname=s1 nodes=tux[3-4] \\
  LinkSpeed=10
SwitchName=top Switches=s[0-1]
BlockName=b1 Nodes=gpu1
Nonsense
"""


def test_slurms_topology_gives_the_switches_above_each_node(tmp_path: Path) -> None:
    rows, rejects, _ = read(tmp_path, Topology(), TOPOLOGY, "2026-01-05.conf")
    assert {r["node"]: r["switches"] for r in rows} == {
        **{f"tux{n}": ["s0", "top"] for n in range(3)},
        **{f"tux{n}": ["s1", "top"] for n in (3, 4)},
        "gpu1": ["b1"],
    }
    assert list(rejects.values()) == ["a line names no switch or block: 'Nonsense'"]


def test_scontrols_text_gives_the_same(tmp_path: Path) -> None:
    shown = (
        "SwitchName=s0 Level=0 LinkSpeed=1 Nodes=tux[0-2]\nSwitchName=s1 Level=0 LinkSpeed=1 Nodes=tux[3-4]\n"
        "SwitchName=top Level=1 LinkSpeed=1 Nodes=tux[0-4] Switches=s[0-1]\n"
    )
    (tmp_path / "2026-01-05.txt").write_text(shown)
    found = Site.model_validate({"clusters": {"c": {"topology": {"files": str(tmp_path / "%Y-%m-%d.txt")}}}})
    tables, rejects, _ = everything(Topology(), found)
    assert {(r["node"], *r["switches"], r["network_group"]) for r in tables["topology"]} == {
        *((f"tux{n}", "s0" if n < 3 else "s1", "top", "top") for n in range(5)),
    }
    assert {r["ts"].date() for r in tables["topology"]} == {date(2026, 1, 5)} and rejects == {}


def test_switches_above_each_other_end(tmp_path: Path) -> None:
    text = "SwitchName=a Nodes=n1\nSwitchName=b Switches=a\nSwitchName=a Switches=b\n"
    rows, _, _ = read(tmp_path, Topology(), text)
    assert [r["switches"] for r in rows] == [["a", "b"]]


@pytest.mark.parametrize(
    ("extractor", "text"),
    [(Pbs(), PBS), (Lsf(), LSF), (Flux(), json.dumps(FLUX)), (Topology(), TOPOLOGY)],
    ids=lambda value: type(value).__name__,
)
def test_damaged_files_are_read_or_refused(tmp_path: Path, extractor: Extractor, text: str) -> None:
    """P5: any bytes give rows or an InputError, and no other error."""
    assert survives(extractor, site(tmp_path, extractor), tmp_path / "in.txt", text.encode(), 300) > 30
