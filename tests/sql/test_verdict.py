"""Why a run was slow: findings, neighbours and verdicts, on a centre whose truth is known and on made rows."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pytest

from benchmarks.verdict import NOTHING, Pairs, confusion
from iolake import Lake, schemas
from iolake.demo.centre import simulate
from iolake.pipelines.ingest import ingest
from iolake.schemas.mart import Mart
from iolake.schemas.rules import CODES
from iolake.schemas.site import Site
from iolake.warehouse.freshness import select
from iolake.warehouse.views import sql_files
from tests.conftest import Fill
from tests.warehouse.by_hand import with_models

START = datetime(2026, 1, 1, 12)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Pairs]:
    """A centre of a seed that no threshold was chosen on."""
    root = tmp_path_factory.mktemp("verdict") / "centre"
    simulate(root, seed=5, days=2, jobs=150, osts=6, files=2, step_s=60)
    ingest(Site.read(root / "site.toml"), workers=0)
    lake = Lake(root / "lake")
    return lake, confusion(root / "truth.json", lake)


def test_the_right_cause_is_named_for_nine_of_ten_slow_jobs(judged: tuple[Lake, Pairs]) -> None:
    _, pairs = judged
    affected = sum(n for (true, _), n in pairs.items() if true != NOTHING)
    right = sum(n for (true, said), n in pairs.items() if true != NOTHING and true == said)
    assert affected >= 8
    assert right >= 0.9 * affected, pairs


def test_at_most_one_of_twenty_other_jobs_is_blamed(judged: tuple[Lake, Pairs]) -> None:
    _, pairs = judged
    others = sum(n for (true, _), n in pairs.items() if true == NOTHING)
    blamed = sum(n for (true, said), n in pairs.items() if true == NOTHING and said != NOTHING)
    assert blamed <= 0.05 * others, pairs


def test_every_run_has_one_verdict_with_a_sentence(judged: tuple[Lake, Pairs]) -> None:
    lake, _ = judged
    wrong = lake.sql(
        "SELECT run_id, count(*) FROM job_summary LEFT JOIN job_verdict USING (cluster, run_id) "
        "GROUP BY cluster, run_id HAVING count(*) <> 1 OR count(sentence) <> 1"
    ).fetchall()
    assert wrong == []


def test_every_finding_is_beyond_its_threshold_and_says_so(judged: tuple[Lake, Pairs]) -> None:
    lake, _ = judged
    wrong = lake.sql(
        "SELECT f.* FROM findings f JOIN finding_rules r USING (code) "
        "WHERE sentence IS NULL OR f.threshold <> r.threshold "
        "OR NOT CASE r.side WHEN 'above' THEN value > r.threshold ELSE value < r.threshold END"
    ).fetchall()
    assert wrong == []
    assert lake.sql("SELECT count(DISTINCT code) >= 10 FROM findings").fetchall() == [(True,)]


def run(job_id: int, start: datetime = START, hours: int = 1) -> dict[str, Any]:
    end = start + hours * HOUR
    return {
        "cluster": "c", "date": end.date(), "job_id": job_id, "submit_time": start, "submit_known": True,
        "start_time": start, "end_time": end, "elapsed_s": hours * 3600.0, "user_name": f"u{job_id}", "job_name": "j",
    }  # fmt: skip


def log(job_id: int, start: datetime = START, hours: int = 1) -> dict[str, Any]:
    end = start + hours * HOUR
    return {
        "cluster": "c", "date": end.date(), "log_id": f"log{job_id}", "job_id": job_id, "exe_name": f"exe{job_id}",
        "nprocs": 4, "start_time": start, "end_time": end,
    }  # fmt: skip


def posix(job_id: int, written: int) -> dict[str, Any]:
    return {
        "cluster": "c", "date": START.date(), "log_id": f"log{job_id}", "job_id": job_id, "record_id": 1,
        "rank": 0, "copy": 0,
        "file_system": "fs", "POSIX_BYTES_READ": 0, "POSIX_BYTES_WRITTEN": written, "POSIX_OPENS": 2,
    }  # fmt: skip


def test_a_neighbours_bytes_are_those_of_the_time_both_ran(lake: Lake, fill: Fill) -> None:
    """Half of the neighbour's two hours overlap the run, so half of its bytes count."""
    fill("slurm_jobs", run(1), run(2, START - HOUR, 2), run(3, START + 3 * HOUR))
    fill("darshan_logs", log(1), log(2, START - HOUR, 2), log(3, START + 3 * HOUR))
    fill("darshan_posix", posix(1, 100), posix(2, 1000), posix(3, 5))
    found = lake.sql(
        "SELECT job_id, neighbour_job_id, neighbour_user, overlap_s, write_bytes, measured_by, share "
        "FROM job_neighbours ORDER BY ALL"
    ).fetchall()
    assert found == [
        (1, 2, "u2", 3600.0, 500.0, "darshan", None),
        (2, 1, "u1", 3600.0, 100.0, "darshan", None),
    ]


