"""A job of sacct's JSON, with its steps, as rows of sacct's own text fields.

Slurm's versions differ: a state is a word or a list of words; a number stands alone or as {set, infinite, number};
a step's id is an object or `26.batch`. Times are epochs; memory asked for or allocated is in MiB, memory used in
bytes, CPU time used in milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from iolake.extractors.slurm.fields import INFINITE_32, NO_VALUE_32

_BASE_STATES: Final = frozenset(
    {
        *("PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"),
        *("BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY"),
    }
)
"""What a job is; the other words of a list are flags on it (REQUEUED, …), which sacct's text prints instead."""

_IN_MIB: Final = frozenset({"mem", "bb", "gres/gpumem"})
"""Resources that are asked for and allocated in MiB, by type or by type and name."""

_UNLIMITED: Final = (INFINITE_32, 2**64 - 1, "Infinity")
_UNSET: Final = (NO_VALUE_32, 2**64 - 2)
"""Slurm's INFINITE and NO_VAL in 32 and 64 bits, and the word. Some versions print them as plain numbers."""

Row = dict[str, str | None]
"""Values by sacct's names of fields, in lower case."""


def job_and_steps(job: dict[str, Any]) -> Iterator[Row]:
    """Yield the row of a job, then one for each step.

    AttributeError, KeyError, TypeError or ValueError where no known version of Slurm writes such an object.
    """
    steps = [_step(step, job) for step in job.get("steps") or ()]
    yield {
        **_identity(job),
        **_result(job, steps),
        **_times(job.get("time") or {}, steps),
        **_resources(job),
        **_surroundings(job),
        **_texts(job),
    }
    yield from steps


def _identity(job: dict[str, Any]) -> Row:
    """Who ran the job, and where it was submitted."""
    association = job.get("association") or {}
    return {
        "jobid": _shown_id(job),
        "jobidraw": _job_id(job),
        "jobname": job.get("name"),
        "user": job.get("user") or association.get("user"),
        "group": job.get("group"),
        "account": job.get("account"),
        "cluster": job.get("cluster"),
        "partition": job.get("partition") or association.get("partition"),
        "qos": job.get("qos"),
        "associd": _number(association.get("id")),
    }


def _result(job: dict[str, Any], steps: list[Row]) -> Row:
    """How the job ended."""
    state = _state((job.get("state") or {}).get("current"), job.get("kill_request_user"))
    all_completed = {state, *(step["state"] for step in steps)} == {"COMPLETED"}
    return {
        "state": state,
        "reason": (job.get("state") or {}).get("reason"),
        "exitcode": _exit_code(job.get("exit_code"), state == "COMPLETED"),
        "derivedexitcode": _exit_code(job.get("derived_exit_code"), all_completed),
        "restarts": _number(job.get("restart_cnt")),
        "failednode": job.get("failed_node"),
    }


def _times(time: dict[str, Any], steps: list[Row]) -> Row:
    return {
        "submit": _number(time.get("submission")),
        "eligible": _number(time.get("eligible")),
        "start": _number(time.get("start")),
        "end": _number(time.get("end")),
        "elapsedraw": _number(time.get("elapsed")),
        "suspended": _number(time.get("suspended")),
        "timelimitraw": _number(time.get("limit")),
        **_cpu_times(time, steps),
    }


def _resources(job: dict[str, Any]) -> Row:
    """What the job asked for and got."""
    tres, required = job.get("tres") or {}, job.get("required") or {}
    return {
        "priority": _number(job.get("priority")),
        "reqcpus": _number(required.get("CPUs")),
        "reqnodes": _count(tres.get("requested"), "node"),
        "reqmem": _memory(required),
        "reqtres": _tres(tres.get("requested")),
        "alloccpus": _count(tres.get("allocated"), "cpu"),
        "allocnodes": _number(job.get("allocation_nodes")),
        "alloctres": _tres(tres.get("allocated")),
        "consumedenergyraw": _count(tres.get("allocated"), "energy"),
        "nodelist": job.get("nodes"),
    }


def _surroundings(job: dict[str, Any]) -> Row:
    """What the site's settings gave the job: reservation, constraints, licences, labels."""
    reservation = job.get("reservation") or {}
    return {
        "reservation": text_of(reservation.get("name") or None),
        "reservationid": _number(reservation.get("id") or None),
        "constraints": job.get("constraints"),
        "licenses": job.get("licenses"),
        "wckey": (job.get("wckey") or {}).get("wckey"),
        "mcslabel": (job.get("mcs") or {}).get("label"),
        "container": job.get("container"),
        "blockid": job.get("block"),
        "flags": ",".join(job.get("flags") or ()),
    }


