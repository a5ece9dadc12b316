"""The simulated centre: equal for equal seeds, consistent with its truth, and with the faults of real ones."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iolake.demo.centre import deliver_late, simulate
from iolake.demo.truth import Truth
from iolake.demo.world import clocks_back, local_days
from iolake.schemas.site import Site

SMALL: dict[str, Any] = {"jobs": 6, "osts": 4, "files": 1, "step_s": 300}


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate(tmp_path / name, seed=5, **SMALL)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_gives_another_centre(tmp_path: Path) -> None:
    one, other = (simulate(tmp_path / str(seed), seed=seed, **SMALL) for seed in (1, 2))
    assert (one.traffic["lagoon"].written != other.traffic["lagoon"].written).any()


def test_the_truth_can_be_read_back(truth: Truth, root: Path) -> None:
    again = Truth.read(root)
    assert again.world == truth.world
    assert again.jobs == json.loads(json.dumps(truth.jobs))
    assert again.logs == truth.logs
    assert again.rejects == truth.rejects
    for part in ("read", "written", "metadata", "cpu", "free", "net"):
        assert (getattr(again.scale, part) == getattr(truth.scale, part)).all()
    assert (again.scale_faults.missing == truth.scale_faults.missing).all()
    assert (again.scale.first, again.scale.step_s) == (truth.scale.first, truth.scale.step_s)
    for name, seen in truth.traffic.items():
        for part in ("read", "written", "ops"):
            assert (getattr(again.traffic[name], part) == getattr(seen, part)).all()
        assert (again.faults[name].missing == truth.faults[name].missing).all()
        assert list(again.faults[name].resets) == list(truth.faults[name].resets)


def test_site_toml_is_one_that_iolake_reads(truth: Truth, root: Path) -> None:
    site = Site.read(root / "site.toml")
    assert set(site.clusters) == {cluster.name for cluster in truth.world.all_clusters}
    for fs in truth.world.storages:
        assert site.file_system_of(f"{fs.mount}/any/file") == fs.name
        assert site.file_systems[fs.name].timezone == fs.zone


@pytest.mark.usefixtures("truth")
def test_a_second_centre_does_not_overwrite_the_first(root: Path) -> None:
    with pytest.raises(FileExistsError, match="holds a centre already"):
        simulate(root)


@pytest.mark.parametrize("wrong", [{"osts": 3}, {"days": 0}, {"jobs": 0}, {"files": 0}, {"step_s": 7}])
def test_a_scale_that_cannot_be_is_refused_by_name(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is "):
        simulate(tmp_path, **wrong)


def test_every_byte_of_the_jobs_is_on_the_servers_that_their_layouts_name(truth: Truth) -> None:
    """Striped anew here, from the truth's files: what is left is whole pages, and none of it is negative."""
    logged = {name: np.zeros((2, fs.osts), np.int64) for name, fs in ((f.name, f) for f in truth.world.file_systems)}
    striped: list[Any] = [file for log in truth.logs for file in log["files"] if file["osts"] is not None]
    for file in striped:
        for way, length in enumerate((file["read_bytes"], file["write_bytes"])):
            for stripe_number in range(len(file["osts"])):
                size, count = file["stripe_size"], len(file["osts"])
                full, part = divmod(length, size * count)
                mine = full * size + min(max(part - stripe_number * size, 0), size)
                logged[file["file_system"]][way, file["osts"][stripe_number]] += mine
    unlogged = {name: [0, 0] for name in logged}
    for job in (job for job in truth.jobs if job["scheduler"] == "slurm"):
        for name, (read, written) in job["moved"].items():
            unlogged[name][0] += read
            unlogged[name][1] += written
    for name, seen in truth.traffic.items():
        totals = np.stack([seen.read.sum(axis=0), seen.written.sum(axis=0)])
        rest = totals - logged[name]
        assert (rest >= 0).all()
        not_in_logs = [unlogged[name][way] - int(logged[name][way].sum()) for way in (0, 1)]
        assert min(not_in_logs) >= 0
        for way in (0, 1):
            assert (int(rest[way].sum()) - not_in_logs[way]) % 4096 == 0


def test_a_jobs_bytes_move_while_it_runs(truth: Truth) -> None:
    for log in truth.logs:
        job = next(
            j for j in truth.jobs
            if (j["cluster"], j["job_id"], j["start"]) == (log["cluster"], log["job_id"], log["job_start"])
        )  # fmt: skip
        assert job["start"] is not None
        assert job["start"] <= log["start"] < log["end"] <= (job["end"] or log["end"])


def test_nodes_serve_one_job_at_a_time(truth: Truth) -> None:
    busy: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for job in truth.jobs:
        for node in job["nodes"]:
            assert job["start"] is not None
            span = job["start"], job["end"] or truth.world.window[1]
            busy.setdefault((job["cluster"], node), []).append(span)
    for spans in busy.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_the_idle_target_moves_nothing(truth: Truth) -> None:
    for seen in truth.traffic.values():
        assert not seen.read[:, -1].any()
        assert not seen.written[:, -1].any()


