"""Slurm accounting: job allocations, their steps, and the jobs that had not ended when they were last seen.

Names in `origin` are sacct's fields. Sizes are bytes, whatever suffix sacct printed. A value that the source
does not have is null, also where Slurm writes `Unknown`, `None assigned` or an empty field for it.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from iolake.schemas.identity import Identity
from iolake.schemas.table import (
    CLUSTER,
    DATE,
    DELTA,
    JOB_ID,
    MAP_COUNTS,
    RUN_ID_DOC,
    TEXT,
    TIMESTAMP,
    Column,
    Table,
)

MAP_TEXTS: Final = pa.map_(TEXT, TEXT)
LIST_TEXT: Final = pa.list_(TEXT)

_SLURM_JOB_ID: Final = Column(
    JOB_ID.name, JOB_ID.type, JOB_ID.doc, origin="JobIDRaw", encoding=DELTA, nullable=False, identifies=Identity.JOB
)


def _time(name: str, doc: str, origin: str, nullable: bool = True) -> Column:
    return Column(name, TIMESTAMP, doc, origin=origin, encoding=DELTA, nullable=nullable)


def _text(name: str, doc: str, origin: str, identifies: Identity) -> Column:
    return Column(name, TEXT, doc, origin=origin, identifies=identifies)


def _count(name: str, doc: str, origin: str, unit: str | None = None, identifies: Identity | None = None) -> Column:
    return Column(name, pa.int64(), doc, unit, origin, identifies=identifies)


def _seconds(name: str, doc: str, origin: str) -> Column:
    return Column(name, pa.float64(), doc, "s", origin)


def _tres(name: str, doc: str, origin: str) -> Column:
    return Column(
        name,
        MAP_COUNTS,
        f"{doc}; memory and disk in bytes, energy in joules, cpu usage in ms",
        origin=origin,
        identifies=Identity.NOTHING,
    )


SUBMIT_TIME: Final = _time(
    "submit_time",
    "when the run was submitted or last requeued; start or end time where the source has none (submit_known)",
    "Submit",
    nullable=False,
)
RESTART: Final = _count(
    "restart", "how often the job had been requeued before; null where the source has no count", "Restarts"
)


def _run_id(job: str) -> Column:
    """The key of a run; `job` is SQL for the text that it starts with in files that lack the column."""
    restart = "CASE WHEN restart > 0 THEN concat('.', restart) ELSE '' END"
    return Column(
        "run_id",
        TEXT,
        f"{RUN_ID_DOC}; <job_id>.<submit_time as epoch>, and .<restart> where that is above 0",
        origin="JobIDRaw, Submit, Restarts",
        nullable=False,
        backfill=f"concat({job}, '.', epoch_us(submit_time) // 1000000, {restart})",
        identifies=Identity.JOB,
    )


STEP_RUN_ID: Final = _run_id("job_id")
RUN_ID: Final = _run_id(
    "CASE WHEN start_time IS NULL AND array_job_id = job_id AND array_task_id IS NOT NULL "
    "THEN concat(job_id, '_', array_task_id) ELSE job_id::VARCHAR END"
)
"""`sacct --array` gives every task that never started the array's own raw id, so such a task's number is in its key."""
RUN_COLUMNS: Final = (_SLURM_JOB_ID, SUBMIT_TIME, RESTART)
"""What `run_id` is made of. Slurm's own database keys a run by job id and submit time."""

