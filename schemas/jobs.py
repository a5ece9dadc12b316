"""Jobs of schedulers other than Slurm, and of sites whose own database records little more than who ran when."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import CLUSTER, DATE, DELTA, JOB_ID, RUN_ID_DOC, TEXT, TIMESTAMP, Column, Table

OTHER_JOBS: Final = Table(
    "other_jobs",
    "Jobs that have ended, from a site's job database or from CSV or Parquet files: one row a run of a job.",
    keys=[
        CLUSTER,
        Column(
            "run_id",
            TEXT,
            f"{RUN_ID_DOC}; <scheduler_id>.<start time as epoch; submit or end time if it never started>",
            nullable=False,
            backfill="concat(scheduler_id, '.', epoch_us(coalesce(start_time, submit_time, end_time)) // 1000000)",
            identifies=Identity.JOB,
        ),
    ],
    columns=[
        Column(
            "scheduler_id",
            TEXT,
            "the scheduler's own text for the job: 4478544.sdb, 12[7].pbs",
            nullable=False,
            identifies=Identity.JOB,
        ),
        Column("start_time", TIMESTAMP, "when it began to run; null if it never did", encoding=DELTA),
        Column(
            JOB_ID.name,
            JOB_ID.type,
            "the number that the scheduler's text for the job starts with",
            identifies=Identity.JOB,
        ),
        Column("end_time", TIMESTAMP, "when it ended", encoding=DELTA, nullable=False),
        Column("submit_time", TIMESTAMP, "when it was submitted", encoding=DELTA),
        Column(
            "time_ambiguous",
            pa.bool_(),
            "true where a time lies in the hour that autumn repeats: the earlier reading is given",
            nullable=False,
        ),
        Column("scheduler", TEXT, "pbs, lsf, flux, …, in the site's own words", identifies=Identity.NOTHING),
        Column("job_name", TEXT, "name of the job", identifies=Identity.JOB_NAME),
        Column("user_name", TEXT, "who ran it", identifies=Identity.USER),
        Column("uid", pa.int64(), "user id", identifies=Identity.UID),
        Column("account", TEXT, "account or project charged", identifies=Identity.ACCOUNT),
        Column("queue", TEXT, "queue or partition", identifies=Identity.SITE),
        Column("state", TEXT, "how it ended, in the scheduler's own words", identifies=Identity.NOTHING),
        Column("exit_code", pa.int64(), "exit status"),
        Column("exit_signal", pa.int64(), "signal that ended it; 0 = none"),
        Column("timelimit_s", pa.float64(), "time limit", "s"),
        Column("nnodes", pa.int64(), "nodes allocated"),
        Column("ncpus", pa.int64(), "CPUs allocated"),
        Column("node_list", TEXT, "the nodes, as the scheduler writes them", identifies=Identity.HOST),
        Column("nodes", pa.list_(TEXT), "the nodes, one name each", identifies=Identity.HOST),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["end_time", "scheduler_id"],
    event_time="end_time",
)