def _texts(job: dict[str, Any]) -> Row:
    """Comments, and the job's files and command."""
    comment = job.get("comment") or {}
    return {
        "comment": comment.get("job"),
        "admincomment": comment.get("administrator"),
        "systemcomment": comment.get("system"),
        "extra": job.get("extra"),
        "workdir": job.get("working_directory"),
        "submitline": job.get("submit_line"),
        "stdin": job.get("stdin"),
        "stdout": job.get("stdout"),
        "stderr": job.get("stderr"),
    }


def _step(step: dict[str, Any], job: dict[str, Any]) -> Row:
    time, tres = step.get("time") or {}, step.get("tres") or {}
    nodes, statistics = step.get("nodes") or {}, step.get("statistics") or {}
    name, state = _step_id(step["step"]), _state(step.get("state"), step.get("kill_request_user"))
    frequency = (step.get("CPU") or {}).get("requested_frequency") or {}
    row: Row = {
        "jobid": f"{_shown_id(job)}.{name}",
        "jobidraw": f"{_job_id(job)}.{name}",
        "cluster": job.get("cluster"),
        "jobname": step["step"].get("name"),
        "state": state,
        "exitcode": _exit_code(step.get("exit_code"), state == "COMPLETED"),
        "start": _number(time.get("start")),
        "end": _number(time.get("end")),
        "elapsedraw": _number(time.get("elapsed")),
        "suspended": _number(time.get("suspended")),
        **_cpu_times(time, ()),
        "ntasks": _number((step.get("tasks") or {}).get("count")),
        "allocnodes": _number(nodes.get("count")),
        "alloccpus": _count(tres.get("allocated"), "cpu"),
        "nodelist": nodes.get("range"),
        "layout": (step.get("task") or {}).get("distribution"),
        "avecpufreq": _number((statistics.get("CPU") or {}).get("actual_frequency") or None),
        "reqcpufreqmin": _number(frequency.get("min")),
        "reqcpufreqmax": _number(frequency.get("max")),
        "consumedenergyraw": _number((statistics.get("energy") or {}).get("consumed")),
        "alloctres": _tres(tres.get("allocated")),
        "container": step.get("container"),
        "submitline": step.get("submit_line"),
    }
    for way, form in (("requested", "tresusagein"), ("consumed", "tresusageout")):
        usage = tres.get(way) or {}
        for end, field in (("total", "tot"), ("average", "ave"), ("max", "max"), ("min", "min")):
            row[form + field] = _usage(usage.get(end))
        for end in ("max", "min"):
            row[f"{form}{end}node"] = _where(usage.get(end), "node")
            row[f"{form}{end}task"] = _where(usage.get(end), "task")
    return row


def text_of(value: Any) -> str | None:
    """Return a value as sacct's text has it; None for null."""
    return None if value is None else str(value)


def _number(value: Any) -> str | None:
    """A number as text; null where it is not set, or one of Slurm's stand-ins for that."""
    if isinstance(value, dict):
        if value.get("infinite"):
            return "UNLIMITED"
        value = value.get("number") if value.get("set", True) else None
    if value in _UNLIMITED:
        return "UNLIMITED"
    if value is None or value in _UNSET or (isinstance(value, (int, float)) and value < 0):
        return None
    return str(value)


def _shown_id(job: dict[str, Any]) -> str:
    """The id as sacct shows it: 2_7 for an array's task, 2_[3-7] for tasks that wait, 11+1 for a component."""
    array, het = job.get("array") or {}, job.get("het") or {}
    task, offset = _number(array.get("task_id")), _number(het.get("job_offset"))
    first, leader = _number(array.get("job_id")) or "0", _number(het.get("job_id")) or "0"
    if first != "0" and task not in (None, "UNLIMITED"):
        return f"{first}_{task}"
    if first != "0" and array.get("task"):
        return f"{first}_[{array['task']}]"
    if leader != "0" and offset not in (None, "UNLIMITED"):
        return f"{leader}+{offset}"
    return _job_id(job)


def _job_id(job: dict[str, Any]) -> str:
    number = _number(job["job_id"])
    if number is None or not number.isdecimal():
        raise ValueError(f"job_id is {job['job_id']!r}")
    return number