_SUBMIT_KNOWN: Final = Column(
    "submit_known", pa.bool_(), "false where submit_time stands in for an unknown one", nullable=False
)
_TIME_AMBIGUOUS: Final = Column(
    "time_ambiguous",
    pa.bool_(),
    "true where a time lies in the hour that autumn repeats and nothing settles which one: the earlier is given",
    nullable=False,
)
_END_TIME: Final = _time("end_time", "when it ended", "End", nullable=False)
_START_TIME: Final = _time("start_time", "when it began to run; null if it never did", "Start")
_STATE: Final = _text(
    "state",
    "how it ended, or where it stands: COMPLETED, FAILED, CANCELLED, TIMEOUT, REQUEUED, …",
    "State",
    identifies=Identity.NOTHING,
)
_NODES: Final = (
    _text("node_list", "the nodes, as Slurm writes them: nid0[5032-5159,6000]", "NodeList", identifies=Identity.HOST),
    Column("nodes", LIST_TEXT, "the nodes, one name each", origin="NodeList", identifies=Identity.HOST),
)
_EXIT: Final = (
    _count("exit_code", "exit status, 0 to 255", "ExitCode"),
    _count("exit_signal", "signal that ended it; 0 = none", "ExitCode"),
)
_CPU_TIMES: Final = (
    _seconds("elapsed_s", "run time without suspended time; end - start where the source has no Elapsed", "Elapsed"),
    _seconds("suspended_s", "time spent suspended", "Suspended"),
    _seconds("cpu_time_s", "elapsed time x allocated CPUs", "CPUTime"),
    _seconds("total_cpu_s", "CPU time used, user and system", "TotalCPU"),
    _seconds("user_cpu_s", "CPU time used in user mode", "UserCPU"),
    _seconds("system_cpu_s", "CPU time used in the kernel", "SystemCPU"),
)
_ENERGY_J: Final = _count("energy_j", "energy used", "ConsumedEnergy", "J")

_WHO_AND_WHERE: Final = (
    _text(
        "job_name",
        "name of the job; Slurm turns a double quote into a back-tick",
        "JobName",
        identifies=Identity.JOB_NAME,
    ),
    _text("user_name", "who ran it", "User", identifies=Identity.USER),
    _count("uid", "user id", "UID", identifies=Identity.UID),
    _text("group_name", "the user's group", "Group", identifies=Identity.ACCOUNT),
    _count("gid", "group id", "GID", identifies=Identity.UID),
    _text("account", "account charged", "Account", identifies=Identity.ACCOUNT),
    _text(
        "partition",
        "Slurm partition, the queue; several, with commas, where the job never started",
        "Partition",
        identifies=Identity.SITE,
    ),
    _text("qos", "quality of service", "QOS", identifies=Identity.SITE),
    _count("qos_id", "Slurm's number for the quality of service", "QOSRAW", identifies=Identity.SITE),
    _count("array_job_id", "the array's job id; null for a job outside of arrays", "JobID", identifies=Identity.JOB),
    _count("array_task_id", "the task's number in its array", "JobID", identifies=Identity.NOTHING),
    _text(
        "array_tasks",
        "the tasks of a record of several tasks that never started: [3-7%2]",
        "JobID",
        identifies=Identity.NOTHING,
    ),
    _count(
        "het_job_id",
        "the first component's job id; null for a job without components",
        "JobID",
        identifies=Identity.JOB,
    ),
    _count("het_offset", "the component's number in its heterogeneous job, from 0", "JobID"),
)
_ASKED_FOR: Final = (
    _seconds("timelimit_s", "time limit; null for no limit or an unknown one", "Timelimit"),
    _text(
        "timelimit_kind",
        "limit, unlimited, or partition (the partition's own limit)",
        "Timelimit",
        identifies=Identity.NOTHING,
    ),
    _count("req_cpus", "CPUs asked for", "ReqCPUS"),
    _count("req_nodes", "nodes asked for", "ReqNodes"),
    _count("req_mem_bytes", "memory asked for, in all", "ReqMem", "B"),
    _tres("req_tres", "trackable resources asked for", "ReqTRES"),
    _count("priority", "priority when it was started", "Priority"),
    _text("reason", "why it was pending last", "Reason", identifies=Identity.TEXT),
    _seconds("planned_s", "time from eligible to start; null if it never did", "Planned"),
    _seconds("planned_cpu_s", "time from eligible to start x CPUs; null if it never did", "PlannedCPU"),
)