@pytest.mark.parametrize(
    ("moved", "cause", "culprit"), [(0.95, "neighbour", "c 9"), (0.4, "full target", "fs OST0001")]
)
def test_a_neighbour_that_takes_all_of_a_file_system_explains_more_than_a_full_target(
    lake: Lake, fill: Fill, moved: float, cause: str, culprit: str
) -> None:
    """Job 1 is slow beside its kind on a full target, while job 9 moves that part of what the file system can.

    Windows end an interval after a run, here an hour: job 9 has two hours for its bytes.
    """
    size, most = 2 << 30, 2 << 40
    hours = {1: 0, 2: 2, 3: 3, 4: 4, 9: 0}
    fill("slurm_jobs", *(run(number, START + at * HOUR) for number, at in hours.items()))
    fill("darshan_logs", *(log(n, START + at * HOUR) | {"exe_name": f"exe{n == 9}"} for n, at in hours.items()))
    spent = {"POSIX_WRITES": 2048, "POSIX_F_READ_TIME": 0.0, "POSIX_F_META_TIME": 0.0, "POSIX_F_WRITE_TIME": 10.0}
    fill("darshan_posix", *(posix(n, size) | spent for n in (2, 3, 4)))
    fill(
        "darshan_posix", posix(1, size) | spent | {"POSIX_F_WRITE_TIME": 200.0}, posix(9, int(2 * moved * most)) | spent
    )
    place = {"cluster": "c", "date": START.date(), "record_id": 1, "rank": 0, "copy": 0, "file_system": "fs"}
    fill(
        "darshan_lustre",
        *(
            place | {"log_id": f"log{n}", "job_id": n, "component": 0, "osts": osts, "stripe_count": len(osts)}
            for n, osts in ((1, [1]), (2, [2]), (3, [2]), (4, [2]), (9, [0, 2]))
        ),
    )
    at = {"file_system": "fs", "date": START.date()}
    df = at | {"role": "ost", "total_bytes": 100}
    fill(
        "lustre_df",
        *(df | {"ts": START + h * HOUR, "target": f"OST000{o}", "used_bytes": 95 if o == 1 else 10}
          for h in range(5) for o in range(3)),
    )  # fmt: skip
    hour = at | {"interval_s": 3600.0, "read_bytes": 0, "osts": 3, "osts_missing": 0}
    fill("lustre_fs", *(hour | {"ts": START + h * HOUR, "write_bytes": 10 << 30 if h else most} for h in range(5)))
    asked = "SELECT cause, culprit FROM job_verdict WHERE job_id = 1"
    assert lake.sql(asked).fetchall() == [(cause, culprit)]


def test_the_users_of_a_file_system_add_up_to_what_they_moved(lake: Lake, fill: Fill) -> None:
    fill("slurm_jobs", run(1), run(2, START - HOUR, 2))
    fill("darshan_logs", log(1), log(2, START - HOUR, 2))
    fill("darshan_posix", posix(1, 100), posix(2, 1000))
    asked = f"FROM top_users('fs', TIMESTAMP '{START}', TIMESTAMP '{START + HOUR}')"
    assert lake.sql(f"SELECT user_name, runs, write_bytes, round(share, 4) {asked}").fetchall() == [
        ("u2", 1, 500.0, 0.8333),
        ("u1", 1, 100.0, 0.1667),
    ]


@pytest.mark.parametrize(
    "mart", ["ost_speed_hour", "job_neighbours", "findings", "file_system_findings", "job_verdict"]
)
def test_a_mart_derived_day_by_day_has_the_rows_of_one_made_at_once(judged: tuple[Lake, Pairs], mart: str) -> None:
    """P1: what a day's rows rest on does not depend on which other days are derived with it."""
    lake, _ = judged
    declared = schemas.tables()[mart]
    assert isinstance(declared, Mart)
    columns = ", ".join(
        f"printf('%.9g', {c.name})" if c.type == pa.float64() else c.name
        for c in declared.all_columns
        if c.name != "load_id"
    )
    days = lake.sql("SELECT owner, date, first_day, last_day FROM derived WHERE table_name = $1", [mart]).fetchall()
    by_day = " UNION ALL ".join(
        f"SELECT {columns} FROM ({select(declared, owner, day, day, first, last)})" for owner, day, first, last in days
    )
    stored = f"SELECT {columns} FROM {mart}"
    with with_models(lake) as con:
        assert con.sql(f"({stored}) EXCEPT ALL ({by_day})").fetchall() == []
        assert con.sql(f"({by_day}) EXCEPT ALL ({stored})").fetchall() == []


