"""The clusters of other schedulers and their Storage Scale file system: what is simulated, and what the lake says."""

from __future__ import annotations

import tarfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iolake.demo.centre import simulate
from iolake.demo.check import scale_differences, scheduler_differences
from iolake.demo.formats.flux import f58, host_list
from iolake.demo.formats.mmperfmon import Column, report, shown_size
from iolake.demo.scale_clients import STEP_S
from iolake.demo.scale_servers import SNAPSHOT_AT_S, disks_at
from iolake.demo.truth import JobTruth, Truth
from iolake.demo.world import World, local_days, midnight
from iolake.pipelines.ingest import ingest
from iolake.reports.charts.targets import load_query
from iolake.reports.job import job_page
from iolake.schemas.site import Site
from iolake.warehouse.lake import Lake


def on_scale(truth: Truth) -> list[JobTruth]:
    return [job for job in truth.jobs if job["scheduler"] != "slurm"]


def test_every_byte_of_the_jobs_is_on_an_nsd(truth: Truth) -> None:
    """What is left is whole pages of traffic that no job made."""
    happened = np.zeros((2, truth.scale.system.nsds), np.int64)
    for job in on_scale(truth):
        for nsd, read, written in job["on_targets"].get("estuary", []):
            happened[:, nsd] += read, written
    assert happened.sum() == sum(sum(job["moved"]["estuary"]) for job in on_scale(truth) if job["moved"])
    rest = np.stack([truth.scale.read.sum(axis=0), truth.scale.written.sum(axis=0)]) - happened
    assert (rest >= 0).all()
    assert not (rest % 4096).any()


def test_each_scheduler_has_its_own_mess(truth: Truth) -> None:
    roles = {scheduler: Counter(j["role"] for j in truth.jobs if j["scheduler"] == scheduler) for scheduler in
             ("pbs", "lsf", "flux")}  # fmt: skip
    assert roles["pbs"] >= Counter({"array on PBS": 2, "rerun on PBS": 2, "deleted on PBS": 1, "cancelled on PBS": 1})
    assert roles["lsf"] >= Counter({"array on LSF": 2, "failed on LSF": 1, "killed before start on LSF": 1})
    assert roles["flux"] >= Counter({"timeout on Flux": 1, "cancelled before start on Flux": 1})
    assert all(f"still running on {name}" in found for name, found in
               (("PBS", roles["pbs"]), ("Flux", roles["flux"])))  # fmt: skip
    assert truth.scale_faults.missing.any() and not truth.scale_faults.missing.all(axis=1).all()


