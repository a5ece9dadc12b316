"""What was wrong with a run, and why it was slow: the marts of behaviour, neighbours, findings and verdicts."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.coverage import LARGEST_SHARE, SEEN_ENOUGH_PCT
from iolake.schemas.identity import Identity
from iolake.schemas.mart import RUN_ID, Mart, Read
from iolake.schemas.table import CLUSTER, DATE, DELTA, FILE_SYSTEM, JOB_ID, TEXT, TIMESTAMP, Column

_N: Final = pa.int64()
_F: Final = pa.float64()

PEER_DAYS: Final = 7
"""A run is compared with runs of its kind that ended at most so many days before or after it."""
_OF_A_DAY: Final = ("severity", "subject", "value", "threshold", "unit", "sentence", "advice", "reference")
_RUNS: Final = ("slurm_jobs", "other_jobs", "darshan_logs")
_LOGS: Final = (Read("slurm_jobs"), Read("other_jobs"), Read("darshan_logs"))


def _count(name: str, doc: str, unit: str | None = None) -> Column:
    return Column(name, _N, doc, unit)


def _real(name: str, doc: str, unit: str | None = None) -> Column:
    return Column(name, _F, doc, unit)


def _text(name: str, doc: str, identifies: Identity) -> Column:
    return Column(name, TEXT, doc, identifies=identifies)


JOB_IO: Final = Mart(
    "job_io",
    "How a run did its I/O, from the counters of its Darshan logs: sizes, order and alignment of its accesses, "
    "metadata, shares of interfaces, spread over ranks and targets. One row a run with logs; findings rest on it.",
    keys=[CLUSTER, RUN_ID],
    columns=[
        JOB_ID,
        _count("reads", "reads of POSIX and DFS"),
        _count("writes", "writes of POSIX and DFS"),
        _count("small_reads", "of these reads, those of less than 1 MB"),
        _count("small_writes", "of these writes, those of less than 1 MB"),
        _count("read_bytes", "read by POSIX and DFS", "B"),
        _count("write_bytes", "written by POSIX and DFS", "B"),
        _count("sequential_reads", "POSIX reads behind the end of the one before"),
        _count("sequential_writes", "POSIX writes behind the end of the one before"),
        _count("misaligned_in_file", "POSIX accesses that are not aligned to the file system's blocks"),
        _count("misaligned_in_memory", "POSIX accesses that are not aligned in memory"),
        _count("redundant_read_bytes", "read more often than files are long", "B"),
        _count("redundant_write_bytes", "written more often than files are long", "B"),
        _count("opens", "opens of POSIX, STDIO and DFS"),
        _count("stats", "POSIX stat calls"),
        _count("seeks", "POSIX seeks"),
        _count("fsyncs", "POSIX fsync and fdatasync calls"),
        _real("read_s", "time of all processes together in POSIX and DFS reads", "s"),
        _real("write_s", "time of all processes together in POSIX and DFS writes", "s"),
        _real("meta_s", "time of all processes together in POSIX and DFS metadata operations", "s"),
        _real("rank_meta_s", "time of the process with most of it in metadata operations of files of its own", "s"),
        _count("stdio_bytes", "read and written by STDIO, standard streams left out", "B"),
        _count("files", "files of POSIX, STDIO and DFS"),
        _count("shared_files", "files that all ranks opened"),
        _count("shared_bytes", "read from and written to files that all ranks opened", "B"),
        _count("shared_small", "accesses of less than 1 MB to files that all ranks opened"),
        _count("movers", "ranks that moved bytes in files of their own; null where files are shared"),
        _real("rank0_pct", "share of the bytes that rank 0 moved in files of its own", "%"),
        _real(
            "byte_imbalance_pct", "in the worst shared file, how much less the fastest rank moved than the slowest", "%"
        ),
        _real(
            "time_imbalance_pct",
            "in the worst shared file, how much less time the fastest rank took than the slowest",
            "%",
        ),
        _real(
            "read_imbalance_pct",
            "in the worst file that several ranks opened, not all, how much less the rank with fewest bytes read than "
            "the one with most; a file counts where a rank read 1 MiB",
            "%",
        ),
        _real("write_imbalance_pct", "the same of what ranks wrote", "%"),
        _count("mpiio_aggregators", "aggregators that the hint cb_nodes asks for"),
        _count("mpiio_independent", "independent MPI-IO reads and writes"),
        _count("mpiio_collective", "collective MPI-IO reads and writes"),
        _count("mpiio_nonblocking", "nonblocking MPI-IO reads and writes"),
        _count("largest_shared_bytes", "moved in the shared file with most bytes", "B"),
        _count("largest_shared_osts", "targets that this file lies on"),
        _count("osts_used", "object storage targets that hold files of the run"),
        _count("nprocs", "processes of its largest log"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id"],
    rows_of=_RUNS,
    reads=(*_LOGS, *(Read(f"darshan_{m}") for m in ("posix", "stdio", "mpiio", "dfs", "lustre"))),
)

JOB_NEIGHBOURS: Final = Mart(
    "job_neighbours",
    "Who else used a run's file system while it ran, the twenty that moved most and the five that opened most files: "
    "bytes in the time both ran, by the servers' own count where there is one, else by Darshan, else unknown.",
    keys=[
        CLUSTER,
        RUN_ID,
        FILE_SYSTEM,
        Column(
            "neighbour_cluster", TEXT, "the machine that the neighbour ran on", nullable=False, identifies=Identity.SITE
        ),
        Column("neighbour_run_id", TEXT, "the neighbour's run", nullable=False, identifies=Identity.JOB),
    ],
    columns=[
        JOB_ID,
        Column("neighbour_job_id", _N, "the neighbour's job id", identifies=Identity.JOB),
        _text("neighbour_user", "who ran it", identifies=Identity.USER),
        _text("neighbour_exe", "its first program, or its job name", identifies=Identity.PATH),
        Column("overlap_start", TIMESTAMP, "UTC; since when both ran", encoding=DELTA),
        Column("overlap_end", TIMESTAMP, "UTC; until when both ran", encoding=DELTA),
        _real("overlap_s", "how long both ran", "s"),
        _text(
            "measured_by", "jobstats, darshan, or presence where nobody counted its bytes", identifies=Identity.NOTHING
        ),
        _real("read_bytes", "read by the neighbour in the overlap, if it read evenly over its time", "B"),
        _real("write_bytes", "written by the neighbour in the overlap, if it wrote evenly over its time", "B"),
        _real("bytes_per_s", "its mean rate in the overlap", "B/s"),
        _real("opens", "its opens in the overlap, if it opened evenly over its time"),
        _real(
            "share",
            f"its part of all bytes that the servers counted meanwhile; null over {LARGEST_SHARE}, or where less than "
            f"{SEEN_ENOUGH_PCT} % was seen",
        ),
        _real("own_share", "the run's own part of these bytes, null likewise and where nobody counted the run's"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id", "file_system"],
    rows_of=_RUNS,
    reads=(
        Read("job_file_system", same_owner=False, slack_days=1),
        Read("job_summary", same_owner=False, slack_days=1),
    ),
)

OST_SPEED_HOUR: Final = Mart(
    "ost_speed_hour",
    "How fast were files on an object storage target beside files on the others in an hour (UTC)? Each file's rate, "
    "from its first to its last read or write, over the median of files of its kind: program, direction, sharing, "
    "stripes.",
    keys=[
        FILE_SYSTEM,
        Column("ost", TEXT, "object storage target", nullable=False, identifies=Identity.TARGET),
        Column("ts", TIMESTAMP, "UTC; the row covers [ts, ts + 1 hour)", encoding=DELTA, nullable=False),
    ],
    columns=[
        _count("files", "reads or writes of files with a stripe on the target, of at least 16 MB"),
        _real("relative_speed", "median of their rates, each over its kind's median"),
        _real("slow_pct", "share of them at less than 67 % of their kind's median", "%"),
        _count("slow_jobs", "jobs with such slow files on the target"),
        _count("other_files", "reads or writes of files without a stripe on it"),
        _real("other_relative_speed", "median of the rates of these, likewise"),
        _real("other_slow_pct", "share of these at less than 67 % of their kind's median", "%"),
        _count("other_slow_jobs", "jobs with such slow files without a stripe on it"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ost", "ts"],
    rows_of=("lustre_fs",),
    reads=(
        Read("lustre_fs", slack_days=0, day_only=True),
        *(Read(f"darshan_{m}", same_owner=False, slack_days=1) for m in ("logs", "posix", "lustre")),
    ),
)

FINDINGS: Final = Mart(
    "findings",
    "What is worth knowing about a run's I/O, one row a run and finding, each with its evidence. finding_rules has "
    "every rule with its threshold, advice and origin.",
    keys=[
        CLUSTER,
        RUN_ID,
        Column("code", TEXT, "the rule, as finding_rules names it", nullable=False, identifies=Identity.NOTHING),
    ],
    columns=[
        JOB_ID,
        _text("severity", "high, medium, low, or info", identifies=Identity.NOTHING),
        _text("subject", "application, file system, neighbour, or scheduler", identifies=Identity.NOTHING),
        _real("value", "what was found"),
        _real("threshold", "what it was held against"),
        _text("unit", "unit of value and threshold", identifies=Identity.NOTHING),
        _text("compared_with", "what the threshold is: the rule's own, or the run's kind", identifies=Identity.NOTHING),
        _text("file_system", "the file system that it is about", identifies=Identity.SITE),
        _text("target", "the target that it is about", identifies=Identity.TARGET),
        _text("neighbour", "the job that it is about, as cluster and job id", identifies=Identity.JOB),
        _text("sentence", "the finding in words", identifies=Identity.TEXT),
        _text("advice", "what to do", identifies=Identity.NOTHING),
        _text("reference", "where the rule comes from", identifies=Identity.NOTHING),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id", "code"],
    rows_of=_RUNS,
    reads=(
        Read("job_summary", slack_days=PEER_DAYS, day_only=True),
        Read("job_io", slack_days=PEER_DAYS, day_only=True),
        Read("slurm_jobs", slack_days=PEER_DAYS, day_only=True),
        Read("job_ost", same_owner=False, slack_days=1),
        Read("job_file_system", slack_days=0, day_only=True),
        Read("job_neighbours", slack_days=0, day_only=True),
        Read("ost_speed_hour", same_owner=False, slack_days=1),
        Read("file_system_hour", same_owner=False, slack_days=PEER_DAYS),
        Read("ost_hour", same_owner=False, slack_days=1),
        Read("lustre_df", same_owner=False, slack_days=1),
        Read("lustre_target", same_owner=False, slack_days=PEER_DAYS),
    ),
)

FILE_SYSTEM_FINDINGS: Final = Mart(
    "file_system_findings",
    "What was wrong with a file system on a day (UTC): saturated, its metadata servers saturated, a target full, slow, "
    "hot or served by another server, or not watched. One row a file system, day, finding and target; finding_rules "
    "has the rules.",
    keys=[
        FILE_SYSTEM,
        DATE,
        Column("code", TEXT, "the rule, as finding_rules names it", nullable=False, identifies=Identity.NOTHING),
        Column(
            "target",
            TEXT,
            "the target that it is about; empty for the file system as a whole",
            nullable=False,
            identifies=Identity.TARGET,
        ),
    ],
    columns=[
        Column("ts", TIMESTAMP, "UTC; the hour, or the snapshot, in which it was worst", encoding=DELTA),
        *(c for c in FINDINGS.columns if c.name in _OF_A_DAY),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["code", "target"],
    rows_of=("lustre_fs", "lustre_df", "lustre_target"),
    reads=(
        Read("file_system_hour", slack_days=PEER_DAYS, day_only=True),
        Read("file_system_day", slack_days=0, day_only=True),
        Read("ost_hour", slack_days=0, day_only=True),
        Read("ost_speed_hour", slack_days=0, day_only=True),
        Read("lustre_fs", slack_days=0, day_only=True),
        Read("lustre_df", slack_days=0, day_only=True),
        Read("lustre_target", slack_days=PEER_DAYS, day_only=True),
    ),
)

JOB_VERDICT: Final = Mart(
    "job_verdict",
    "Was it the application, the file system, or a neighbour? One row a run: the finding that explains best why it was "
    "slower than its kind; cause is null where it was not, or nothing explains it. A run that was not slow may have "
    "been delayed by the scheduler, which lost_s does not count. lost_s is null, too, for a run without a kind, which "
    "is judged by its own ranks and targets.",
    keys=[CLUSTER, RUN_ID],
    columns=[
        JOB_ID,
        _text(
            "cause",
            "application, neighbour, failing target, full target, hot target, failed-over server, metadata server, "
            "file system, scheduler; null for none",
            identifies=Identity.NOTHING,
        ),
        _text("culprit", "the job or target, or in an application what it does", identifies=Identity.TEXT),
        _real("lost_s", "how much longer its I/O took than its kind's, or its run where no log shows its I/O", "s"),
        _real("confidence", "0 to 1: how much of the evidence is there and agrees"),
        _text("sentence", "the verdict in words", identifies=Identity.TEXT),
        _real("of_peers", "performance over the median of its kind"),
        _count("peers", "runs of its kind within a week, itself included"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id"],
    rows_of=_RUNS,
    reads=(
        Read("findings", slack_days=0, day_only=True),
        Read("job_summary", slack_days=PEER_DAYS, day_only=True),
    ),
)