def test_every_rule_is_judged_and_every_judgement_has_a_rule() -> None:
    models = sql_files()["findings_model"] + sql_files()["file_system_findings_model"]
    quoted = set(re.findall(r"'([a-z\d]+(?:-[a-z\d]+)+|[a-z]+)'(?=, value| AS code|, file_system)", models))
    judged = set(re.findall(r"\{code: '([\w-]+)'", models)) | quoted
    assert judged == CODES


def codes(lake: Lake) -> dict[int, set[str]]:
    """The codes of the findings of each job."""
    found: dict[int, set[str]] = {}
    for job_id, code in lake.sql("SELECT job_id, code FROM findings").fetchall():
        found.setdefault(job_id, set()).add(code)
    return found


BROKEN: Final[dict[str, dict[str, Any]]] = {
    "misaligned-in-memory": {"POSIX_MEM_NOT_ALIGNED": 1999},
    "redundant-reads": {"POSIX_MAX_BYTE_READ": 9},
    "redundant-writes": {"POSIX_MAX_BYTE_WRITTEN": 9},
    "random-reads": {"POSIX_SEQ_READS": 0},
    "random-writes": {"POSIX_SEQ_WRITES": 0},
    "byte-imbalance": {"rank": -1, "POSIX_SLOWEST_RANK_BYTES": 1000, "POSIX_FASTEST_RANK_BYTES": 100},
    "time-imbalance": {"rank": -1, "POSIX_F_SLOWEST_RANK_TIME": 10.0, "POSIX_F_FASTEST_RANK_TIME": 1.0},
    "read-imbalance": {},
    "write-imbalance": {},
    "more-aggregators-than-nodes": {},
    "fewer-aggregators-than-nodes": {},
    "one-aggregator-a-node": {},
    "no-collective": {},
    "few-osts": {},
    "hot-target": {},
    "server-failed-over": {},
    "slow-file-system": {},
    "waited": {},
    "waited-beside-kind": {},
    "requeued": {},
    "timeout": {},
}
"""Rules that no job of a small demo breaks, and the counters of a run that does."""


def slow_files(fill: Fill, job_id: int) -> None:
    """Ten logs of one program that each write 8 GiB in 10 s, and nine at once that take 1,000 s: one is `job_id`'s."""
    fast, slow = range(200, 210), [job_id, *range(300, 308)]
    fill("slurm_jobs", *(run(n, START - HOUR * (n - 199)) for n in fast), *(run(n) for n in slow[1:]))
    fill(
        "darshan_logs",
        *(log(n, START - HOUR * (n - 199)) | {"exe_name": "twin"} for n in fast),
        *(log(n) | {"exe_name": "twin", "log_id": f"twin{n}"} for n in slow),
    )
    place = {"cluster": "c", "date": START.date(), "record_id": 2, "rank": 0, "copy": 0, "file_system": "gs"}
    for number, job in enumerate([*fast, *slow]):
        of = place | {"log_id": f"{'log' if job in fast else 'twin'}{job}", "job_id": job}
        seconds = 10.0 if job in fast else 1000.0
        fill(
            "darshan_posix",
            of | {
                "POSIX_BYTES_WRITTEN": 8 << 30, "POSIX_BYTES_READ": 0, "POSIX_F_WRITE_START_TIMESTAMP": 1.0,
                "POSIX_F_WRITE_END_TIMESTAMP": 1.0 + seconds,
            },
        )  # fmt: skip
        fill("darshan_lustre", of | {"component": 0, "osts": [max(number, 13)], "stripe_count": 1})