def test_jobs_on_lustre_owe_nothing_to_those_on_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They keep their own random numbers, so that a seed gives the same jobs with other clusters beside them."""
    world: dict[str, Any] = {"seed": 3, "days": 1, "jobs": 4, "osts": 4, "files": 1, "step_s": 300}
    one = simulate(tmp_path / "one", **world)
    monkeypatch.setattr("iolake.demo.scale_cast._LEAST_CROWD", 9)
    other = simulate(tmp_path / "other", **world)
    assert len(on_scale(one)) < len(on_scale(other))
    assert [j for j in one.jobs if j["scheduler"] == "slurm"] == [j for j in other.jobs if j["scheduler"] == "slurm"]
    for name, seen in one.traffic.items():
        assert (seen.written == other.traffic[name].written).all()


def test_the_window_of_all_jobs_lies_in_estuarys_days() -> None:
    """In every season: the zones change their clocks on different days."""
    for month in range(1, 13):
        for day in (1, 9, 25):
            world = World(1, date(2025, month, day), 2, 1, 4, 1, 60)
            first, last = world.span(world.scale)
            assert first <= world.window[0] and world.window[1] <= last


@pytest.mark.parametrize(
    ("role", "cause", "culprit"),
    [
        ("victim of a neighbour on Scale", "neighbour", "storm on Scale"),
        ("imbalance on Scale", "application", "fewer-writers-than-kind"),
    ],
)
def test_the_verdict_names_the_planted_trouble_with_storage_scale_alone(
    lake: Lake, truth: Truth, role: str, cause: str, culprit: str
) -> None:
    """P12: the shares beside it are of what mmperfmon has seen."""
    storm = next(job for job in truth.jobs if job["role"] == "storm on Scale")
    named = f"plover {storm['job_id']}" if cause == "neighbour" else culprit
    victims = [job for job in truth.jobs if job["role"] == role]
    assert victims
    for job in victims:
        assert job["cause"] == cause
        found = lake.sql(
            "SELECT v.cause, v.culprit, s.fs_seen_pct, s.share, s.file_system "
            "FROM job_verdict v JOIN job_summary s USING (cluster, run_id) "
            f"WHERE v.cluster = '{job['cluster']}' AND v.job_id = {job['job_id']}"
        ).fetchall()
        ((said, by, seen, share, file_system),) = found
        assert (said, by, file_system) == (cause, named, "estuary")
        assert seen > 95
        assert 0 < share < 1
        assert "fullest  est01_d" in job_page(lake, job["job_id"], job["cluster"])


def test_a_jobs_page_draws_what_its_disks_did_and_how_full_they_were(lake: Lake, truth: Truth) -> None:
    """In the hours that the run touches, by all users, as the truth has it."""
    victim = next(job for job in truth.jobs if job["role"] == "victim of a neighbour on Scale")
    assert victim["start"] is not None and victim["end"] is not None
    window = tuple(datetime.fromtimestamp(at, UTC).replace(tzinfo=None) for at in (victim["start"], victim["end"]))
    found = load_query("estuary", (window[0], window[1])).frame(lake)
    scale = truth.scale
    rows = (scale.times() >= victim["start"] // 3600 * 3600) & (scale.times() < -(-victim["end"] // 3600) * 3600)
    disks = disks_at(scale, local_midnight(truth, victim["start"]) + SNAPSHOT_AT_S)[1:]
    moved = scale.read[rows].sum(axis=0) + scale.written[rows].sum(axis=0)
    rates = {scale.system.nsd(nsd): moved[nsd] / (rows.sum() * scale.step_s) for nsd in range(scale.system.nsds)}
    assert {row["ost"]: row["rate"] for row in found.to_dicts()} == pytest.approx(rates)
    used = {disk.nsd: 100 * (disk.total - disk.free) / disk.total for disk in disks}
    assert {row["ost"]: row["used_pct"] for row in found.to_dicts()} == pytest.approx(used)


def test_a_run_on_storage_scale_knows_how_full_its_disks_and_the_whole_were(lake: Lake, truth: Truth) -> None:
    """By the last mmdf before its start, else the first one after it, within a day."""
    at = sorted(disk_times(truth))
    logged = {(log["cluster"], log["job_id"], log["job_start"]) for log in truth.logs if log["fate"] == "kept"}
    jobs = [job for job in on_scale(truth) if (job["cluster"], job["job_id"], job["start"]) in logged]
    assert len(jobs) > 20
    for job in jobs:
        assert job["start"] is not None
        before = [moment for moment in at if job["start"] - 86_400 <= moment <= job["start"]]
        moment = before[-1] if before else next(moment for moment in at if moment > job["start"])
        disks = disks_at(truth.scale, moment)
        used = sorted((100 * (d.total - d.free) / d.total, d.nsd) for d in disks if not d.metadata)
        whole = 100 * sum(d.total - d.free for d in disks) / sum(d.total for d in disks)
        found = lake.sql(
            "SELECT epoch(df_ts)::BIGINT, osts, used_pct, fullest_ost, fullest_ost_pct, emptiest_ost FROM job_summary "
            f"WHERE cluster = '{job['cluster']}' AND job_id = {job['job_id']} "
            f"AND epoch(start_time)::BIGINT = {job['start']}"
        ).fetchall()
        expected = (moment, 6, pytest.approx(whole), used[-1][1], pytest.approx(used[-1][0]), used[0][1])
        assert found == [expected], job["role"]


def test_the_disks_of_storage_scale_have_a_trend(lake: Lake, truth: Truth) -> None:
    """When each will be full: the demo's dashboard asks this."""
    last = max(disk_times(truth))
    disks = disks_at(truth.scale, last)[1:]
    found = lake.sql(
        "SELECT target, used_bytes::BIGINT FROM fullness_trend('estuary', DATE '2025-10-01', DATE '2025-11-01') "
        "WHERE target IS NOT NULL ORDER BY target"
    ).fetchall()
    assert found == [(disk.nsd, 1024 * (disk.total - disk.free)) for disk in disks]


def test_the_rate_of_operations_is_that_of_the_nodes_that_count_theirs(lake: Lake, truth: Truth) -> None:
    """P12: a gap's counts are spread over the gap, and after a node's last reading all is unknown."""
    clients = truth.scale_clients
    steps = len(clients.counts)
    found = lake.sql(
        "SELECT mdt_seen_pct, opens_per_s, metadata_ops_per_s, counting_nodes FROM file_system_timeline('estuary', "
        f"make_timestamp({clients.first}000000), make_timestamp({clients.first + (steps + 6) * STEP_S}000000), "
        f"bins := {steps + 6})"
    ).fetchall()
    counted = np.zeros((2, steps + 6))
    for node in range(len(clients.nodes)):
        for step, until, _, amounts in clients.amounts(node):
            operations = sum(amounts[column] for column in (2, 3, 6, 7))
            counted[:, step:until] += np.array([[amounts[2]], [operations]]) / (until - step)
    late = 0.254 / STEP_S  # mmpmon answers so long after the beginning of a step
    for step, (seen, opens, operations, nodes) in enumerate(found):
        assert nodes == len(clients.nodes)
        if step < steps - 1:
            assert seen > 99
            for shown, happened in zip((opens, operations), counted, strict=True):
                assert shown * STEP_S == pytest.approx(
                    happened[step], abs=late * happened[max(step - 1, 0) :][:2].max()
                )
        else:
            assert (opens, operations) == (None, None)


def disk_times(truth: Truth) -> list[int]:
    """When mmdf listed the disks."""
    system = truth.scale.system
    return [begin + SNAPSHOT_AT_S for _, begin, _ in local_days(*truth.world.span(system), system.tz)]


