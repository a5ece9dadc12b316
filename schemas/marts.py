"""The marts of jobs, logs, file systems and targets: answers computed once, by owner and day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from iolake.schemas.coverage import LARGEST_SHARE, SEEN_ENOUGH_PCT
from iolake.schemas.identity import Identity
from iolake.schemas.lustre import MD_OPS
from iolake.schemas.mart import RUN_ID, Mart, Read
from iolake.schemas.table import (
    CLUSTER,
    DATE,
    DELTA,
    FILE_SYSTEM,
    JOB_ID,
    TEXT,
    TIMESTAMP,
    Column,
)

_N: Final = pa.int64()
_F: Final = pa.float64()
_LIST: Final = pa.list_(TEXT)
_OVERLOADED: Final = pa.list_(pa.struct([("server", TEXT), ("osts", _LIST)]))

_SUBMIT: Final = Column("submit_time", TIMESTAMP, "when the run was submitted, part of a run's key", encoding=DELTA)
_RESTART: Final = Column("restart", _N, "how often the job was restarted before this run")
_RUN: Final = (JOB_ID, _SUBMIT, _RESTART)


_NULL: Final = f"null where less than {SEEN_ENOUGH_PCT} % was seen"


def _count(name: str, doc: str, unit: str | None = None) -> Column:
    return Column(name, _N, doc, unit)


def _real(name: str, doc: str, unit: str | None = None) -> Column:
    return Column(name, _F, doc, unit)


def _text(name: str, doc: str, identifies: Identity) -> Column:
    return Column(name, TEXT, doc, identifies=identifies)


def _time(name: str, doc: str) -> Column:
    return Column(name, TIMESTAMP, doc, encoding=DELTA)


def _ops(prefix: str, where: str) -> Iterator[Column]:
    """The metadata operations, each in a column of its own."""
    return (_count(f"{prefix}{op}", f"{op} {where}") for op in MD_OPS)


def _bytes(prefix: str, what: str) -> tuple[Column, Column]:
    """A read and a written amount."""
    return (
        _count(f"{prefix}read_bytes", f"read by {what}", "B"),
        _count(f"{prefix}write_bytes", f"written by {what}", "B"),
    )


_SHARES: Final = (
    _real("read_share", "darshan_read_bytes over fs_read_bytes; see share_reason"),
    _real("write_share", "darshan_write_bytes over fs_write_bytes; see share_reason"),
    _real("share", "Darshan's bytes over the servers', reads and writes together; see share_reason"),
    _real("opens_share", "darshan_opens over fs_opens; see share_reason"),
    _text(
        "share_reason",
        f"why a share is null: nothing seen of the window, less than {SEEN_ENOUGH_PCT} % seen of it, or a share over "
        f"{LARGEST_SHARE}, which says "
        "that clocks or names don't fit; null where no share is",
        identifies=Identity.NOTHING,
    ),
)
_FULLNESS: Final = (
    _time("df_ts", "when the `lfs df` or `mmdf` was taken that says how full the targets were"),
    _count("osts", "object storage targets in it"),
    _count("osts_answering", "of those, how many said how full they were"),
    _real("used_pct", "used share of all targets", "%"),
    _text("fullest_ost", "the fullest target", identifies=Identity.TARGET),
    _real("fullest_ost_pct", "how full it was", "%"),
    _text("emptiest_ost", "the emptiest target", identifies=Identity.TARGET),
    _real("emptiest_ost_pct", "how full it was", "%"),
)
_SERVED: Final = (
    _time("targets_ts", "when the list of targets and their servers was taken"),
    _count("servers", "servers in it"),
    _count("usual_osts_per_server", "the commonest number of targets a server"),
    _count("overloaded_servers", "servers that served more than that"),
    _count("overloaded_osts", "targets on such servers"),
)
_JOBSTATS: Final = (
    *_bytes("jobstats_", "the run as the servers themselves counted it; null where they did not, or jobstats_reason"),
    _text(
        "jobstats_reason",
        "why the servers' count of the run is null though they count jobs",
        identifies=Identity.NOTHING,
    ),
)
_WINDOW_FS: Final = (
    *_bytes("fs_", "all users of the file system in the window, by the servers' counts"),
    _real("fs_seen_pct", "share of the window's time and storage targets that has counts", "%"),
)

# The tables that the models of a cluster's runs read.
_RUNS: Final = (Read("slurm_jobs"), Read("other_jobs"), Read("darshan_logs"))
# The servers count jobs by an id that a run of another cluster may have as well.
_RUNS_OF_ALL: Final = (Read("slurm_jobs", same_owner=False), Read("other_jobs", same_owner=False), _RUNS[2])
_RECORDS: Final = tuple(Read(f"darshan_{m}") for m in ("posix", "mpiio", "stdio", "dfs", "daos"))
_SERVERS: Final = tuple(
    Read(t, same_owner=False)
    for t in ("lustre_fs", "lustre_jobstats", "lustre_df", "lustre_target", "scale_disk", "scale_capacity")
)
_DAYS_OF_RUNS: Final = ("slurm_jobs", "other_jobs", "darshan_logs")

JOB_FILE_SYSTEM: Final = Mart(
    "job_file_system",
    "A run and a file system: what Darshan recorded there, what the servers counted in the run's window, the run's "
    "share of it, and the state of the targets when it began. Bytes of an application are those of POSIX, STDIO and "
    "DFS.",
    keys=[CLUSTER, RUN_ID, FILE_SYSTEM],
    columns=[
        *_RUN,
        _time("window_start", "when the run began; null where unknown"),
        _time("window_end", "one of the file system's intervals after the run ended: servers write on after it"),
        _time("end_time", "when the run ended"),
        _count("logs", "Darshan logs with records there; null without any"),
        *_bytes("darshan_", "the application there, as Darshan recorded it"),
        _count("darshan_opens", "files that the application opened there, as Darshan counted"),
        _real("darshan_read_s", "time that all processes together spent reading there", "s"),
        _real("darshan_write_s", "time that all processes together spent writing there", "s"),
        _real("darshan_meta_s", "time that all processes together spent in metadata operations there", "s"),
        *_WINDOW_FS,
        _real("fs_mdt_seen_pct", "share of the window's time and metadata targets that has counts", "%"),
        _count("fs_osts", "storage targets of the file system"),
        *_ops("fs_", "of all users in the window, by the servers' counts"),
        _real("fs_peak_read_bytes_per_s", "highest read rate of an interval in the window; see peak_reason", "B/s"),
        _real("fs_peak_write_bytes_per_s", "highest write rate of an interval in the window; see peak_reason", "B/s"),
        _text(
            "peak_reason",
            f"why the peaks are null: nothing, or less than {SEEN_ENOUGH_PCT} %, of the window was seen",
            identifies=Identity.NOTHING,
        ),
        *_SHARES,
        *_JOBSTATS,
        *_FULLNESS,
        *_SERVED,
        Column(
            "overloaded",
            _OVERLOADED,
            "each server that served more than usual, with its targets",
            identifies=Identity.HOST,
        ),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id", "file_system"],
    rows_of=_DAYS_OF_RUNS,
    reads=(*_RUNS_OF_ALL, *_RECORDS, *_SERVERS),
)

JOB_SUMMARY: Final = Mart(
    "job_summary",
    "A run of a job: what the scheduler says, what the application did, what its file system did meanwhile, how much "
    "of that was the run's, and in what state the targets were when it began. Columns of servers and targets are of "
    "file_system, the one where the run moved most bytes; job_file_system has every one that it touched. What no "
    "source knows is null: bytes of a run without Darshan logs, servers that nobody watched.",
    keys=[CLUSTER, RUN_ID],
    columns=[
        *_RUN,
        _text("known_by", "scheduler, or logs where only Darshan logs show the run", identifies=Identity.NOTHING),
        _text(
            "scheduler",
            "slurm, pbs, lsf, flux, ...; null where only Darshan logs show the run",
            identifies=Identity.NOTHING,
        ),
        _text("job_name", "name of the job", identifies=Identity.JOB_NAME),
        _text("user_name", "who ran it", identifies=Identity.USER),
        _text("account", "account or project charged", identifies=Identity.ACCOUNT),
        _text("partition", "partition or queue", identifies=Identity.SITE),
        _text("qos", "quality of service", identifies=Identity.SITE),
        _text("state", "how it ended", identifies=Identity.NOTHING),
        _count("exit_code", "exit status"),
        _time("start_time", "when it began to run"),
        _time("end_time", "when it ended"),
        _real("elapsed_s", "how long it ran", "s"),
        _real("wait_s", "from submission to start", "s"),
        _real("timelimit_s", "time limit", "s"),
        _count("nnodes", "nodes allocated"),
        _count("ncpus", "CPUs allocated"),
        _real("node_hours", "nodes times hours"),
        _count("logs", "Darshan logs of the run"),
        Column("exe_names", _LIST, "programs, in the order in which their logs begin", identifies=Identity.PATH),
        _count("nprocs", "processes of its largest log"),
        _time("first_log_start", "when its first log begins"),
        _time("last_log_end", "when its last log ends"),
        *_bytes("", "the application: POSIX, STDIO and DFS"),
        *_bytes("posix_", "POSIX calls"),
        *_bytes("stdio_", "STDIO calls"),
        *_bytes("dfs_", "DFS calls"),
        *_bytes("mpiio_", "MPI-IO calls, one layer up from POSIX: the same bytes again"),
        *_bytes("daos_", "DAOS objects, one layer down from DFS: the same bytes again"),
        _count("files", "files that the application touched, standard streams left out"),
        _real("io_s", "time that all processes together spent in I/O calls", "s"),
        _real("slowest_io_s", "time of the slowest process in POSIX or DFS, whichever moved more", "s"),
        _real("performance_bytes_per_s", "that interface's bytes over slowest_io_s, as darshan-parser --perf", "B/s"),
        Column("file_systems", _LIST, "file systems that it touched, most bytes first", identifies=Identity.SITE),
        _text("file_system", "the file system where it moved most bytes", identifies=Identity.SITE),
        *_bytes("darshan_", "the application on file_system, as Darshan recorded it"),
        *_WINDOW_FS,
        *_SHARES,
        *_JOBSTATS,
        *(_count(f"fs_{op}", f"{op} of all users in the window") for op in ("opens", "closes", "getattrs", "unlinks")),
        *(c for c in _FULLNESS if c.name != "osts_answering"),
        _SERVED[0],
        *_SERVED[3:],
        _real("radius_min", "distance of the nearest node from the run's centre, in units of the coordinates"),
        _real("radius_max", "distance of the farthest node from the run's centre"),
        _real("radius_mean", "mean distance of the nodes from the run's centre"),
        _count("switches", "switches that its nodes are cabled to; null where not all are known"),
        _count("groups", "groups of the network that its nodes are in; null where not all are known"),
        _count("cabinets", "cabinets that its nodes are in; null where not all are known"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id"],
    rows_of=_DAYS_OF_RUNS,
    reads=(
        Read("job_file_system", slack_days=0, day_only=True),
        *_RUNS,
        *_RECORDS,
        Read("topology", slack_days=0, as_of=True),
    ),
)

JOB_OST: Final = Mart(
    "job_ost",
    "A run and an object storage target that holds some of its files, as Darshan's LUSTRE records name them, with what "
    "the server counted on it from the run's start to its end, of all its users.",
    keys=[
        CLUSTER,
        RUN_ID,
        FILE_SYSTEM,
        Column("ost", TEXT, "object storage target", nullable=False, identifies=Identity.TARGET),
    ],
    columns=[
        *_RUN,
        _count("files", "files of the run that lie on the target, at least in part"),
        *_bytes("ost_", "all users of the target while the run ran"),
        _real("ost_seen_pct", "share of the run's time that has counts of the target", "%"),
        Column("reset", pa.bool_(), "a counter of the target restarted meanwhile: the bytes are a lower bound"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "run_id", "file_system", "ost"],
    rows_of=_DAYS_OF_RUNS,
    reads=(*_RUNS, Read("darshan_lustre"), Read("lustre_ost", same_owner=False)),
)

DARSHAN_PERFORMANCE: Final = Mart(
    "darshan_performance",
    "A log and a module: bytes, times and performance over all file systems, as darshan-parser --perf has them.",
    keys=[
        CLUSTER,
        Column("log_id", TEXT, "hash of the log's content", nullable=False, identifies=Identity.CODE),
        Column("module", TEXT, "POSIX, MPI-IO, STDIO, DFS, ...", nullable=False, identifies=Identity.NOTHING),
    ],
    columns=[
        JOB_ID,
        *_bytes("", "the module's calls"),
        _count("total_bytes", "read and written", "B"),
        _real("unique_io_s", "I/O time of the rank that was slowest in files of its own", "s"),
        _count("unique_slowest_rank", "that rank"),
        _real("unique_rw_s", "of its time, reading and writing", "s"),
        _real("unique_meta_s", "of its time, metadata operations", "s"),
        _real("shared_io_s", "time of the slowest rank in each shared file, added", "s"),
        _real("io_s", "unique_io_s and shared_io_s", "s"),
        _real("performance_bytes_per_s", "total_bytes over io_s", "B/s"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["job_id", "log_id", "module"],
    rows_of=("darshan_logs",),
    reads=tuple(
        Read(f"darshan_{m}", slack_days=0, day_only=True) for m in ("logs", "posix", "mpiio", "stdio", "dfs", "daos")
    ),
)

_HOUR: Final = Column("ts", TIMESTAMP, "UTC; the row covers [ts, ts + 1 hour)", encoding=DELTA, nullable=False)
_SEEN: Final = (
    _real("seen_s", "time with byte counts, averaged over the storage targets", "s"),
    _real("seen_pct", "share of the time and storage targets that has byte counts", "%"),
)

FILE_SYSTEM_HOUR: Final = Mart(
    "file_system_hour",
    "A file system and an hour (UTC): bytes and operations, mean and peak rates, load of its servers, how full it was, "
    "and how much of the hour was seen. An interval counts in the hour in which it begins.",
    keys=[FILE_SYSTEM, _HOUR],
    columns=[
        *_bytes("", "all users, summed over the storage targets that were seen"),
        *_ops("", "of all users, summed over the metadata targets that were seen"),
        _real("mean_read_bytes_per_s", "read_bytes over seen_s", "B/s"),
        _real("mean_write_bytes_per_s", "write_bytes over seen_s", "B/s"),
        _real("peak_read_bytes_per_s", f"highest read rate of an interval; {_NULL}", "B/s"),
        _real("peak_write_bytes_per_s", f"highest write rate of an interval; {_NULL}", "B/s"),
        _text(
            "peak_reason",
            f"why the peaks are null: nothing, or less than {SEEN_ENOUGH_PCT} %, of the hour was seen",
            identifies=Identity.NOTHING,
        ),
        _count("osts", "storage targets of the file system"),
        *_SEEN,
        _real("oss_cpu_pct", "mean load of the processors of storage servers", "%"),
        _real("oss_cpu_max_pct", "highest load of a storage server's processors", "%"),
        _real("mds_cpu_pct", "mean load of the processors of metadata servers", "%"),
        _real("mds_cpu_max_pct", "highest load of a metadata server's processors", "%"),
        _count("used_bytes", "used space of the storage targets at the end of the hour", "B"),
        _count("total_bytes", "size of those storage targets", "B"),
        _real("used_pct", "used_bytes over total_bytes", "%"),
        _real("fullest_ost_pct", "how full the fullest storage target was", "%"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts"],
    rows_of=("lustre_fs",),
    reads=tuple(
        Read(t, slack_days=0, day_only=True)
        for t in ("lustre_fs", "lustre_ost", "lustre_server", "scale_server", "scale_capacity", "scale_disk")
    ),
)

_BY_SERVER: Final = "; of a disk of Storage Scale each server's bytes over what that server saw, summed"

OST_HOUR: Final = Mart(
    "ost_hour",
    "An object storage target and an hour (UTC): bytes and operations, mean and peak rates, how full it was, and how "
    "much of the hour was seen. An interval counts in the hour in which it begins.",
    keys=[FILE_SYSTEM, Column("ost", TEXT, "object storage target", nullable=False, identifies=Identity.TARGET), _HOUR],
    columns=[
        *_bytes("", "all users of the target, in what was seen"),
        _count("read_ops", "bulk reads"),
        _count("write_ops", "bulk writes"),
        _real("mean_read_bytes_per_s", "read_bytes over seen_s" + _BY_SERVER, "B/s"),
        _real("mean_write_bytes_per_s", "write_bytes over seen_s" + _BY_SERVER, "B/s"),
        _real("peak_read_bytes_per_s", f"highest read rate of an interval; {_NULL}", "B/s"),
        _real("peak_write_bytes_per_s", f"highest write rate of an interval; {_NULL}", "B/s"),
        _text(
            "peak_reason",
            f"why the peaks are null: nothing, or less than {SEEN_ENOUGH_PCT} %, of the hour was seen",
            identifies=Identity.NOTHING,
        ),
        _real("seen_s", "time with byte counts", "s"),
        _real("seen_pct", "share of the hour that has byte counts", "%"),
        Column("reset", pa.bool_(), "a counter restarted in the hour: the bytes are a lower bound"),
        _count("used_bytes", "used space at the end of the hour", "B"),
        _count("total_bytes", "size of the target", "B"),
        _real("used_pct", "used_bytes over total_bytes", "%"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["ts", "ost"],
    rows_of=("lustre_ost", "scale_nsd", "scale_disk"),
    reads=tuple(Read(t, slack_days=0, day_only=True) for t in ("lustre_ost", "scale_nsd", "scale_disk")),
)

FILE_SYSTEM_DAY: Final = Mart(
    "file_system_day",
    "A file system and a day (UTC): bytes and operations, peak rates, and how much of the day was seen. Sums are of "
    "what was seen.",
    keys=[FILE_SYSTEM, DATE],
    columns=[
        *_bytes("", "all users, summed over the storage targets that were seen"),
        _real("peak_read_bytes_per_s", f"highest read rate of an interval; {_NULL}", "B/s"),
        _time("peak_read_ts", "when that interval began"),
        _real("peak_write_bytes_per_s", f"highest write rate of an interval; {_NULL}", "B/s"),
        _time("peak_write_ts", "when that interval began"),
        _text(
            "peak_reason",
            f"why the peaks are null: nothing, or less than {SEEN_ENOUGH_PCT} %, of the day was seen",
            identifies=Identity.NOTHING,
        ),
        *_ops("", "of all users, summed over the metadata targets that were seen"),
        _real("observed_s", "time of the intervals that the sources have", "s"),
        _real("seen_pct", "share of the day's time and storage targets that has byte counts", "%"),
    ],
    partition_by=[FILE_SYSTEM, DATE],
    sort_by=["observed_s"],
    rows_of=("lustre_fs",),
    reads=(Read("lustre_fs", slack_days=0, day_only=True),),
)

MARTS: Final = (
    JOB_FILE_SYSTEM,
    JOB_SUMMARY,
    JOB_OST,
    DARSHAN_PERFORMANCE,
    FILE_SYSTEM_HOUR,
    OST_HOUR,
    FILE_SYSTEM_DAY,
)