def test_the_mess_is_there(truth: Truth) -> None:
    roles = Counter(job["role"] for job in truth.jobs)
    assert set(roles) >= {
        "storm", "victim of a neighbour", "victim of a failing target", "victim of a full target", "clumsy", "requeued",
        "recycled", "array", "heterogeneous", "failed", "timeout", "cancelled", "cancelled before start", "late log",
        "misfiled log", "truncated log", "over midnight", "over the clock change", "in the doubtful hour",
        "still running",
    }  # fmt: skip
    ids = Counter((job["cluster"], job["job_id"]) for job in truth.jobs if job["scheduler"] == "slurm")
    twice = {key for key, count in ids.items() if count > 1}
    assert twice == {(j["cluster"], j["job_id"]) for j in truth.jobs if j["role"] in ("requeued", "recycled")}
    assert {log["fate"] for log in truth.logs} == {"kept", "late", "misfiled", "truncated"}
    assert truth.faults["fjord"].resets
    assert all(faults.missing.any() for faults in truth.faults.values())
    with_log = {(log["cluster"], log["job_id"]) for log in truth.logs}
    assert any(job["moved"] and (job["cluster"], job["job_id"]) not in with_log for job in truth.jobs)


@pytest.mark.parametrize(
    ("role", "cause", "culprit"),
    [
        ("victim of a neighbour", "neighbour", "heron "),
        ("victim of a failing target", "failing target", "lag01-OST0002"),
        ("victim of a full target", "full target", "fjd02-OST0001"),
        ("victim of a metadata server", "metadata server", "heron "),
        ("clumsy", "application", "small accesses"),
        ("clumsy: one target", "application", "one target"),
        ("clumsy: rank 0 alone", "application", "rank 0 alone"),
        ("clumsy: metadata operations", "application", "metadata operations"),
    ],
)
def test_each_slow_job_has_its_reason_and_its_like_that_was_not_slow(
    truth: Truth, role: str, cause: str, culprit: str
) -> None:
    jobs = truth.jobs
    victims = [job for job in jobs if job["role"] == role]
    used = {"undisturbed": "clima", "sweep": "sweep", "crowd": "lattice"}
    undisturbed = {
        name: max(job["io_s"] for job in jobs if job["role"] == part and job["name"] == name and not job["delays"])
        for part, name in used.items()
    }
    assert victims
    for job in victims:
        assert job["cause"] == cause
        assert job["delays"][0][1].startswith(culprit)
        assert job["io_s"] > 1.5 * undisturbed[job["name"].split("-")[0]]
    assert all(job["cause"] is None for job in jobs if job["role"] == "undisturbed")


def test_a_neighbours_storm_is_in_the_servers_traffic(truth: Truth) -> None:
    """The culprit that a victim names moved most of the file system's bytes meanwhile."""
    for victim in (job for job in truth.jobs if job["role"].startswith("victim of a neighbour")):
        cluster, number = victim["delays"][0][1].split()
        culprit: Any = next(j for j in truth.jobs if (j["cluster"], j["job_id"]) == (cluster, int(number)))
        (name,) = culprit["moved"]
        assert name in victim["moved"]
        seen, _ = truth.moved(name)
        begin, end = seen.steps_of((culprit["start"], culprit["end"]))
        assert culprit["moved"][name][1] > 0.7 * seen.written[begin:end].sum()


def test_the_clock_change_lies_in_the_days_and_only_one_job_is_in_doubt(truth: Truth) -> None:
    heron = truth.world.cluster("heron")
    back = clocks_back(*truth.world.window, heron.tz)
    assert back == 1761440400, "2025-10-26 01:00 UTC"
    over: Any = next(j for j in truth.jobs if j["role"] == "over the clock change")
    assert over["start"] < back < over["end"]
    assert [j["role"] for j in truth.jobs if j["doubtful"]] == ["in the doubtful hour"]


def test_american_clocks_change_too(tmp_path: Path) -> None:
    truth = simulate(tmp_path, start=date(2025, 11, 1), **SMALL)
    assert truth.traffic["lagoon"].steps == (3 * 24 + 1) * 3600 // 300
    assert truth.traffic["fjord"].steps == 3 * 24 * 3600 // 300
    assert [j["cluster"] for j in truth.jobs if j["role"] == "over the clock change"] == ["osprey"]


def test_one_day_is_a_centre_too(tmp_path: Path) -> None:
    truth = simulate(tmp_path, days=1, **SMALL)
    assert {job["role"] for job in truth.jobs} >= {"storm", "requeued", "recycled"}


def test_late_logs_come_late_and_misfiled_ones_lie_a_day_on(tmp_path: Path) -> None:
    truth = simulate(tmp_path, **SMALL)
    late = [tmp_path / log["path"] for log in truth.logs if log["fate"] == "late"]
    assert late
    assert not any(path.exists() for path in late)
    assert deliver_late(tmp_path) == late
    assert all(path.exists() for path in late)
    assert deliver_late(tmp_path) == []
    for log in truth.logs:
        zone = truth.world.cluster(log["cluster"]).tz
        (day,) = [d for d, begin, end in local_days(int(log["start"]), int(log["start"]) + 1, zone)]
        folder = Path(log["path"]).parts[2:5]
        shift = date(*map(int, folder)) - day
        assert shift.days == (log["fate"] == "misfiled")