def local_midnight(truth: Truth, at: int) -> int:
    """The last midnight of estuary's servers before an epoch second."""
    zone = truth.world.scale.tz
    return midnight(datetime.fromtimestamp(at, zone).date(), zone)


def test_nobody_else_on_scale_is_blamed(lake: Lake, truth: Truth) -> None:
    blamed = lake.sql(
        "SELECT cluster, job_id FROM job_verdict WHERE cause IS NOT NULL AND cluster IN ('plover', 'avocet', 'dunlin')"
    ).fetchall()
    expected = {(job["cluster"], job["job_id"]) for job in on_scale(truth) if job["cause"]}
    assert {*blamed} <= expected


def test_the_victims_neighbours_are_the_jobs_that_ran_with_it(lake: Lake, truth: Truth) -> None:
    """Each of the twenty that moved most, of whichever cluster and scheduler, overlaps as the truth has it.

    A run's window reaches into the servers' step after it.
    """
    victim = next(job for job in truth.jobs if job["role"] == "victim of a neighbour on Scale")
    assert victim["start"] is not None and victim["end"] is not None
    found = lake.sql(
        "SELECT neighbour_cluster, neighbour_job_id, overlap_s::BIGINT FROM job_neighbours "
        f"WHERE cluster = 'plover' AND job_id = {victim['job_id']} AND measured_by = 'darshan'"
    ).fetchall()
    happened = {}
    for job in on_scale(truth):
        if job is not victim and job["start"] is not None and job["end"] is not None and job["moved"]:
            overlap = min(job["end"], victim["end"]) - max(job["start"], victim["start"])
            happened[job["cluster"], job["job_id"]] = overlap
    step_s = truth.scale.step_s
    assert all(0 <= overlap - happened[whose, job_id] <= 2 * step_s for whose, job_id, overlap in found)
    assert victim["delays"][0][1] in {f"{cluster} {job_id}" for cluster, job_id, _ in found}
    longest = {run for run, overlap in happened.items() if overlap > 2 * step_s}
    assert len(found) == 20 or longest <= {(cluster, job_id) for cluster, job_id, _ in found}


def test_hours_that_come_twice_are_told_apart(tmp_path: Path) -> None:
    """P8: St John's sets its clocks back on 2025-11-02, and PBS and mmperfmon write local times alone."""
    truth = simulate(tmp_path, start=date(2025, 11, 1), days=2, jobs=4, osts=4, files=1, step_s=300)
    site = Site.read(tmp_path / "site.toml")
    assert truth.scale.steps == 49 * 12
    ingest(
        site, ["pbs", "lsf", "flux", "mmperfmon", "mmdf", "mmlsdisk", "mmlsfs", "mmpmon", "gpfs_exporter"], workers=0
    )
    con = Lake(site.lake_uri).connect()
    assert scale_differences(con, truth) == []
    assert scheduler_differences(con, truth) == []


@pytest.mark.usefixtures("truth")
def test_a_days_archive_holds_a_report_of_each_server_and_kind(root: Path) -> None:
    with tarfile.open(root / "mmperfmon" / "2025-10-26.tgz") as archive:
        names = archive.getnames()
        text = archive.extractfile(names[0]).read().decode()  # type: ignore[union-attr]
    hosts = [f"nsd0{k}.estuary.example.org" for k in (1, 2)]
    assert names == [f"{kind}/{host}.out" for host in hosts for kind in ("nsd", "usage")]
    assert text.count("\nRow ") == 2, "a wide report repeats its header"
    assert "2025-10-26-00:01:00" in text and "2025-10-27-00:00:00" in text, "a row is labelled by its end"


def test_an_mmperfmon_report_is_laid_out_as_the_tool_does() -> None:
    columns = [Column("h|CPU|cpu_user", ["0.2", "null"]), Column("h|Network|lo|net_r", ["1.7 kB", "98.7 kB"])]
    text = report([1547200860, 1547200920], World(1, date(2025, 1, 1), 1, 1, 4, 1, 60).cluster("dunlin").tz, columns, 9)
    assert text.splitlines() == [
        "",
        "Legend:",
        " 1:\th|CPU|cpu_user",
        " 2:\th|Network|lo|net_r",
        " ",
        "Row           Timestamp cpu_user   net_r ",
        "  1 2019-01-11-10:01:00      0.2  1.7 kB ",
        "  2 2019-01-11-10:02:00     null 98.7 kB ",
    ]


def test_sizes_are_printed_with_one_digit_and_stand_for_that() -> None:
    assert shown_size(0) == ("0.0 B", 0)
    assert shown_size(1741) == ("1.7 kB", 1741)
    assert shown_size(3 << 30) == ("3.0 GB", 3 << 30)


def test_flux_writes_ids_and_hosts_as_its_specifications_say() -> None:
    """RFC 19 gives 6731191091817518 as ƒuZZybuNNy, RFC 29 host lists."""
    assert f58(6731191091817518) == "ƒuZZybuNNy"
    assert f58(0) == "ƒ1"
    assert host_list("n", [9, 10, 11, 20]) == "n[9-11,20]"
    assert host_list("n", [7]) == "n7"
