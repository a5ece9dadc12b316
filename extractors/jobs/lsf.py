"""LSF: lsb.acct, whose JOB_FINISH records are values in a fixed order, texts in double quotes.

The order is that of IBM's reference page "lsb.acct". Of it, this reads up to the index of the array element.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from iolake.extractors.jobs.records import Job, Records, SchedulerFiles, known, refuse

_VALUE: Final = re.compile(r'"(?:[^"]|"")*"|[^\s"]+')
_RUSAGE_FIELDS: Final = 19
_HEAD: Final = (
    *("event", "version", "end_time", "job_id", "user_id", "options", "processors", "submit_time", "begin_time"),
    *("term_time", "start_time", "user", "queue", "res_req", "depend_cond", "pre_exec", "from_host", "cwd", "in_file"),
    *("out_file", "err_file", "job_file"),
)
_TAIL: Final = ("mail_user", "project", "exit_status", "max_processors", "login_shell", "time_event", "index")
_STATUS: Final = {"32": "EXIT", "64": "DONE"}


class Lsf(SchedulerFiles):
    """lsb.acct files of LSF."""

    source: ClassVar[str] = "lsf"
    what: ClassVar = "lsb.acct"
    heads: ClassVar = (r"^\"JOB_FINISH\" \"",)
    version = 2

    def parse(self, text: str, uri: str) -> Records:
        """The jobs of JOB_FINISH records."""
        records, found = Records(), 0
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            values = [
                value.strip('"') if value[0] != '"' else value[1:-1].replace('""', '"')
                for value in _VALUE.findall(line)
            ]
            if not re.fullmatch(r"[A-Z][A-Z0-9_]+", values[0] if values else ""):
                records.problems.append((f"line {number}", f"is not a record of lsb.acct: {line[:80]!r}"))
                continue
            found += 1
            if values[0] != "JOB_FINISH":
                continue
            try:
                records.jobs.append(_job(values))
            except (IndexError, ValueError):
                records.problems.append((f"line {number}", f"JOB_FINISH is cut off or of another form: {line[:80]!r}"))
        if text.strip() and not found:
            raise refuse(uri, "record of lsb.acct", "give LSF's lsb.acct files")
        return records


def _job(values: list[str]) -> Job:
    """A job; IndexError or ValueError where the record is too short or its counts are no numbers."""
    head = dict(zip(_HEAD, values, strict=False))
    at = len(_HEAD)
    at += 1 + _count(values[at])
    hosts_at, hosts = at + 1, _count(values[at])
    nodes = values[hosts_at : hosts_at + hosts]
    at = hosts_at + hosts
    status, name = values[at], values[at + 2]
    at += 4 + _RUSAGE_FIELDS
    tail = dict(zip(_TAIL, [values[at + place] for place in range(len(_TAIL))], strict=True))
    index, wait = tail["index"], _number(tail["exit_status"])
    started = known(head["start_time"], "0")
    _number(head["job_id"])
    return {
        "scheduler_id": head["job_id"] + (f"[{index}]" if index.isdecimal() and index != "0" else ""),
        "scheduler": "lsf",
        "job_name": known(name),
        "user_name": known(head["user"]),
        "uid": known(head["user_id"]),
        "account": known(tail["project"], "default"),
        "queue": known(head["queue"]),
        "submit_time": known(head["submit_time"], "0"),
        "start_time": started,
        "end_time": known(head["end_time"], "0"),
        "nnodes": None if started else "0",
        "ncpus": head["processors"] if started else "0",
        "node_list": ":".join(dict.fromkeys(nodes)) or None,
        "state": _STATUS.get(status, status),
        "exit_code": str(wait >> 8 & 255),
        "exit_signal": str(wait & 127),
    }


def _count(text: str) -> int:
    number = _number(text)
    if number > 1_000_000:
        raise ValueError(text)
    return number


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise ValueError(text)
    return int(text)