def _step_id(step: dict[str, Any]) -> str:
    """batch, 0, or 0+1 of {id: 0, het: {component: 1}}, of `26.batch` and of {id: {job_id: 26, step_id: batch}}."""
    given = step["id"]
    if isinstance(given, dict) and "step_id" in given:
        given = given["step_id"]
    name = given.rpartition(".")[2] if isinstance(given, str) else _number(given)
    if name is None or not re.fullmatch(r"[\w+]+", name):
        raise ValueError(f"a step's id is {step['id']!r}")
    component = None if isinstance(given, str) and "." in given else _number((step.get("het") or {}).get("component"))
    return name + (f"+{component}" if component is not None else "")


def _state(current: Any, killer: Any) -> str | None:
    words = [current] if isinstance(current, str) else current or []
    state = next((word for word in words if word not in _BASE_STATES), words[0] if words else None)
    return f"{state} by {killer}" if state == "CANCELLED" and killer else state


def _exit_code(code: dict[str, Any] | None, succeeded: bool) -> str | None:
    """`status:signal`; null where neither is known.

    Up to Slurm 22.05 (a status that is one word) the JSON says SUCCESS and 0 of every job that was not ended by a
    signal, whatever it returned: it is believed only where the state says the same.
    """
    code = code or {}
    signal = code.get("signal") or {}
    number = _number(signal.get("signal_id", signal.get("id")))
    status = _number(code.get("return_code"))
    if (code.get("status") == "SUCCESS" and not succeeded) or (number is None and status is None):
        return None
    return f"{status or 0}:{number or 0}"


def _cpu_times(time: dict[str, Any], steps: Iterable[Row]) -> Row:
    """TotalCPU, UserCPU and SystemCPU in seconds. A job's own are not kept by Slurm: they are its steps' sums."""
    row: Row = {}
    for key, field in (("total", "totalcpu"), ("user", "usercpu"), ("system", "systemcpu")):
        used = time.get(key)
        if used is None:
            continue
        micros = int(_number(used["seconds"]) or 0) * 1_000_000 + int(_number(used["microseconds"]) or 0)
        micros = micros or sum(round(float(step.get(field) or 0) * 1_000_000) for step in steps)
        row[field] = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
    return row


def _memory(required: dict[str, Any]) -> str | None:
    """ReqMem from the memory for each CPU or node, in MiB; versions that do not say which leave it to ReqTRES."""
    for key, letter in (("memory_per_cpu", "c"), ("memory_per_node", "n")):
        if (amount := _number(required.get(key))) is not None:
            return f"{amount}M{letter}"
    return None


def _names(tres: Iterable[dict[str, Any]] | None) -> list[tuple[str, dict[str, Any]]]:
    """(name, item) of each resource, by name, as sacct's text has them."""
    named = ((f"{item['type']}/{item['name']}" if item.get("name") else item["type"], item) for item in tres or ())
    return sorted(named, key=lambda pair: str(pair[0]))


def _count(tres: Iterable[dict[str, Any]] | None, wanted: str) -> str | None:
    return next((_number(item.get("count")) for name, item in _names(tres) if name == wanted), None)


def _tres(tres: Iterable[dict[str, Any]] | None) -> str:
    """`cpu=4,mem=800M` of resources asked for or allocated."""
    counts = ((name, item["type"], _number(item.get("count"))) for name, item in _names(tres))
    return ",".join(
        f"{name}={count}{'M' if {name, kind} & _IN_MIB else ''}" for name, kind, count in counts if count is not None
    )


def _usage(tres: Iterable[dict[str, Any]] | None) -> str:
    """`cpu=0:0:1.500,mem=12488704` of resources used."""
    counts = ((name, _number(item.get("count"))) for name, item in _names(tres))
    return ",".join(
        f"{name}={f'0:0:{int(count) / 1000:.3f}' if name == 'cpu' else count}"
        for name, count in counts
        if count is not None
    )


def _where(tres: Iterable[dict[str, Any]] | None, key: str) -> str:
    """`mem=n1` or `mem=0`: where the largest or least usage was. Energy is a node's, so it has no task."""
    places = ((name, _number(item.get(key)) if key == "task" else item.get(key)) for name, item in _names(tres))
    return ",".join(f"{name}={at}" for name, at in places if at not in (None, "") and (key, name) != ("task", "energy"))
