"""PBS, OpenPBS and Torque: accounting logs, one record a line: `date time;E;id;attribute=value ...`.

E is written when a job ends, R when it is run again. Other records have no run that ended. Attributes and records are
those of the PBS administrator's guide, "Accounting".
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from iolake.extractors.jobs.records import Job, Records, SchedulerFiles, known, refuse

_RECORD: Final = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d;(?P<kind>[A-Za-z]);(?P<id>[^;]*);(?P<rest>.*)")
_ATTRIBUTE: Final = re.compile(r'([A-Za-z_][\w.\-]*)=("(?:[^"\\]|\\.)*"|\'[^\']*\'|\S*)')
_SIGNAL_FROM: Final = 256
"""An Exit_status from here on is that of a job ended by a signal: Torque adds 256 to it; OpenPBS, 256 or 128 twice."""


class Pbs(SchedulerFiles):
    """Accounting logs of PBS, OpenPBS and Torque."""

    source: ClassVar[str] = "pbs"
    what: ClassVar = "PBS's accounting logs"
    heads: ClassVar = (r"^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d;[A-Z];",)

    def parse(self, text: str, uri: str) -> Records:
        """The runs that E and R records end."""
        records, found = Records(), 0
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            record = _RECORD.fullmatch(line)
            if record is None:
                records.problems.append((f"line {number}", f"is not a record of PBS accounting: {line[:80]!r}"))
                continue
            found += 1
            if record["kind"] in "ER":
                job = _job(record["id"], dict(_ATTRIBUTE.findall(record["rest"])))
                if job["end_time"] is None:
                    if record["kind"] == "E":
                        records.problems.append((f"line {number}", "an E record without an end"))
                    continue
                job["state"] = "rerun" if record["kind"] == "R" else "finished"
                records.jobs.append(job)
        if text.strip() and not found:
            raise refuse(uri, "record of PBS accounting", "give the files of server_priv/accounting")
        return records


def _job(job_id: str, raw: dict[str, str]) -> Job:
    given = {name: value[1:-1] if value[:1] in "\"'" and len(value) > 1 else value for name, value in raw.items()}
    code, signal = _exit(given.get("Exit_status"))
    return {
        "scheduler_id": job_id,
        "scheduler": "pbs",
        "job_name": known(given.get("jobname")),
        "user_name": known(given.get("user")),
        "account": known(given.get("account")) or known(given.get("project"), "_pbs_project_default"),
        "queue": known(given.get("queue")),
        "submit_time": known(given.get("ctime"), "0"),
        "start_time": known(given.get("start"), "0"),
        "end_time": known(given.get("end"), "0"),
        "timelimit_s": known(given.get("Resource_List.walltime")),
        "nnodes": known(given.get("Resource_List.nodect")),
        "ncpus": known(given.get("Resource_List.ncpus")),
        "node_list": _nodes(given.get("exec_host") or given.get("exec_vnode")),
        "exit_code": code,
        "exit_signal": signal,
    }


def _nodes(exec_host: str | None) -> str | None:
    """`a/0*4+b/0` and `(a:ncpus=4)+(b:ncpus=1)` as `a+b`."""
    if not exec_host:
        return None
    names = (re.split(r"[/:]", part.strip("()"), maxsplit=1)[0] for part in exec_host.split("+"))
    return "+".join(dict.fromkeys(name for name in names if name)) or None


def _exit(status: str | None) -> tuple[str | None, str | None]:
    """(exit status, signal) as text; null where PBS itself ended the job, which a negative number says."""
    if status is None or not status.isdecimal() or len(status) > 9:
        return None, None
    number = int(status)
    return (str(number), "0") if number < _SIGNAL_FROM else ("0", str(number % 128))