SLURM_JOBS: Final = Table(
    "slurm_jobs",
    "Slurm job allocations that have ended, one row a run: each array task, heterogeneous component and requeue.",
    keys=[CLUSTER, RUN_ID],
    columns=[
        *RUN_COLUMNS,
        *_WHO_AND_WHERE,
        _STATE,
        _count("cancelled_by_uid", "who cancelled it, by user id", "State", identifies=Identity.UID),
        *_EXIT,
        _count("derived_exit_code", "highest exit status of its steps", "DerivedExitCode"),
        _count("derived_exit_signal", "signal that goes with derived_exit_code; 0 = none", "DerivedExitCode"),
        _SUBMIT_KNOWN,
        _time("eligible_time", "when it became eligible to run", "Eligible"),
        _START_TIME,
        _END_TIME,
        _TIME_AMBIGUOUS,
        *_CPU_TIMES,
        *_ASKED_FOR,
        _count("nnodes", "nodes allocated; 0 if it never started", "AllocNodes"),
        _count("ncpus", "CPUs allocated; 0 if it never started", "AllocCPUS"),
        *_NODES,
        _tres("alloc_tres", "trackable resources allocated", "AllocTRES"),
        _ENERGY_J,
        _text("failed_node", "the node whose failure ended it", "FailedNode", identifies=Identity.HOST),
        _text("reservation", "name of the reservation it ran in", "Reservation", identifies=Identity.SITE),
        _count("reservation_id", "id of the reservation it ran in", "ReservationId", identifies=Identity.SITE),
        _text("constraints", "node features asked for", "Constraints", identifies=Identity.SITE),
        _text("licenses", "licenses asked for", "Licenses", identifies=Identity.SITE),
        _text("wckey", "workload characterization key", "WCKey", identifies=Identity.ACCOUNT),
        _count("wckey_id", "Slurm's number for the workload characterization key", "WCKeyID", identifies=Identity.UID),
        _text("mcs_label", "multi-category security label", "McsLabel", identifies=Identity.ACCOUNT),
        _text("container", "OCI container bundle", "Container", identifies=Identity.PATH),
        _text("block_id", "block of a BlueGene system", "BlockID", identifies=Identity.HOST),
        Column(
            "flags",
            LIST_TEXT,
            "how it was scheduled, in the words of the source",
            origin="Flags",
            identifies=Identity.NOTHING,
        ),
        _text("comment", "the user's comment", "Comment", identifies=Identity.TEXT),
        _text("admin_comment", "the administrator's comment", "AdminComment", identifies=Identity.TEXT),
        _text(
            "system_comment",
            "the system's comment, often from a burst buffer",
            "SystemComment",
            identifies=Identity.TEXT,
        ),
        _text("extra", "free text or JSON that the site added", "Extra", identifies=Identity.TEXT),
        _text("work_dir", "working directory", "WorkDir", identifies=Identity.PATH),
        _text("submit_line", "the command that submitted it", "SubmitLine", identifies=Identity.COMMAND),
        _text("stdin_path", "path of standard input, with its % patterns", "StdIn", identifies=Identity.PATH),
        _text("stdout_path", "path of standard output, with its % patterns", "StdOut", identifies=Identity.PATH),
        _text("stderr_path", "path of standard error, with its % patterns", "StdErr", identifies=Identity.PATH),
        _count("assoc_id", "Slurm's id of the user's association", "AssocID", identifies=Identity.UID),
        _count("db_index", "row number in Slurm's own database", "DBIndex"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["end_time", "job_id"],
    event_time="end_time",
    unique=True,
)


def _task_peak(name: str, what: str, field: str, unit: str | None) -> tuple[Column, ...]:
    """The largest value of any task, the node and the task that had it, and the mean over the tasks."""
    suffix = "_bytes" if unit == "B" else ""
    return (
        _count(f"max_{name}{suffix}", f"{what}, the largest of any task", f"Max{field}", unit),
        _text(f"max_{name}_node", f"node of the task with the largest {what}", f"Max{field}Node", Identity.HOST),
        _count(f"max_{name}_task", f"number of the task with the largest {what}", f"Max{field}Task"),
        _count(f"ave_{name}{suffix}", f"{what}, mean over the tasks", f"Ave{field}", unit),
    )


SLURM_STEPS: Final = Table(
    "slurm_steps",
    "Steps of Slurm jobs that have ended, one row a step: batch, extern, interactive, and each srun.",
    keys=[
        CLUSTER,
        STEP_RUN_ID,
        Column(
            "step_id",
            TEXT,
            "batch, extern, interactive, or a number; 0+1 in a heterogeneous step",
            origin="JobID",
            nullable=False,
            identifies=Identity.NOTHING,
        ),
    ],
    columns=[
        *RUN_COLUMNS,
        _text("step_name", "name of the step, often its command", "JobName", identifies=Identity.COMMAND),
        _STATE,
        _count("cancelled_by_uid", "who cancelled it, by user id", "State", identifies=Identity.UID),
        *_EXIT,
        _START_TIME,
        _END_TIME,
        _TIME_AMBIGUOUS,
        *_CPU_TIMES,
        _count("ntasks", "tasks", "NTasks"),
        _count("nnodes", "nodes", "AllocNodes"),
        _count("ncpus", "CPUs", "AllocCPUS"),
        *_NODES,
        _text("layout", "how its tasks were laid out over the nodes", "Layout", identifies=Identity.NOTHING),
        *_task_peak("rss", "resident memory", "RSS", "B"),
        *_task_peak("vm_size", "virtual memory", "VMSize", "B"),
        *_task_peak("pages", "page faults", "Pages", None),
        *_task_peak("disk_read", "bytes read", "DiskRead", "B"),
        *_task_peak("disk_write", "bytes written", "DiskWrite", "B"),
        _seconds("ave_cpu_s", "CPU time, mean over the tasks", "AveCPU"),
        _seconds("min_cpu_s", "CPU time, the least of any task", "MinCPU"),
        _text("min_cpu_node", "node of the task with the least CPU time", "MinCPUNode", Identity.HOST),
        _count("min_cpu_task", "number of the task with the least CPU time", "MinCPUTask"),
        _count("ave_cpu_freq_hz", "CPU frequency, mean over the tasks", "AveCPUFreq", "Hz"),
        _text(
            "req_cpu_freq_min",
            "least CPU frequency asked for, as Slurm writes it",
            "ReqCPUFreqMin",
            identifies=Identity.NOTHING,
        ),
        _text(
            "req_cpu_freq_max",
            "greatest CPU frequency asked for, as Slurm writes it",
            "ReqCPUFreqMax",
            identifies=Identity.NOTHING,
        ),
        _text("req_cpu_freq_gov", "CPU frequency governor asked for", "ReqCPUFreqGov", identifies=Identity.NOTHING),
        _ENERGY_J,
        _tres("alloc_tres", "trackable resources allocated", "AllocTRES"),
        *(
            column
            for way, field in (("in", "TRESUsageIn"), ("out", "TRESUsageOut"))
            for column in (
                _tres(f"tres_{way}_total", f"usage {way}, sum over the tasks", f"{field}Tot"),
                _tres(f"tres_{way}_ave", f"usage {way}, mean over the tasks", f"{field}Ave"),
                *(
                    column
                    for end, word in (("max", "largest"), ("min", "least"))
                    for column in (
                        _tres(f"tres_{way}_{end}", f"usage {way}, the {word} of any task", f"{field}{end.title()}"),
                        Column(
                            f"tres_{way}_{end}_node",
                            MAP_TEXTS,
                            f"node of the task with the {word} usage {way}",
                            origin=f"{field}{end.title()}Node",
                            identifies=Identity.HOST,
                        ),
                        Column(
                            f"tres_{way}_{end}_task",
                            MAP_COUNTS,
                            f"number of the task with the {word} usage {way}",
                            origin=f"{field}{end.title()}Task",
                            identifies=Identity.NOTHING,
                        ),
                    )
                ),
            )
        ),
        _text("container", "OCI container bundle", "Container", identifies=Identity.PATH),
        _text("submit_line", "the command that started it", "SubmitLine", identifies=Identity.COMMAND),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["end_time", "job_id", "step_id"],
    event_time="end_time",
    unique=True,
)

SLURM_RUNNING: Final = Table(
    "slurm_running",
    "Slurm jobs that had not ended when their source was last read; each gets its row in slurm_jobs once it has.",
    keys=[CLUSTER, RUN_ID],
    columns=[
        *RUN_COLUMNS,
        *_WHO_AND_WHERE,
        _STATE,
        _SUBMIT_KNOWN,
        _time("eligible_time", "when it became eligible to run", "Eligible"),
        _START_TIME,
        _TIME_AMBIGUOUS,
        *_ASKED_FOR,
        _count("nnodes", "nodes allocated; 0 while it is pending", "AllocNodes"),
        _count("ncpus", "CPUs allocated; 0 while it is pending", "AllocCPUS"),
        *_NODES,
        _tres("alloc_tres", "trackable resources allocated", "AllocTRES"),
    ],
    partition_by=[CLUSTER, DATE],
    sort_by=["submit_time", "job_id"],
    event_time="submit_time",
)