def test_rules_that_no_job_of_the_demo_breaks_find_a_run_that_does(lake: Lake, fill: Fill) -> None:
    """One run breaks each rule; a run that does nothing of the kind has none of these findings."""
    size = 2 << 30
    well_done = {
        "file_system": "fs", "POSIX_READS": 2000, "POSIX_WRITES": 2000, "POSIX_BYTES_READ": size,
        "POSIX_BYTES_WRITTEN": size, "POSIX_MAX_BYTE_READ": size - 1, "POSIX_MAX_BYTE_WRITTEN": size - 1,
        "POSIX_SEQ_READS": 2000, "POSIX_SEQ_WRITES": 2000, "POSIX_MEM_NOT_ALIGNED": 0, "POSIX_FILE_NOT_ALIGNED": 0,
        "POSIX_F_READ_TIME": 5.0, "POSIX_F_WRITE_TIME": 5.0, "POSIX_F_META_TIME": 0.1,
    }  # fmt: skip
    ids = {code: number for number, code in enumerate([*BROKEN, "none"], 1)}
    more: dict[str, dict[str, Any]] = {
        "waited": {"submit_time": START - 2 * HOUR},
        "waited-beside-kind": {"submit_time": START - 2 * HOUR},
        **{
            f"{word}-aggregator{'s' * (word != 'one')}-{'a-node' if word == 'one' else 'than-nodes'}": {"nnodes": nodes}
            for word, nodes in (("more", 2), ("fewer", 8), ("one", 4))
        },
        "requeued": {"state": "REQUEUED"},
        "timeout": {"state": "TIMEOUT"},
    }
    fill("slurm_jobs", *(run(number) | more.get(code, {}) for code, number in ids.items()))
    mpi = {"mpi_hints": "romio_no_indep_rw=true;cb_nodes=4", "modules": ["POSIX", "MPI-IO"]}
    fill("darshan_logs", *(log(number) | (mpi if "aggregator" in code else {}) for code, number in ids.items()))
    fill("darshan_posix", *(posix(number, size) | well_done | BROKEN.get(code, {}) for code, number in ids.items()))
    for code, less in (("read-imbalance", "POSIX_BYTES_READ"), ("write-imbalance", "POSIX_BYTES_WRITTEN")):
        fill("darshan_posix", posix(ids[code], size) | well_done | {"rank": 1, less: size // 2})
    key = {"cluster": "c", "date": START.date(), "record_id": 1, "rank": 0, "copy": 0, "file_system": "fs"}
    of = key | {"log_id": f"log{ids['no-collective']}", "job_id": ids["no-collective"]}
    fill(
        "darshan_mpiio",
        of
        | {"MPIIO_INDEP_WRITES": 1999, "MPIIO_COLL_WRITES": 1, "MPIIO_NB_WRITES": 0}
        | dict.fromkeys(("MPIIO_INDEP_READS", "MPIIO_COLL_READS", "MPIIO_NB_READS"), 0),
    )
    everywhere = list(range(20))
    for code, osts in {"few-osts": [1], "hot-target": [0], "server-failed-over": [5], "none": everywhere[6:]}.items():
        of = key | {"log_id": f"log{ids[code]}", "job_id": ids[code], "component": 0}
        fill("darshan_lustre", of | {"osts": osts, "stripe_count": len(osts)})
    df = {"file_system": "fs", "date": START.date(), "ts": START, "role": "ost", "total_bytes": 100, "used_bytes": 10}
    fill("lustre_df", *(df | {"target": f"OST{ost:04x}"} for ost in everywhere))
    rate = {"file_system": "fs", "date": START.date(), "ts": START, "interval_s": 3600.0, "read_bytes": 0}
    fill(
        "lustre_ost",
        *(rate | {"ost": f"OST{o:04x}", "write_bytes": 9 << 40 if o == 0 else 1 << 30} for o in everywhere),
    )
    whole = rate | {"input_id": "i", "osts": 20, "osts_missing": 0, "read_bytes_before": 0}
    for hour, written, before in ((0, 10 << 40, 0), (1, 0, 10 << 40)):
        sums = {"write_bytes": written, "write_bytes_before": before, "ost_seconds_before": 20 * 3600.0 * hour}
        fill("lustre_fs", whole | sums | {"ts": START + hour * HOUR})
    served: dict[str, Any] = {"file_system": "fs", "role": "ost", "target": "OST0005"}
    fill("lustre_target", *(served | {"ts": START - h * HOUR, "server": "a" if h else "b"} for h in (9, 8, 0)))
    slow_files(fill, ids["slow-file-system"])
    found = codes(lake)
    assert {code for code, number in ids.items() if code not in found.get(number, set())} == {"none"}
    assert not set(BROKEN) & found.get(ids["none"], set())


def test_each_code_of_the_rules_is_found_in_a_test(judged: tuple[Lake, Pairs], demo_lake: Lake) -> None:
    """The simulated centres and the test above break every rule between them."""
    asked = "SELECT code FROM findings UNION SELECT code FROM file_system_findings"
    shown = {code for centre in (judged[0], demo_lake) for (code,) in centre.sql(asked).fetchall()}
    by_chance = {"slow-target"}  # so small a centre does not always have enough files of one kind on a slow target
    assert CODES - by_chance <= shown | set(BROKEN) <= CODES
